#include "cli/plan/report.h"

#include <algorithm>
#include <format>

#include "cli/table.h"
#include "placement/ring.h"

namespace exogpu::cli {
namespace {

constexpr size_t kUnusedShown = 12;

std::string rate_text(double per_s) {
  if (per_s < 10) return std::format("{:.2f}", per_s);
  return per_s < 1000 ? std::format("{:.1f}", per_s) : format_count(static_cast<uint64_t>(per_s));
}

std::string time_text(double s) {
  if (s < 1e-3) return std::format("{:.0f} us", s * 1e6);
  if (s < 1) return std::format("{:.{}f} ms", s * 1e3, s < 0.01 ? 2 : s < 0.1 ? 1 : 0);
  return std::format("{:.{}f} s", s, s < 10 ? 2 : s < 100 ? 1 : 0);
}

std::string layers_text(wire::LayerRange layers) {
  return layers.size() == 1 ? std::format("{}", layers.begin) : std::format("{}-{}", layers.begin, layers.end - 1);
}

std::string objective_text(wire::Objective objective) {
  switch (objective) {
    case wire::Objective::latency: return "for the most tokens per second of one sequence alone";
    case wire::Objective::throughput: return "for the most tokens per second of all sequences together";
    case wire::Objective::first_token: return "for the earliest first token";
    case wire::Objective::efficiency: return "for the most tokens per joule at half of the best speed or more";
  }
  return {};
}

std::string room(const wire::ServingSettings& serving) {
  const std::string context = format_count(serving.context);
  if (serving.pool_tokens > 0) {
    return std::format("{} tokens in all, up to {} of them in one of {} sequences", format_count(serving.pool_tokens),
                       context, serving.sequences);
  }
  if (serving.sequences == 1) return std::format("{} tokens of context", context);
  return std::format("{} tokens of context in each of {} sequences", context, serving.sequences);
}

std::string heading(const PlanReport& r) {
  Bytes weights = r.shape.embedding_bytes + r.shape.head_bytes - r.shape.ends_shared_bytes;
  for (const wire::LayerShape& layer : r.shape.layers) weights += layer.weight_bytes;
  return std::format("{}: {} layers, {} of weights; room for {}\n", r.shape.name, r.shape.layers.size(),
                     format_bytes(weights), room(r.request.serving));
}

const wire::DeviceProfile& profile_of(const PlanReport& r, const wire::DeviceRef& device) {
  return *std::ranges::find(r.view.devices, device, &wire::DeviceProfile::id);
}

std::string stages_table(const PlanReport& r) {
  Rows rows = {
      {"LAYERS", "DEVICE", "NAME", "NEEDS", "OF FREE", "WEIGHTS", "KV CACHE", "COMPUTE", "PER TOKEN", "THEN HOP"}};
  for (const wire::Stage& stage : r.answer.plan.stages) {
    const wire::DeviceProfile& device = profile_of(r, stage.device);
    rows.push_back({layers_text(stage.layers), placement::label(r.view, stage.device), device.name,
                    format_bytes(stage.memory.total()), format_bytes(device.memory_free),
                    format_bytes(stage.memory.weights), format_bytes(stage.memory.cache),
                    format_bytes(stage.memory.compute), time_text(stage.decode_s),
                    stage.hop_s > 0 ? time_text(stage.hop_s) : ""});
  }
  return format_table(rows);
}

std::string predicted_text(const PlanReport& r) {
  const wire::PredictedSpeed& speed = r.answer.plan.predicted;
  std::string text = std::format("Predicted: {} tokens/s for one sequence alone (with {} tokens in its context)\n",
                                 rate_text(speed.tokens_per_s_alone),
                                 format_count(static_cast<uint64_t>(placement::context_mean_of(r.request))));
  if (r.request.serving.sequences > 1)
    text += std::format("           {} tokens/s for {} sequences together\n", rate_text(speed.tokens_per_s_parallel),
                        r.request.serving.sequences);
  if (speed.joules_per_token > 0)
    text += std::format("           {:.3g} J for a token of one sequence, beside what idle devices draw\n",
                        speed.joules_per_token);
  for (const wire::Stage& stage : r.answer.plan.stages)
    if (stage.layers_streamed > 0)
      text += std::format(
          "           {} of {} layers stream from the disk, {} for each step: no devices have memory for all\n",
          stage.layers_streamed, stage.layers.size(), format_bytes(stage.bytes_streamed));
  return text + std::format("           {} to the first token of an answer to {} tokens\n",
                            time_text(speed.first_token_s), format_count(placement::prompt_of(r.request)));
}

std::string stages_text(const PlanReport& r, const wire::Plan& plan) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t i = 0; i < plan.stages.size() && i < kShown; ++i)
    text += std::format("{}{} {}", i == 0 ? "" : ", ", placement::label(r.view, plan.stages[i].device),
                        layers_text(plan.stages[i].layers));
  if (plan.stages.size() > kShown) text += std::format(", and {} more", plan.stages.size() - kShown);
  return text;
}

std::string alternatives_table(const PlanReport& r) {
  if (r.answer.alternatives.empty()) return {};
  Rows rows = {{"ALTERNATIVE", "TOKENS/S ALONE", "TOGETHER", "FIRST TOKEN", "LAYERS"}};
  const bool together = r.request.serving.sequences > 1;
  for (const placement::Alternative& other : r.answer.alternatives) {
    if (!other.plan) {
      rows.push_back({other.name, "-", together ? "-" : "", "-", other.reason});
      continue;
    }
    const bool same = other.plan->stages == r.answer.plan.stages;
    rows.push_back({other.name, rate_text(other.plan->predicted.tokens_per_s_alone),
                    together ? rate_text(other.plan->predicted.tokens_per_s_parallel) : "",
                    time_text(other.plan->predicted.first_token_s), same ? "this plan" : stages_text(r, *other.plan)});
  }
  return "\n" + format_table(rows);
}

std::string unused_table(const PlanReport& r) {
  const std::vector<placement::UnusedDevice>& all = r.answer.unused;
  if (all.empty()) return {};
  Rows rows = {{"UNUSED", "NAME", "WHY"}};
  for (size_t i = 0; i < all.size() && i < kUnusedShown; ++i)
    rows.push_back({placement::label(r.view, all[i].device), profile_of(r, all[i].device).name, all[i].reason});
  std::string text = "\n" + format_table(rows);
  if (all.size() > kUnusedShown) text += std::format("and {} more; --json lists all\n", all.size() - kUnusedShown);
  return text;
}

std::string verdicts_table(const PlanReport& r) {
  if (!r.why) return {};
  Rows rows = {{"WHY " + placement::label(r.view, *r.why), "ALLOWS", "BECAUSE"}};
  for (const placement::Verdict& verdict : r.verdicts)
    rows.push_back({std::string(verdict.name), verdict.allows ? "yes" : "no", verdict.reason});
  return "\n" + format_table(rows);
}

// The soft constraints that no plan meets.
std::string given_up_text(const PlanReport& r) {
  std::string names;
  for (const placement::Soft soft : placement::kSoft) {
    if (r.answer.given_up.has(soft)) names += (names.empty() ? "" : ", ") + std::string(to_string(soft));
  }
  return names.empty() ? names : std::format("No plan meets all constraints; given up: {}.\n", names);
}

std::string how_sure(const PlanReport& r) {
  if (!r.request.fixed_layers.empty()) return "The layers are assigned by hand.\n";
  std::string objective = objective_text(r.request.serving.objective);
  if (r.request.devices_min > 1) objective += std::format(" over {} devices at least", r.request.devices_min);
  const std::string given_up = given_up_text(r);
  switch (r.answer.method) {
    case placement::Method::exact:
      return std::format("The best plan {}, by the measured speeds.\n{}", objective, given_up);
    case placement::Method::search:
      return std::format("The best plan that was found {}; there are too many to try all.\n{}", objective, given_up);
    case placement::Method::greedy:
      return std::format("The first plan that was found, made faster {}; few plans fit.\n{}", objective, given_up);
  }
  return {};
}

}  // namespace

std::string as_text(const PlanReport& report) {
  return heading(report) + how_sure(report) + "\n" + stages_table(report) + "\n" + predicted_text(report) +
         alternatives_table(report) + unused_table(report) + verdicts_table(report);
}

}  // namespace exogpu::cli
