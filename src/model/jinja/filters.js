// Jinja's filters: name -> (value, args, apply), where apply(value, name, args) runs another filter.

function attributeOf(item, path) {
  if (path === null) return item;
  let value = item;
  const parts = path instanceof IntegerValue ? [path.value] : needString("attribute", path).split(".");
  for (const part of parts) {
    const key = typeof part === "number" || /^\d+$/.test(part) ? int(Number(part)) : str(part);
    value = subscript(value, key);
  }
  return value;
}

function flag(value, fallback = false) {
  return value === undefined ? fallback : value.__bool__().value;
}

function sorted(values, { caseSensitive, reverse, key }) {
  const sign = reverse ? -1 : 1;
  return values.slice().sort((a, b) => sign * compareRuntimeValues(key(a), key(b), caseSensitive));
}

function extreme(sign) {
  return (value, args) => {
    const [caseSensitive, attribute] = bindArguments("min/max", args, ["case_sensitive", "attribute"]);
    const key = (item) => attributeOf(item, optional(attribute));
    let best;
    for (const item of iterate(value)) {
      if (best === undefined || sign * compareRuntimeValues(key(item), key(best), flag(caseSensitive)) > 0) best = item;
    }
    return best ?? undefinedValue("no value in an empty sequence");
  };
}

function roundHalfEven(x) {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

function parseInteger(text, base) {
  const digits = strip(text, null, true, true).replace(/(?<=\d)_(?=\d)/g, "");
  const value = /^[+-]?[0-9a-z]+$/i.test(digits) ? parseInt(digits, base) : NaN;
  const valid = !Number.isNaN(value) && (base !== 10 || /^[+-]?\d+$/.test(digits));
  return valid ? value : NaN;
}

function parseFloatText(text) {
  const digits = strip(text, null, true, true);
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits) ? Number(digits) : NaN;
}

// select, reject (no attribute) and selectattr, rejectattr
function selecting(wanted, byAttribute) {
  return (value, args) => {
    const positional = args.filter((arg) => !(arg instanceof KeywordArgumentsValue));
    const attribute = byAttribute ? positional.shift() : null;
    if (attribute === undefined) throw new Error("selectattr and rejectattr need the name of an attribute");
    const name = positional.shift();
    const test = name === undefined ? (x) => x.__bool__().value : testNamed(needString("the name of a test", name));
    if (!value.__bool__().value) return list([]);  // none too
    return list(iterate(value).filter((item) => Boolean(test(attributeOf(item, attribute), ...positional)) === wanted));
  };
}

function escapeHtml(value) {
  return text(value).replace(/[&<>'"]/g, (char) =>
    ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" })[char]);
}

function titleFilter(text) {
  return text.split(/([-\s({[<]+)/).map(capitalize).join("");
}

const onText = (change) => (value) => str(change(text(value)));

const FILTERS = new Map(Object.entries({
  abs: (value) => {
    if (!isNumber(value)) throw new Error(`abs needs a number, not ${typeName(value)}`);
    const size = Math.abs(Number(value.value));
    return value instanceof FloatValue ? new FloatValue(size) : int(size);
  },
  attr: (value, args) => attribute(value, needString("attr", args[0])),
  batch: (value, args) => {
    const [count, fill] = bindArguments("batch", args, ["linecount", "fill_with"]);
    const size = needInteger("batch", count);
    if (size < 1) throw new Error("batch needs a count of at least 1");
    const rows = [];
    iterate(value).forEach((item, i) => (i % size === 0 ? rows.push([item]) : rows.at(-1).push(item)));
    while (rows.length > 0 && optional(fill) !== null && rows.at(-1).length < size) rows.at(-1).push(fill);
    return list(rows.map(list));
  },
  capitalize: onText(capitalize),
  default: (value, args) => {
    const [fallback, boolean] = bindArguments("default", args, ["default_value", "boolean"]);
    const missing = value instanceof UndefinedValue || (flag(boolean) && !value.__bool__().value);
    return missing ? fallback ?? str("") : value;
  },
  dictsort: (value, args) => {
    if (!(value instanceof ObjectValue)) throw new Error(`dictsort needs a dict, not ${typeName(value)}`);
    const [caseSensitive, by, reverse] = bindArguments("dictsort", args, ["case_sensitive", "by", "reverse"]);
    const which = by === undefined ? "key" : needString("dictsort", by);
    if (which !== "key" && which !== "value") throw new Error("dictsort sorts by 'key' or by 'value'");
    const key = (item) => item.value[which === "key" ? 0 : 1];
    const options = { caseSensitive: flag(caseSensitive), reverse: flag(reverse), key };
    return list(sorted(Array.from(value.value, pair), options));
  },
  escape: (value) => str(escapeHtml(value)),
  first: (value) => iterate(value)[0] ?? undefinedValue("no first item in an empty sequence"),
  float: (value, args) => {
    const [fallback] = bindArguments("float", args, ["default"]);
    const x = isNumber(value) ? Number(value.value) : value instanceof StringValue ? parseFloatText(value.value) : NaN;
    return Number.isNaN(x) ? fallback ?? new FloatValue(0) : new FloatValue(x);
  },
  indent: (value, args) => {
    const [width, first, blank] = bindArguments("indent", args, ["width", "first", "blank"]);
    const indent = width === undefined ? "    "
      : width instanceof StringValue ? width.value : " ".repeat(needInteger("indent", width));
    const lines = splitLines(text(value) + "\n", false);
    const rest = lines.map((line, i) => (i === 0 || (line === "" && !flag(blank)) ? line : indent + line));
    return str((flag(first) ? indent : "") + rest.join("\n"));
  },
  int: (value, args) => {
    const [fallback, base] = bindArguments("int", args, ["default", "base"]);
    let x = NaN;
    if (value instanceof BigIntegerValue) return value;
    if (isNumber(value)) x = Math.trunc(Number(value.value));
    if (value instanceof StringValue) {
      x = parseInteger(value.value, base === undefined ? 10 : needInteger("int", base));
      if (Number.isNaN(x)) x = Math.trunc(parseFloatText(value.value));
    }
    return Number.isFinite(x) ? int(x) : fallback ?? int(0);
  },
  items: (value) => {
    if (value instanceof UndefinedValue) return list([]);
    if (!(value instanceof ObjectValue)) throw new Error(`items needs a dict, not ${typeName(value)}`);
    return list(Array.from(value.value, pair));
  },
  join: (value, args) => {
    const [separator, attribute] = bindArguments("join", args, ["d", "attribute"]);
    const parts = iterate(value).map((item) => text(attributeOf(item, optional(attribute))));
    return str(parts.join(separator === undefined ? "" : text(separator)));
  },
  last: (value) => iterate(value).at(-1) ?? undefinedValue("no last item in an empty sequence"),
  length: (value) => int(lengthOf(value)),
  list: (value) => list(iterate(value).slice()),
  lower: onText((text) => text.toLowerCase()),
  map: (value, args, apply) => {
    if (!value.__bool__().value) return list([]);  // none too
    const keywords = args.find((arg) => arg instanceof KeywordArgumentsValue);
    if (keywords?.value.has("attribute")) {
      const path = keywords.value.get("attribute");
      const fallback = keywords.value.get("default");
      return list(iterate(value).map((item) => {
        const found = attributeOf(item, path);
        return found instanceof UndefinedValue ? fallback ?? found : found;
      }));
    }
    if (args.length === 0) throw new Error("map needs the name of a filter or an attribute");
    const name = needString("the name of a filter", args[0]);
    return list(iterate(value).map((item) => apply(item, name, args.slice(1))));
  },
  max: extreme(1),
  min: extreme(-1),
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  replace: (value, args) => STRING_METHODS.get("replace")("replace", text(value), args),
  reverse: (value) => {
    const items = iterate(value).slice().reverse();
    return value instanceof StringValue ? str(items.map(text).join("")) : list(items);
  },
  round: (value, args) => {
    const [precision, method] = bindArguments("round", args, ["precision", "method"]);
    if (!isNumber(value)) throw new Error(`round needs a number, not ${typeName(value)}`);
    const digits = precision === undefined ? 0 : needInteger("round", precision);
    const how = method === undefined ? "common" : text(method);
    const round = { common: roundHalfEven, ceil: Math.ceil, floor: Math.floor }[how];
    if (!round) throw new Error("round takes 'common', 'ceil' or 'floor'");
    if (value instanceof IntegerValue && how === "common" && digits >= 0) return value;
    const scale = 10 ** digits;
    return new FloatValue(round(Number(value.value) * scale) / scale);
  },
  safe: (value) => value,
  select: selecting(true, false),
  selectattr: selecting(true, true),
  sort: (value, args) => {
    const [reverse, caseSensitive, attribute] = bindArguments("sort", args, ["reverse", "case_sensitive", "attribute"]);
    const key = (item) => attributeOf(item, optional(attribute));
    return list(sorted(iterate(value), { caseSensitive: flag(caseSensitive), reverse: flag(reverse), key }));
  },
  string: (value) => (value instanceof StringValue ? value : str(text(value))),
  sum: (value, args) => {
    const [attribute, start] = bindArguments("sum", args, ["attribute", "start"]);
    return iterate(value).reduce((total, item) => binary("+", total, attributeOf(item, optional(attribute))),
                                 start ?? int(0));
  },
  title: onText(titleFilter),
  tojson: (value, args) => {
    const [ascii, indent, separators, sort] =
      bindArguments("tojson", args, ["ensure_ascii", "indent", "separators", "sort_keys"]);
    const width = optional(indent);
    return str(toJSON(value, {
      ensureAscii: flag(ascii),
      indent: width === null ? null
        : width instanceof StringValue ? width.value : " ".repeat(Math.max(0, needInteger("tojson", width))),
      separators: optional(separators) && iterate(separators).map(text),
      sortKeys: flag(sort),
    }));
  },
  trim: (value, args) => {
    const [chars] = bindArguments("trim", args, ["chars"]);
    return str(strip(text(value), optional(chars) && needString("trim", chars), true, true));
  },
  unique: (value, args) => {
    const [caseSensitive, attribute] = bindArguments("unique", args, ["case_sensitive", "attribute"]);
    const seen = new Set();
    return list(iterate(value).filter((item) => {
      const key = attributeOf(item, optional(attribute));
      const mark = flag(caseSensitive) || !(key instanceof StringValue) ? repr(key) : repr(key).toLowerCase();
      return !seen.has(mark) && seen.add(mark);
    }));
  },
  upper: onText((text) => text.toUpperCase()),
  wordcount: (value) => int((text(value).match(/[\p{L}\p{N}_]+/gu) ?? []).length),
}));
for (const [alias, name] of Object.entries({ d: "default", e: "escape", forceescape: "escape", count: "length" })) {
  FILTERS.set(alias, FILTERS.get(name));
}

function applyNamedFilter(value, name, args) {
  const filter = FILTERS.get(name);
  if (!filter) throw new Error(`no filter is named '${name}'`);
  return filter(value, args, applyNamedFilter);
}
