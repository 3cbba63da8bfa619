// What answers took, against what the planner predicted.
import type { Cluster, RecentRequest } from "./types";

export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
const present = (values: (number | null)[]) => values.filter((value) => value !== null);

export interface Figures {
  count: number;
  failed: number;
  firstToken: number | null; // s, the median
  slowFirstToken: number | null; // s, of the slowest twentieth
  speed: number | null; // tokens/s, the median
  accepted: number | null; // s until the devices accept a request, the median
}

export function figuresOf(requests: readonly RecentRequest[]): Figures {
  const first = present(requests.map((each) => each.first_token_s));
  return {
    count: requests.length,
    failed: requests.filter((each) => each.first_token_s === null && each.answer_tokens === 0).length,
    firstToken: quantile(first, 0.5),
    slowFirstToken: quantile(first, 0.95),
    speed: quantile(present(requests.map((each) => each.tokens_per_s)), 0.5),
    accepted: quantile(present(requests.map((each) => each.accepted_s)), 0.5),
  };
}

export interface Comparison {
  model: string;
  predicted: number; // tokens/s
  measured: number | null;
  predictedFirst: number; // s
  measuredFirst: number | null;
  answers: number;
}

// Of the answers that this node's clients got since the model has its plan.
export function comparisons(cluster: Cluster, requests: readonly RecentRequest[]): Comparison[] {
  return cluster.models.flatMap((model) => {
    if (!model.plan) return [];
    const since = model.serving_since_unix_s ?? 0;
    const own = requests.filter((each) => each.model === model.model && each.at_unix_s >= since);
    const figures = figuresOf(own);
    const { tokens_per_s_alone: predicted, first_token_s: predictedFirst } = model.plan.predicted;
    return [{ model: model.model, predicted, measured: figures.speed, predictedFirst, measuredFirst: figures.firstToken, answers: own.length }];
  });
}
