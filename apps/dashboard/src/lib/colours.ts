// A colour for each node, by its place among all of them, so that one node has the same one everywhere.
import type { ClusterNode } from "./types";

export const kColours = 8; // --node-0 ... in app.css

export function colourOf(nodes: ClusterNode[], name: string): string {
  const at = nodes.findIndex((node) => node.name === name);
  return `var(--node-${(at < 0 ? 0 : at) % kColours})`;
}
