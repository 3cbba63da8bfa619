// What is wrong, in words, with what mends it.
import type { Texts } from "./texts";
import type { Cluster } from "./types";

export interface Problem {
  key: string;
  bad: boolean; // else something to know
  text: string;
  action?: { kind: "undrain"; node: string } | { kind: "models" } | { kind: "devices" };
}

export function problemsOf(cluster: Cluster, t: Texts): Problem[] {
  const list: Problem[] = [];
  const p = t.problems;
  if (!cluster.leader) list.push({ key: "leader", bad: true, text: p.noLeader(cluster.no_leader_reason ?? "") });
  for (const model of cluster.models) {
    if (model.serving) continue;
    const text = p.notServing(model.model, model.not_serving_reason ?? "");
    list.push({ key: `model ${model.content}`, bad: !model.plan, text, action: { kind: "models" } });
  }
  if (cluster.models.length === 0 && cluster.library.length === 0) {
    list.push({ key: "library", bad: false, text: p.noModels, action: { kind: "models" } });
  }
  if (cluster.model_file_error) list.push({ key: "file", bad: true, text: cluster.model_file_error });
  for (const conflict of cluster.identity_conflicts) {
    list.push({ key: `identity ${conflict.node}`, bad: true, text: p.identity(conflict.node, conflict.source) });
  }
  const nodes = new Map(cluster.nodes.map((node) => [node.id, node]));
  for (const node of cluster.nodes) {
    const add = (what: string, bad: boolean, text: string, action?: Problem["action"]) =>
      list.push({ key: `${what} ${node.id}`, bad, text, ...(action ? { action } : {}) });
    if (!node.online) {
      add("offline", true, p.offline(node.name, node.offline_reason ?? ""), { kind: "devices" });
      continue;
    }
    if (node.draining) add("draining", false, p.draining(node.name), { kind: "undrain", node: node.name });
    if (node.battery?.low) add("battery", true, p.battery(node.name, node.battery.charge_percent));
    if (node.memory_pressure === "layers" || node.memory_pressure === "cached") add("memory", true, p.memory(node.name));
    for (const device of node.devices) {
      const name = `${node.name}/${device.id}`;
      if (device.failure) add(`failure ${device.id}`, true, p.failure(name, device.failure));
      if (device.heat === "critical") add(`heat ${device.id}`, true, p.heat(name, device.temperature_c));
    }
    for (const link of node.links) {
      const to = link.avoided ? nodes.get(link.to) : undefined;
      if (to && node.id < to.id) add(`link ${to.id}`, true, p.link(node.name, to.name));
    }
  }
  return list;
}
