// The two functions that the host calls.

// Values come as JSON in which what JSON.parse would change is an array with a tag:
// ["a", items…] a list, ["o", key, value, …] a dict in its order, ["f", x] a float, ["i", "digits"] a large integer,
// ["t", text, dict] the arguments of a tool call.
function decode(value) {
  if (value === null) return NONE;
  if (typeof value === "string") return str(value);
  if (typeof value === "boolean") return bool(value);
  if (typeof value === "number") return int(value);
  switch (value[0]) {
    case "a": return list(value.slice(1).map(decode));
    case "f": return new FloatValue(value[1]);
    case "i": return new BigIntegerValue(value[1]);
    case "t": return new ArgumentsValue(value[1], decode(value[2]).value);
  }
  const map = new Map();
  for (let i = 1; i < value.length; i += 2) map.set(value[i], decode(value[i + 1]));
  return new ObjectValue(map);
}

function render(program, variables) {
  const environment = new Environment();
  for (const [name, run] of Object.entries(GLOBALS)) environment.variables.set(name, new FunctionValue(run));
  for (const [name, value] of [["true", true], ["True", true], ["false", false], ["False", false]]) {
    environment.variables.set(name, bool(value));
  }
  environment.variables.set("none", NONE);
  environment.variables.set("None", NONE);
  for (const [name, value] of decode(JSON.parse(variables)).value) environment.variables.set(name, value);
  return text(new Interpreter(environment).run(program));
}

return { compile, render };
})
