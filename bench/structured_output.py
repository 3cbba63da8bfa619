"""Answers with a form, checked by a validator that knows nothing of this project.

usage: structured_output.py --schemas N FILE     writes N random JSON schemas, one a line
       structured_output.py --ask URL N [SEED]   asks a server for an answer to each of N random schemas

Asks at temperature 1, eight at a time, and validates each answer with the Python package jsonschema, formats included.
Prints what was valid, what was not, and what the server refused, with an example of each; ends with 1 if anything was
invalid. URL is a node's, such as http://127.0.0.1:8080.
"""
import json
import random
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

WORDS = ["name", "age", "id", "city", "tags", "items", "price", "is_ok", "größe", "a b", "x", "note", "kind"]
PATTERNS = ["^[a-z]{2,5}$", "^[0-9]{3}-[0-9]{4}$", "^(yes|no)$", "^[A-Z][a-z]*$", "[0-9]", "^\\d{4}$"]
FORMATS = ["date", "date-time", "uuid", "ipv4", "email"]


def string(r):
    kind = r.randrange(6)
    if kind == 0:
        return {"type": "string", "pattern": r.choice(PATTERNS)}
    if kind == 1:
        return {"type": "string", "format": r.choice(FORMATS)}
    if kind == 2:
        low = r.randrange(4)
        return {"type": "string", "minLength": low, "maxLength": low + r.randrange(12)}
    return {"type": "string"}


def number(r):
    schema = {"type": r.choice(["integer", "number"])}
    if r.random() < 0.5:
        schema[r.choice(["minimum", "exclusiveMinimum"])] = r.randrange(-1000, 100)
    if r.random() < 0.5:
        schema[r.choice(["maximum", "exclusiveMaximum"])] = r.randrange(200, 100000)
    if schema["type"] == "integer" and r.random() < 0.2:
        schema["multipleOf"] = r.choice([2, 5, 10])
    return schema


def array(r, depth, refs):
    low = r.randrange(3)
    schema = {"type": "array", "items": value(r, depth - 1, refs), "minItems": low, "maxItems": low + r.randrange(4)}
    if r.random() < 0.2:
        schema["prefixItems"] = [value(r, depth - 1, refs) for _ in range(r.randrange(1, 3))]
        schema["maxItems"] += 2
    return schema


def structure(r, depth, refs):
    names = r.sample(WORDS, r.randrange(1, 6))
    schema = {"type": "object", "properties": {name: value(r, depth - 1, refs) for name in names},
              "required": [name for name in names if r.random() < 0.6]}
    if r.random() < 0.8:
        schema["additionalProperties"] = False
    elif r.random() < 0.5:
        schema["additionalProperties"] = value(r, 0, refs)
    return schema


def value(r, depth, refs):
    if depth <= 0:
        return r.choice([string, number, lambda _: {"type": "boolean"}, lambda _: {"type": "null"},
                         lambda q: {"enum": q.sample(["red", "green", 1, 2.5, None, True, "a\"b\n"], 3)},
                         lambda q: {"const": q.choice(["fixed", 7, False, {"a": [1]}])}])(r)
    kind = r.random()
    if kind < 0.4:
        return structure(r, depth, refs)
    if kind < 0.6:
        return array(r, depth, refs)
    if kind < 0.7:
        return {"anyOf": [value(r, depth - 1, refs) for _ in range(r.randrange(2, 4))]}
    if kind < 0.75 and refs:
        return {"anyOf": [{"type": "null"}, {"$ref": r.choice(refs)}]}
    if kind < 0.8:
        return {"type": r.sample(["string", "integer", "boolean", "null"], 2)}
    return value(r, 0, refs)


def schema(seed):
    r = random.Random(seed)
    refs = ["#/$defs/node"] if r.random() < 0.3 else []
    made = structure(r, r.randrange(1, 4), refs)
    if refs:
        made["$defs"] = {"node": {"type": "object", "properties": {"value": value(r, 0, refs), "next": {
            "anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}}, "required": ["value"], "additionalProperties": False}}
    return made


def ask(url, seed):
    """The schema, and the answer's text, finish reason and refusal."""
    made = schema(seed)
    body = {"messages": [{"role": "user", "content": "Answer as JSON."}], "temperature": 1, "top_p": 1, "top_k": 0,
            "min_p": 0, "seed": seed, "max_tokens": 512,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": made}}}
    request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=600) as reply:
            choice = json.load(reply)["choices"][0]
            return made, choice["message"]["content"], choice["finish_reason"], None
    except urllib.error.HTTPError as error:
        return made, None, None, f"{error.code}: {error.read().decode()}"


def problem(made, text):
    import jsonschema
    try:
        answer = json.loads(text)
    except ValueError as error:
        return f"no JSON: {error}"
    validator = jsonschema.Draft202012Validator(made, format_checker=jsonschema.FormatChecker())
    errors = [error.message for error in validator.iter_errors(answer)]
    return errors[0] if errors else None


def ask_all(url, count, first):
    counts, examples = {}, {}
    with ThreadPoolExecutor(8) as pool:
        for made, text, finish, refusal in pool.map(lambda seed: ask(url, seed), range(first, first + count)):
            wrong = None if refusal else problem(made, text)
            kind = "refused" if refusal else f"invalid ({finish})" if wrong else "valid"
            counts[kind] = counts.get(kind, 0) + 1
            if kind != "valid":
                examples.setdefault(kind, (json.dumps(made), text, refusal or wrong))
    for kind, number_of in sorted(counts.items()):
        print(f"{number_of} {kind}")
    for kind, (made, text, why) in examples.items():
        print(f"{kind}: {why}\n  schema: {made}\n  answer: {text}")
    return 1 if any(kind.startswith("invalid") for kind in counts) else 0


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--schemas":
        with open(arguments[2], "w", encoding="utf-8") as file:
            for seed in range(int(arguments[1])):
                print(json.dumps(schema(seed)), file=file)
        return 0
    if len(arguments) in (3, 4) and arguments[0] == "--ask":
        return ask_all(arguments[1].rstrip("/"), int(arguments[2]), int(arguments[3]) if len(arguments) == 4 else 0)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
