// JSON patches (RFC 6902) as the server sends them: add, remove, replace.
export interface Operation {
  op: "add" | "remove" | "replace";
  path: string;
  value?: unknown;
}

const unescape = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

// Changes `target` in place, so that only what uses a changed value is drawn again. Throws if the patch does not fit,
// after which `target` is of no use.
export function applyPatch(target: unknown, patch: Operation[]): void {
  for (const { op, path, value } of patch) {
    const parts = path.split("/").slice(1).map(unescape);
    const last = parts.pop();
    if (last === undefined) throw new Error("a change of the whole");
    let place: any = target;
    for (const part of parts) place = place[part];
    if (place === null || typeof place !== "object") throw new Error(`no ${path}`);
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
}
