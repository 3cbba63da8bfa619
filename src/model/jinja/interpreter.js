// Where @huggingface/jinja evaluates otherwise than Jinja on Python does, this evaluates as Jinja does.

// object.name: a method or attribute before an item of that name
function attribute(object, name) {
  if (object instanceof NamespaceValue || object instanceof LoopValue) {
    return object.value.get(name) ?? undefinedValue(`this object has no attribute '${name}'`);
  }
  const method = methodOf(object, name);
  if (method) return method;
  const item = object instanceof ObjectValue ? object.value.get(name) : undefined;
  return item ?? undefinedValue(`a value of type ${typeName(object)} has no attribute '${name}'`);
}

// object[key]: an item before a method or attribute of that name
function subscript(object, key) {
  if (object instanceof UndefinedValue) throw undefinedError(object);
  let item;
  if (key instanceof StringValue) {
    if (object instanceof ObjectValue || object instanceof NamespaceValue) item = object.value.get(key.value);
    return item ?? attribute(object, key.value);
  }
  if (key instanceof IntegerValue || key instanceof BooleanValue) {
    if (object instanceof ObjectValue) item = object.value.get(keyOf(key));
    const at = Number(key.value);
    if (object instanceof ArrayValue) item = object.value.at(at);
    if (object instanceof StringValue) {
      // In a text without surrogate pairs a code unit is a character.
      const chars = /[\ud800-\udfff]/.test(object.value) ? Array.from(object.value) : object.value;
      const char = chars.at(at);
      item = char === undefined ? undefined : str(char);
    }
  }
  return item ?? undefinedValue(`a value of type ${typeName(object)} has no item ${text(key)}`);
}

// `loop`, whose names are attributes and not items of a dict
class LoopValue extends RuntimeValue {}
LoopValue.prototype.type = "LoopValue";

function loopAt(items, i, memory) {
  const cycle = new FunctionValue((args) => {
    if (args.length === 0) throw new Error("loop.cycle() needs at least one value");
    return args[i % args.length];
  });
  const changed = new FunctionValue((args) => {
    const now = new TupleValue(args);
    const same = memory.last !== undefined && equals(memory.last, now);
    memory.last = now;
    return bool(!same);
  });
  return new LoopValue(new Map([
    ["index", int(i + 1)],
    ["index0", int(i)],
    ["revindex", int(items.length - i)],
    ["revindex0", int(items.length - i - 1)],
    ["first", bool(i === 0)],
    ["last", bool(i === items.length - 1)],
    ["length", int(items.length)],
    ["previtem", items[i - 1] ?? undefinedValue("there is no previous item")],
    ["nextitem", items[i + 1] ?? undefinedValue("there is no next item")],
    ["depth", int(1)],
    ["depth0", int(0)],
    ["cycle", cycle],
    ["changed", changed],
  ]));
}

// `for target in …`: a name, or names to unpack into
function assignTarget(target, value, scope) {
  if (target.type === "Identifier") {
    scope.variables.set(target.value, value);
    return;
  }
  if (target.type !== "TupleLiteral") throw new Error("the target of a for loop must be a name or names");
  const items = iterate(value);
  if (items.length !== target.value.length) {
    throw new Error(`a value of ${items.length} items cannot be unpacked into ${target.value.length} names`);
  }
  target.value.forEach((name, i) => assignTarget(name, items[i], scope));
}

function arithmetic(op, left, right) {
  const a = Number(left.value);
  const b = Number(right.value);
  if ((op === "/" || op === "//" || op === "%") && b === 0) throw new Error("division by zero");
  const result = {
    "+": () => a + b,
    "-": () => a - b,
    "*": () => a * b,
    "/": () => a / b,
    "//": () => Math.floor(a / b),
    "%": () => a - b * Math.floor(a / b),
    "**": () => a ** b,
  }[op]();
  if (!Number.isFinite(result)) throw new Error(`the result of ${op} is out of range`);
  const float = left instanceof FloatValue || right instanceof FloatValue || op === "/" || (op === "**" && b < 0);
  return float ? new FloatValue(result) : int(result);
}

function binary(op, left, right) {
  switch (op) {
    case "==": return bool(equals(left, right));
    case "!=": return bool(!equals(left, right));
    case "in": return bool(contains(right, left));
    case "not in": return bool(!contains(right, left));
    case "~": return str(text(left) + text(right));
  }
  if (left instanceof UndefinedValue) throw undefinedError(left);
  if (right instanceof UndefinedValue) throw undefinedError(right);
  switch (op) {
    case "<": return bool(compareRuntimeValues(left, right, true) < 0);
    case "<=": return bool(compareRuntimeValues(left, right, true) <= 0);
    case ">": return bool(compareRuntimeValues(left, right, true) > 0);
    case ">=": return bool(compareRuntimeValues(left, right, true) >= 0);
  }
  if (isNumber(left) && isNumber(right)) return arithmetic(op, left, right);
  if (op === "+") {
    const texts = [left, right].every((value) => value instanceof StringValue || value instanceof ArgumentsValue);
    if (texts) return str(text(left) + text(right));
    if (left instanceof TupleValue && right instanceof TupleValue) return new TupleValue(left.value.concat(right.value));
    if (left instanceof ArrayValue && right instanceof ArrayValue) return list(left.value.concat(right.value));
  }
  if (op === "*") {
    const [value, times] = isNumber(left) ? [right, left] : [left, right];
    if (times instanceof IntegerValue || times instanceof BooleanValue) {
      const count = Math.max(0, Number(times.value));
      if (value instanceof StringValue) return str(value.value.repeat(count));
      if (value instanceof ArrayValue) {
        if (value.value.length * count > 1e7) throw new LimitError("repeating a list");
        return list(Array.from({ length: count }, () => value.value).flat());
      }
    }
  }
  throw new Error(`${op} cannot combine ${typeName(left)} and ${typeName(right)}`);
}

// Statements whose value is not printed.
const SILENT = new Set(["Set", "Macro", "Comment"]);

// {key: value}: a call of a function that no template can name, whose keys may be integers.
ObjectLiteral = class extends CallExpression {
  constructor(entries) {
    super(new Identifier("{}"), Array.from(entries).flat());
  }
};

Object.assign(Interpreter.prototype, {
  evaluateBlock(statements, environment) {
    let out = "";
    try {
      for (const statement of statements) {
        const value = this.evaluate(statement, environment);
        if (!SILENT.has(statement.type)) out += text(value);
      }
    } catch (error) {
      // What an iteration printed before its break or continue stays printed.
      if (error instanceof BreakControl || error instanceof ContinueControl) error.printed = out + (error.printed ?? "");
      throw error;
    }
    return str(out);
  },

  evaluateIdentifier(node, environment) {
    for (let scope = environment; scope; scope = scope.parent) {
      const value = scope.variables.get(node.value);
      if (value !== undefined) return value;
    }
    return undefinedValue(`'${node.value}' is undefined`);
  },

  evaluateBinaryExpression(node, environment) {
    const op = node.operator.value;
    const left = this.evaluate(node.left, environment);
    if (op === "and") return left.__bool__().value ? this.evaluate(node.right, environment) : left;
    if (op === "or") return left.__bool__().value ? left : this.evaluate(node.right, environment);
    return binary(op, left, this.evaluate(node.right, environment));
  },

  evaluateMemberExpression(expr, environment) {
    const object = this.evaluate(expr.object, environment);
    if (object instanceof UndefinedValue) throw undefinedError(object);
    if (!expr.computed) {
      return expr.property.type === "Identifier" ? attribute(object, expr.property.value)
                                                 : subscript(object, int(expr.property.value));
    }
    if (expr.property.type === "SliceExpression") {
      return this.evaluateSliceExpression(object, expr.property, environment);
    }
    return subscript(object, this.evaluate(expr.property, environment));
  },

  evaluateSelectExpression(node, environment) {
    const chosen = this.evaluate(node.test, environment).__bool__().value;
    return chosen ? this.evaluate(node.lhs, environment) : undefinedValue("an inline if without else was false");
  },

  evaluateCallExpression(expr, environment) {
    const callee = this.evaluate(expr.callee, environment);
    if (callee instanceof UndefinedValue) throw undefinedError(callee);
    if (!(callee instanceof FunctionValue)) throw new Error(`a value of type ${typeName(callee)} cannot be called`);
    const [args, keywords] = this.evaluateArguments(expr.args, environment);
    if (keywords.size > 0) args.push(new KeywordArgumentsValue(keywords));
    return callee.value(args, environment);
  },

  evaluateTestExpression(node, environment) {
    const result = Boolean(testNamed(node.test.value)(this.evaluate(node.operand, environment)));
    return bool(result !== node.negate);
  },

  applyFilter(operand, node, environment) {
    if (node.type === "Identifier") return applyNamedFilter(operand, node.value, []);
    const [args, keywords] = this.evaluateArguments(node.args, environment);
    const test = parameterizedTest(node.callee.value);
    if (test) return bool(Boolean(test.run(operand, ...args)) !== test.negate);
    if (keywords.size > 0) args.push(new KeywordArgumentsValue(keywords));
    return applyNamedFilter(operand, node.callee.value, args);
  },

  evaluateFor(node, environment) {
    const filtered = node.iterable.type === "SelectExpression";
    let items = iterate(this.evaluate(filtered ? node.iterable.lhs : node.iterable, environment));
    if (filtered) {
      items = items.filter((item) => {
        const scope = new Environment(environment);
        assignTarget(node.loopvar, item, scope);
        return this.evaluate(node.iterable.test, scope).__bool__().value;
      });
    }
    const memory = {};
    let out = "";
    let completed = false;  // an iteration reached its end; a for's else is for when none did
    for (let i = 0; i < items.length; ++i) {
      // A scope for each iteration: what one sets, the next does not see.
      const scope = new Environment(environment);
      scope.variables.set("loop", loopAt(items, i, memory));
      assignTarget(node.loopvar, items[i], scope);
      try {
        out += this.evaluateBlock(node.body, scope).value;
        completed = true;
      } catch (error) {
        const left = error instanceof BreakControl;
        if (!left && !(error instanceof ContinueControl)) throw error;
        out += error.printed;
        if (left) break;
      }
    }
    if (!completed) out += this.evaluateBlock(node.defaultBlock, environment).value;
    return str(out);
  },

  evaluateMacro(node, environment) {
    const special = findAccessedSpecialMacroArguments(node.args, node.body);
    const macro = new FunctionValue((args, callScope) => {
      // A macro sees the scope it is written in, not the one it is called from.
      const scope = new Environment(environment);
      const caller = callScope.variables.get("caller");
      if (caller) scope.variables.set("caller", caller);
      this.bindMacroArguments(`'${node.name.value}'`, node.args, special, args, scope);
      return this.evaluateBlock(node.body, scope);
    });
    environment.variables.set(node.name.value, macro);
    return NONE;
  },
});

// `x is name(args)`, which the parser does not know, becomes a call of a filter that no template can name:
// "is name" or "is not name".
function rewriteTests(tokens) {
  const word = (i, value) => tokens[i]?.type === TOKEN_TYPES.Identifier && (!value || tokens[i].value === value);
  const out = [];
  let inTag = false;
  for (let i = 0; i < tokens.length; ++i) {
    if (tokens[i].type === TOKEN_TYPES.OpenStatement || tokens[i].type === TOKEN_TYPES.OpenExpression) inTag = true;
    if (tokens[i].type === TOKEN_TYPES.CloseStatement || tokens[i].type === TOKEN_TYPES.CloseExpression) inTag = false;
    const not = word(i + 1, "not") ? 1 : 0;
    const name = i + 1 + not;
    const isTest = inTag && word(i, "is") && word(name) && tokens[name + 1]?.type === TOKEN_TYPES.OpenParen;
    if (!isTest || !TESTS.has(tokens[name].value) || TESTS.get(tokens[name].value).length < 2) {
      out.push(tokens[i]);
      continue;
    }
    out.push(new Token("|", TOKEN_TYPES.Pipe));
    out.push(new Token(`${not ? "is not" : "is"} ${tokens[name].value}`, TOKEN_TYPES.Identifier));
    i = name;
  }
  return out;
}

function parameterizedTest(name) {
  const match = /^is (not )?(.+)$/.exec(name);
  return match && { run: testNamed(match[2]), negate: match[1] !== undefined };
}

const RANGE_MAX = 100000;

const GLOBALS = {
  range: (args) => {
    const numbers = args.map((arg) => needInteger("range()", arg));
    const [start, stop, step] = numbers.length === 1 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1];
    if (numbers.length < 1 || numbers.length > 3 || step === 0) throw new Error("range() takes (stop), or (start, stop) and a step other than 0");
    if ((stop - start) / step > RANGE_MAX) throw new LimitError(`a range() of more than ${RANGE_MAX} numbers`);
    return list(range(start, stop, step).map(int));
  },
  "{}": (args) => {
    const map = new Map();
    for (let i = 0; i < args.length; i += 2) {
      const key = keyOf(args[i]);
      if (key === undefined) throw new Error("the keys of a dict must be strings or integers");
      map.set(key, args[i + 1]);
    }
    return new ObjectValue(map);
  },
  dict: (args) => {
    const map = new Map();
    for (const arg of args) {
      const entries = arg instanceof ObjectValue ? arg.value : iterate(arg).map((item) => iterate(item)).map(([k, v]) => [text(k), v]);
      for (const [key, value] of entries) map.set(key, value);
    }
    return new ObjectValue(map);
  },
  raise_exception: (args) => {
    throw new TemplateError(args.length > 0 ? text(args[0]) : "");
  },
  strftime_now: (args) => str(host.strftime(needString("strftime_now()", args[0]))),
};
