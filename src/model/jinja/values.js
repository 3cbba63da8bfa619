// How Python prints, compares and serialises the values of a template. Behind @huggingface/jinja, in its scope.

// Thrown by raise_exception: the words are the template author's.
class TemplateError extends Error {}
TemplateError.prototype.name = "TemplateError";

// A render that would take more than it may.
class LimitError extends Error {}
LimitError.prototype.name = "LimitError";

// An integer beyond 2^53, which a double cannot hold; its digits are kept for printing.
class BigIntegerValue extends IntegerValue {
  constructor(digits) {
    super(Number(digits));
    this.digits = digits;
  }
  toString() {
    return this.digits;
  }
}

// The arguments of a tool call. OpenAI's messages carry them as JSON text, templates expect either that text or the
// object in it: this is the object, and the text where a string is needed.
class ArgumentsValue extends ObjectValue {
  constructor(text, map) {
    super(map);
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const NONE = new NullValue();

// A dict's key within its Map: a string, or a number for an integer or a truth value. undefined: no key that a dict may
// have here.
function keyOf(value) {
  if (value instanceof StringValue) return value.value;
  return value instanceof IntegerValue || value instanceof BooleanValue ? Number(value.value) : undefined;
}

function keyValue(key) {
  return typeof key === "number" ? new IntegerValue(key) : new StringValue(key);
}

function undefinedValue(hint) {
  const value = new UndefinedValue();
  value.hint = hint;
  return value;
}

function undefinedError(value) {
  return new Error(value.hint ?? "a value is undefined");
}

const TYPE_NAMES = [
  [StringValue, "str"],
  [IntegerValue, "int"],
  [FloatValue, "float"],
  [BooleanValue, "bool"],
  [NullValue, "NoneType"],
  [UndefinedValue, "Undefined"],
  [TupleValue, "tuple"],
  [ArrayValue, "list"],
  [ObjectValue, "dict"],
  [NamespaceValue, "Namespace"],
  [FunctionValue, "function"],
];

function typeName(value) {
  for (const [type, name] of TYPE_NAMES) {
    if (value instanceof type) return name;
  }
  return "object";
}

function isNumber(value) {
  return value instanceof IntegerValue || value instanceof FloatValue || value instanceof BooleanValue;
}

// repr(float)
function floatText(x) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Object.is(x, -0)) return "-0.0";
  const [mantissa, power] = x.toExponential().split("e");
  const exponent = Number(power);
  if (x !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const text = x.toString();
  return text.includes(".") ? text : text + ".0";
}

function integerText(x) {
  return Number.isSafeInteger(x) ? String(x) : BigInt(x).toString();
}

// repr(str)
function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    if (char === "'" || char === '"') return char === quote ? "\\" + char : char;
    const short = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
    if (short) return short;
    const hex = char.codePointAt(0).toString(16);
    return hex.length <= 2 ? "\\x" + hex.padStart(2, "0")
      : hex.length <= 4 ? "\\u" + hex.padStart(4, "0") : "\\U" + hex.padStart(8, "0");
  });
  return quote + body + quote;
}

// repr()
function repr(value) {
  if (value instanceof StringValue) return quoted(value.value);
  if (value instanceof UndefinedValue) return "Undefined";
  if (value instanceof TupleValue) {
    const items = value.value.map(repr);
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
  }
  if (value instanceof ArrayValue) return `[${value.value.map(repr).join(", ")}]`;
  if (value instanceof ObjectValue || value instanceof NamespaceValue) {
    const items = Array.from(value.value, ([key, item]) => `${repr(keyValue(key))}: ${repr(item)}`);
    return value instanceof ObjectValue ? `{${items.join(", ")}}` : `<Namespace {${items.join(", ")}}>`;
  }
  return text(value);
}

// str(), which is what {{ value }} prints
function text(value) {
  if (value instanceof StringValue) return value.value;
  if (value instanceof UndefinedValue) return "";
  if (value instanceof NullValue) return "None";
  if (value instanceof BooleanValue) return value.value ? "True" : "False";
  if (value instanceof FloatValue) return floatText(value.value);
  if (value instanceof BigIntegerValue || value instanceof ArgumentsValue) return value.toString();
  if (value instanceof IntegerValue) return integerText(value.value);
  if (value instanceof FunctionValue) return "<function>";
  return repr(value);
}

function jsonString(text, ensureAscii) {
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[\x7f-\uffff]/g, (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
}

function compareCodePoints(a, b) {
  const left = Array.from(a, (char) => char.codePointAt(0));
  const right = Array.from(b, (char) => char.codePointAt(0));
  for (let i = 0; i < left.length && i < right.length; ++i) {
    if (left[i] !== right[i]) return left[i] - right[i];
  }
  return left.length - right.length;
}

// json.dumps(value, ensure_ascii=…, indent=…, separators=…, sort_keys=…), with Hugging Face's default of not escaping
// what is not ASCII.
toJSON = function (value, options = {}, depth = 0) {
  const { indent = null, ensureAscii = false, sortKeys = false } = options;
  const [comma, colon] = options.separators ?? [indent === null ? ", " : ",", ": "];
  if (value instanceof StringValue) return jsonString(value.value, ensureAscii);
  if (value instanceof NullValue) return "null";
  if (value instanceof BooleanValue) return value.value ? "true" : "false";
  if (value instanceof FloatValue) {
    const number = floatText(value.value);
    return { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" }[number] ?? number;
  }
  if (value instanceof IntegerValue) return text(value);

  const container = (open, items, close) => {
    if (items.length === 0) return open + close;
    if (indent === null) return open + items.join(comma) + close;
    const line = "\n" + indent.repeat(depth);
    return open + line + indent + items.join(comma + line + indent) + line + close;
  };
  if (value instanceof ArrayValue) {
    return container("[", value.value.map((item) => toJSON(item, options, depth + 1)), "]");
  }
  if (value instanceof ObjectValue) {
    let entries = Array.from(value.value, ([key, item]) => [String(key), item]);
    if (sortKeys) entries = entries.sort(([a], [b]) => compareCodePoints(a, b));
    const items = entries.map(
      ([key, item]) => jsonString(key, ensureAscii) + colon + toJSON(item, options, depth + 1));
    return container("{", items, "}");
  }
  throw new Error(`an object of type ${typeName(value)} is not JSON serializable`);
};

// ==
function equals(a, b) {
  if (isNumber(a) && isNumber(b)) {
    if (a instanceof BigIntegerValue && b instanceof BigIntegerValue) return a.digits === b.digits;
    return Number(a.value) === Number(b.value);
  }
  if (a instanceof TupleValue !== b instanceof TupleValue) return false;
  if (a instanceof ArrayValue && b instanceof ArrayValue) {
    return a.value.length === b.value.length && a.value.every((item, i) => equals(item, b.value[i]));
  }
  if (a instanceof ObjectValue && b instanceof ObjectValue) {
    if (a.value.size !== b.value.size) return false;
    for (const [key, item] of a.value) {
      const other = b.value.get(key);
      if (other === undefined || !equals(item, other)) return false;
    }
    return true;
  }
  // A template that compares a tool call's arguments with text means their text.
  if (a instanceof ArgumentsValue && b instanceof StringValue) return a.text === b.value;
  if (b instanceof ArgumentsValue && a instanceof StringValue) return b.text === a.value;
  if (typeName(a) !== typeName(b)) return false;
  return a === b || (!(a instanceof FunctionValue) && a.value === b.value);
}

// <0, 0 or >0: the order of Python; unless caseSensitive, strings are compared as Jinja's filters do.
compareRuntimeValues = function (a, b, caseSensitive = false) {
  if (isNumber(a) && isNumber(b)) return Number(a.value) - Number(b.value);
  if (a instanceof StringValue && b instanceof StringValue) {
    return caseSensitive ? compareCodePoints(a.value, b.value)
                         : compareCodePoints(a.value.toLowerCase(), b.value.toLowerCase());
  }
  if (a instanceof ArrayValue && b instanceof ArrayValue) {
    for (let i = 0; i < a.value.length && i < b.value.length; ++i) {
      const order = compareRuntimeValues(a.value[i], b.value[i], caseSensitive);
      if (order !== 0) return order;
    }
    return a.value.length - b.value.length;
  }
  throw new Error(`'${typeName(a)}' and '${typeName(b)}' cannot be ordered`);
};

// The host's search loops cannot be interrupted, so a search that may take seconds is refused before it starts.
function checkSearch(haystack, needle) {
  if (haystack.length * needle.length > 2 ** 32) throw new LimitError("searching one very long text for another");
}

// in
function contains(container, item) {
  if (container instanceof ArgumentsValue && item instanceof StringValue) return container.value.has(item.value);
  if (container instanceof StringValue) {
    if (!(item instanceof StringValue)) {
      throw new Error(`'in <string>' requires a string on the left, not ${typeName(item)}`);
    }
    checkSearch(container.value, item.value);
    return container.value.includes(item.value);
  }
  if (container instanceof ArrayValue) return container.value.some((other) => equals(other, item));
  if (container instanceof ObjectValue) return container.value.has(keyOf(item));
  if (container instanceof UndefinedValue) return false;
  throw new Error(`a value of type ${typeName(container)} is not iterable`);
}

// What `for` and the list filters go through.
function iterate(value) {
  if (value instanceof ArrayValue) return value.value;
  if (value instanceof ObjectValue) return Array.from(value.value.keys(), keyValue);
  if (value instanceof StringValue) return Array.from(value.value, (char) => new StringValue(char));
  if (value instanceof UndefinedValue) return [];
  throw new Error(`a value of type ${typeName(value)} is not iterable`);
}

function lengthOf(value) {
  if (value instanceof StringValue) {
    let surrogates = 0;
    for (let i = 0; i < value.value.length; ++i) {
      const code = value.value.charCodeAt(i);
      if (code >= 0xdc00 && code < 0xe000) ++surrogates;
    }
    return value.value.length - surrogates;
  }
  if (value instanceof ObjectValue) return value.value.size;
  if (value instanceof ArrayValue) return value.value.length;
  if (value instanceof UndefinedValue) return 0;
  throw new Error(`a value of type ${typeName(value)} has no length`);
}

// Arguments by position and by keyword -> one array in the order of `names`; absent ones are undefined.
function bindArguments(what, args, names) {
  const positional = args.filter((arg) => !(arg instanceof KeywordArgumentsValue));
  if (positional.length > names.length) throw new Error(`${what} takes at most ${names.length} arguments`);
  const bound = names.map((_, i) => positional[i]);
  for (const arg of args) {
    if (!(arg instanceof KeywordArgumentsValue)) continue;
    for (const [name, value] of arg.value) {
      const at = names.indexOf(name);
      if (at < 0) throw new Error(`${what} has no argument '${name}'`);
      bound[at] = value;
    }
  }
  return bound;
}
