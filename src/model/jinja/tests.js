// The tests of `x is name` and of select, reject, selectattr and rejectattr.

const order = (a, b) => compareRuntimeValues(a, b, true);

const TESTS = new Map(Object.entries({
  defined: (x) => !(x instanceof UndefinedValue),
  undefined: (x) => x instanceof UndefinedValue,
  none: (x) => x instanceof NullValue,
  boolean: (x) => x instanceof BooleanValue,
  true: (x) => x instanceof BooleanValue && x.value,
  false: (x) => x instanceof BooleanValue && !x.value,
  integer: (x) => x instanceof IntegerValue,
  float: (x) => x instanceof FloatValue,
  number: isNumber,
  string: (x) => x instanceof StringValue,
  mapping: (x) => x instanceof ObjectValue,
  iterable: (x) => [StringValue, ArrayValue, ObjectValue, UndefinedValue].some((type) => x instanceof type),
  sequence: (x) => [StringValue, ArrayValue, ObjectValue, UndefinedValue].some((type) => x instanceof type),
  callable: (x) => x instanceof FunctionValue,
  lower: (x) => text(x) === text(x).toLowerCase() && text(x) !== text(x).toUpperCase(),
  upper: (x) => text(x) === text(x).toUpperCase() && text(x) !== text(x).toLowerCase(),
  odd: (x) => Math.abs(needInteger("odd", x) % 2) === 1,
  even: (x) => needInteger("even", x) % 2 === 0,
  divisibleby: (x, y) => needInteger("divisibleby", x) % needInteger("divisibleby", y) === 0,
  in: (x, container) => contains(container, x),
  sameas: (x, y) => x === y || (typeName(x) === typeName(y) && x.value === y.value),
  filter: (x) => FILTERS.has(text(x)),
  test: (x) => TESTS.has(text(x)),
  eq: equals,
  ne: (x, y) => !equals(x, y),
  lt: (x, y) => order(x, y) < 0,
  le: (x, y) => order(x, y) <= 0,
  gt: (x, y) => order(x, y) > 0,
  ge: (x, y) => order(x, y) >= 0,
}));
for (const [alias, name] of Object.entries({
  equalto: "eq", "==": "eq", "!=": "ne", "<": "lt", lessthan: "lt", "<=": "le", ">": "gt", greaterthan: "gt", ">=": "ge",
})) {
  TESTS.set(alias, TESTS.get(name));
}

function testNamed(name) {
  const test = TESTS.get(name);
  if (!test) throw new Error(`no test is named '${name}'`);
  return test;
}
