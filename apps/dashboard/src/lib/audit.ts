// The entries of a node's audit, as the page shows them.
import type { AuditEntry } from "./types";

export const auditKinds = ["keys", "models", "devices", "requests", "refused", "audit", "other"] as const;
export type AuditKind = (typeof auditKinds)[number];

export interface AuditRow {
  number: number; // by its place in the chain
  sound: boolean; // else somebody changed the line: `what` is all of it
  kind: AuditKind;
  at: number; // seconds since 1970; NaN: unknown
  who: string;
  from: string;
  action: string;
  what: string;
  result: string;
}

const patterns: [AuditKind, RegExp][] = [
  ["keys", /\/v1\/keys/],
  ["devices", /^(join|node\..*)$|\/v1\/cluster\//],
  ["models", /\/models\/|\/api\//],
  ["requests", /^requests$/],
  ["refused", /^refused$/],
  ["audit", /^audit\./],
];
export const kindOf = (action: string): AuditKind => patterns.find(([, pattern]) => pattern.test(action))?.[0] ?? "other";

// `entries`: lines that follow each other in the chain. A line that was changed may hold anything; its place tells its number.
export function auditRows(entries: AuditEntry[]): AuditRow[] {
  const numberIn = (entry: unknown) => (entry as { n?: unknown } | null)?.n;
  const known = entries.findLastIndex((entry) => Number.isSafeInteger(numberIn(entry)));
  const first = known < 0 ? 1 : (numberIn(entries[known]) as number) - known;
  return entries.map((entry, i) => {
    const fields = (entry !== null && typeof entry === "object" ? entry : {}) as Record<string, unknown>;
    const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
    const sound = fields["n"] === first + i && text("action") !== "";
    return {
      number: first + i,
      sound,
      kind: sound ? kindOf(text("action")) : "audit",
      at: sound ? Date.parse(text("time")) / 1000 : NaN,
      who: sound ? text("who") : "",
      from: sound ? text("from") : "",
      action: sound ? text("action") : "",
      what: sound ? text("what") : typeof entry === "string" ? entry : JSON.stringify(entry),
      result: sound ? text("result") : "",
    };
  });
}

// `words`: in lower case; `shown`: how the page names the action and who did it.
export const matches = (row: AuditRow, kind: AuditKind | "", words: string, shown: string[]) =>
  (!kind || row.kind === kind) &&
  (!words || [row.who, row.from, row.action, row.what, row.result, ...shown].some((text) => text.toLowerCase().includes(words)));
