// JSON patches (RFC 6902) as the server sends them: add, remove, replace.
export interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: unknown;
}

const unescape = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

// `target` with the patch applied. What lies on the way to a change is another object, all else is shared with `target`, which
// stays as it was; so a comparison of objects shows what has changed. Throws if the patch does not fit.
export function patched<T>(target: T, patch: readonly Operation[]): T {
  const copies = new Set<unknown>();
  const copyOf = (value: any, path: string): any => {
    if (value === null || typeof value !== "object") throw new Error(`no ${path}`);
    if (copies.has(value)) return value;
    const copy = Array.isArray(value) ? [...value] : { ...value };
    copies.add(copy);
    return copy;
  };
  const whole = copyOf(target, "");
  for (const { op, path, value } of patch) {
    const parts = path.split("/").slice(1).map(unescape);
    const last = parts.pop();
    if (last === undefined) throw new Error("a change of the whole");
    let place = whole;
    for (const part of parts) place = place[part] = copyOf(place[part], path);
    if (!Array.isArray(place)) {
      if (op === "remove") delete place[last];
      else place[last] = value;
      continue;
    }
    const index = last === "-" ? place.length : Number(last);
    if (op === "add") place.splice(index, 0, value);
    else if (index >= place.length) throw new Error(`no ${path}`);
    else if (op === "remove") place.splice(index, 1);
    else place[index] = value;
  }
  return whole;
}
