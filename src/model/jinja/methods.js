// The methods of Python's str, list and dict that a sandboxed template may call.

// str.isspace(): what strip() and split() take off. JavaScript's own trim() has another set.
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const IS_SPACE = new RegExp(`^[${SPACE}]$`);
const WORDS = new RegExp(`[^${SPACE}]+`, "g");

function isSpace(char) {
  return IS_SPACE.test(char);
}

// `chars`: a set to take off instead of white space, or null
function strip(text, chars, left, right) {
  const set = chars === null ? null : new Set(chars);
  const drop = set === null ? isSpace : (char) => set.has(char);
  let begin = 0;
  let end = text.length;
  while (left && begin < end) {
    const char = String.fromCodePoint(text.codePointAt(begin));
    if (!drop(char)) break;
    begin += char.length;
  }
  while (right && end > begin) {
    const low = text.charCodeAt(end - 1);
    const pair = low >= 0xdc00 && low < 0xe000 && end - begin >= 2;
    const char = text.slice(end - (pair ? 2 : 1), end);
    if (!drop(char)) break;
    end -= char.length;
  }
  return text.slice(begin, end);
}

function splitWords(text, limit) {
  const parts = [];
  WORDS.lastIndex = 0;
  const rest = strip(text, null, true, false);
  for (const match of rest.matchAll(WORDS)) {
    if (limit >= 0 && parts.length === limit) {
      parts.push(rest.slice(match.index));
      break;
    }
    parts.push(match[0]);
  }
  return parts;
}

function split(text, separator, limit, fromRight) {
  if (separator === null) {
    if (!fromRight || limit < 0) return splitWords(text, limit);
    const words = splitWords(text, -1);
    if (words.length <= limit) return words;
    let head = strip(text, null, true, true);
    const tail = words.slice(words.length - limit);
    for (const word of tail.slice().reverse()) {
      head = strip(head.slice(0, head.length - word.length), null, false, true);
    }
    return [head, ...tail];
  }
  if (separator === "") throw new Error("empty separator");
  checkSearch(text, separator);
  const parts = text.split(separator);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  if (fromRight) {
    const at = parts.length - limit;
    return [parts.slice(0, at).join(separator), ...parts.slice(at)];
  }
  return [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

function splitLines(text, keepEnds) {
  const lines = [];
  for (const match of text.matchAll(/([^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*)(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g)) {
    if (match[0] === "") break;
    lines.push(keepEnds ? match[0] : match[1]);
  }
  return lines;
}

function replaceText(text, from, to, count) {
  checkSearch(text, from);
  if (count < 0) count = Infinity;
  if (from === "") {
    const chars = Array.from(text);
    const out = [];
    chars.forEach((char) => {
      if (count-- > 0) out.push(to);
      out.push(char);
    });
    if (count > 0) out.push(to);
    return out.join("");
  }
  const parts = text.split(from);
  if (parts.length - 1 <= count) return parts.join(to);
  return parts.slice(0, count + 1).join(to) + from + parts.slice(count + 1).join(from);
}

function capitalize(text) {
  const first = Array.from(text.slice(0, 2))[0] ?? "";
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

// str.title(): every run of letters
function titleText(text) {
  return text.replace(/\p{L}+/gu, capitalize);
}

function needString(what, value) {
  if (value instanceof StringValue) return value.value;
  if (value instanceof ArgumentsValue) return value.text;
  throw new Error(`${what} needs a string, not ${value === undefined ? "nothing" : typeName(value)}`);
}

function needInteger(what, value) {
  if (value instanceof IntegerValue) return value.value;
  if (value instanceof BooleanValue) return Number(value.value);
  throw new Error(`${what} needs an integer, not ${typeName(value)}`);
}

function optional(value) {
  return value === undefined || value instanceof NullValue ? null : value;
}

const str = (value) => new StringValue(value);
const int = (value) => new IntegerValue(value);
const bool = (value) => new BooleanValue(value);
const list = (values) => new ArrayValue(values);

function stripMethod(left, right) {
  return (what, self, args) => {
    const [chars] = bindArguments(what, args, ["chars"]);
    return str(strip(self, optional(chars) && needString(what, chars), left, right));
  };
}

// str.format() without attributes, items and format specifications.
function formatText(what, self, args) {
  const positional = args.filter((arg) => !(arg instanceof KeywordArgumentsValue));
  const named = args.find((arg) => arg instanceof KeywordArgumentsValue)?.value ?? new Map();
  let next = 0;
  return self.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (match, field) => {
    if (match === "{{" || match === "}}") return match[0];
    const parts = /^(\d*|[\p{L}_][\p{L}\p{N}_]*)(?:!([rs]))?$/u.exec(field ?? "?");
    if (!parts) throw new Error(`${what} does not know the field ${match}`);
    const value = parts[1] === "" ? positional[next++] : positional[parts[1]] ?? named.get(parts[1]);
    if (value === undefined) throw new Error(`${what} has no argument for the field ${match}`);
    return parts[2] === "r" ? repr(value) : text(value);
  });
}

function affixMethod(test) {
  return (what, self, args) => {
    const [affix] = bindArguments(what, args, ["affix"]);
    const any = affix instanceof ArrayValue ? affix.value : [affix];
    return bool(any.some((one) => test(self, needString(what, one))));
  };
}

function splitMethod(fromRight) {
  return (what, self, args) => {
    const [sep, limit] = bindArguments(what, args, ["sep", "maxsplit"]);
    const at = optional(sep) && needString(what, sep);
    return list(split(self, at, limit === undefined ? -1 : needInteger(what, limit), fromRight).map(str));
  };
}

function findMethod(search, required) {
  return (what, self, args) => {
    const [sub] = bindArguments(what, args, ["sub"]);
    const needle = needString(what, sub);
    checkSearch(self, needle);
    const at = search(self, needle);
    if (at < 0 && required) throw new Error("substring not found");
    return int(at < 0 ? at : lengthOf(str(self.slice(0, at))));
  };
}

function partitionMethod(search, atEnd) {
  return (what, self, args) => {
    const [sep] = bindArguments(what, args, ["sep"]);
    const needle = needString(what, sep);
    checkSearch(self, needle);
    const at = search(self, needle);
    const parts = at >= 0 ? [self.slice(0, at), needle, self.slice(at + needle.length)]
                          : atEnd ? ["", "", self] : [self, "", ""];
    return new TupleValue(parts.map(str));
  };
}

function padMethod(place) {
  return (what, self, args) => {
    const [width, fill] = bindArguments(what, args, ["width", "fillchar"]);
    const missing = Math.max(0, needInteger(what, width) - lengthOf(str(self)));
    return str(place(self, missing, fill === undefined ? " " : needString(what, fill)));
  };
}

const classMethod = (pattern) => (what, self) => bool(pattern.test(self));
const plainMethod = (change) => (what, self) => str(change(self));

const STRING_METHODS = new Map(Object.entries({
  upper: plainMethod((self) => self.toUpperCase()),
  lower: plainMethod((self) => self.toLowerCase()),
  casefold: plainMethod((self) => self.toLowerCase()),
  capitalize: plainMethod(capitalize),
  title: plainMethod(titleText),
  swapcase: plainMethod((self) =>
    Array.from(self, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())).join("")),
  strip: stripMethod(true, true),
  lstrip: stripMethod(true, false),
  rstrip: stripMethod(false, true),
  startswith: affixMethod((self, affix) => self.startsWith(affix)),
  endswith: affixMethod((self, affix) => self.endsWith(affix)),
  removeprefix: (what, self, args) => {
    const affix = needString(what, args[0]);
    return str(self.startsWith(affix) ? self.slice(affix.length) : self);
  },
  removesuffix: (what, self, args) => {
    const affix = needString(what, args[0]);
    return str(affix !== "" && self.endsWith(affix) ? self.slice(0, -affix.length) : self);
  },
  split: splitMethod(false),
  rsplit: splitMethod(true),
  splitlines: (what, self, args) => {
    const [keepends] = bindArguments(what, args, ["keepends"]);
    return list(splitLines(self, keepends !== undefined && keepends.__bool__().value).map(str));
  },
  partition: partitionMethod((self, needle) => self.indexOf(needle), false),
  rpartition: partitionMethod((self, needle) => self.lastIndexOf(needle), true),
  find: findMethod((self, needle) => self.indexOf(needle), false),
  rfind: findMethod((self, needle) => self.lastIndexOf(needle), false),
  index: findMethod((self, needle) => self.indexOf(needle), true),
  rindex: findMethod((self, needle) => self.lastIndexOf(needle), true),
  count: (what, self, args) => {
    const needle = needString(what, args[0]);
    checkSearch(self, needle);
    return int(needle === "" ? lengthOf(str(self)) + 1 : self.split(needle).length - 1);
  },
  replace: (what, self, args) => {
    const [from, to, count] = bindArguments(what, args, ["old", "new", "count"]);
    const limit = optional(count) === null ? -1 : needInteger(what, count);
    return str(replaceText(self, needString(what, from), needString(what, to), limit));
  },
  format: (what, self, args) => str(formatText(what, self, args)),
  join: (what, self, args) => {
    const [items] = bindArguments(what, args, ["iterable"]);
    return str(iterate(items).map((item) => needString(what, item)).join(self));
  },
  isspace: classMethod(new RegExp(`^[${SPACE}]+$`)),
  isdigit: classMethod(/^\p{Nd}+$/u),
  isdecimal: classMethod(/^\p{Nd}+$/u),
  isnumeric: classMethod(/^\p{N}+$/u),
  isalpha: classMethod(/^\p{L}+$/u),
  isalnum: classMethod(/^[\p{L}\p{N}]+$/u),
  islower: (what, self) => bool(self === self.toLowerCase() && self !== self.toUpperCase()),
  isupper: (what, self) => bool(self === self.toUpperCase() && self !== self.toLowerCase()),
  ljust: padMethod((self, missing, fill) => self + fill.repeat(missing)),
  rjust: padMethod((self, missing, fill) => fill.repeat(missing) + self),
  zfill: padMethod((self, missing) => self.replace(/^[+-]?/, (sign) => sign + "0".repeat(missing))),
}));

const LIST_METHODS = new Map(Object.entries({
  index: (what, self, args) => {
    const at = self.findIndex((item) => equals(item, args[0]));
    if (at < 0) throw new Error(`${repr(args[0])} is not in the list`);
    return int(at);
  },
  count: (what, self, args) => int(self.filter((item) => equals(item, args[0])).length),
  copy: (what, self) => list(self.slice()),
}));

const pair = ([key, value]) => new TupleValue([keyValue(key), value]);

const DICT_METHODS = new Map(Object.entries({
  get: (what, self, args) => {
    const [key, fallback] = bindArguments(what, args, ["key", "default"]);
    return self.get(keyOf(key)) ?? fallback ?? NONE;
  },
  items: (what, self) => list(Array.from(self, pair)),
  keys: (what, self) => list(Array.from(self.keys(), keyValue)),
  values: (what, self) => list(Array.from(self.values())),
  copy: (what, self) => new ObjectValue(new Map(self)),
}));

// What the sandbox refuses because it changes its object.
const CHANGING = {
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"],
  dict: ["clear", "pop", "popitem", "setdefault", "update"],
};

// The method `name` of `object` as a value to call; undefined when its type has none.
function methodOf(object, name) {
  const kind = typeName(object);
  const table = { str: STRING_METHODS, list: LIST_METHODS, tuple: LIST_METHODS, dict: DICT_METHODS }[kind];
  const method = table?.get(name);
  if (method) return new FunctionValue((args) => method(`${name}()`, object.value, args));
  if (CHANGING[kind]?.includes(name)) {
    return new FunctionValue(() => {
      throw new Error(`${name}() changes its ${kind}, which a template may not do`);
    });
  }
  return undefined;
}
