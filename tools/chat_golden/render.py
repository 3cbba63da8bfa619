#!/usr/bin/env python3
"""Writes the reference renders of tests/golden/chat with Python's jinja2.

    python3 -m venv venv && venv/bin/pip install jinja2==3.1.6
    venv/bin/python tools/chat_golden/render.py [tests/golden/chat]

Run it by hand after a template, a conversation or a snippet changed. The environment is set up as
apply_chat_template of Hugging Face's transformers sets it up.
"""

import copy
import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

# The result of strftime_now, the same as in the test.
NOW = datetime.datetime(2024, 7, 26, 12, 0, 0)


class Generation(jinja2.ext.Extension):
    """{% generation %}: marks the assistant's tokens for training; its body is rendered as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def with_arguments(messages, convert):
    messages = copy.deepcopy(messages)
    for message in messages:
        for call in message.get("tool_calls") or []:
            call["function"]["arguments"] = convert(call["function"]["arguments"])
    return messages


def as_object(arguments):
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def render(source, variables):
    try:
        return {"prompt": environment().from_string(source).render(**variables)}
    except jinja2.exceptions.TemplateSyntaxError as error:
        return {"syntax_error": str(error)}
    except jinja2.exceptions.UndefinedError as error:
        return {"error": str(error)}
    except jinja2.exceptions.TemplateError as error:
        return {"refused": str(error)}
    except Exception as error:  # any exception of a template
        return {"error": str(error)}


def render_conversation(source, tokens, conversation):
    variables = {
        **tokens,
        "messages": with_arguments(conversation["messages"], as_object),
        "tools": conversation.get("tools"),
        "documents": None,
        "add_generation_prompt": conversation.get("add_generation_prompt", True),
        **conversation.get("extra", {}),
    }
    result = render(source, variables)
    if "error" in result:
        # A template that joins the arguments to a string needs their JSON text, as OpenAI sends it.
        variables["messages"] = conversation["messages"]
        as_text = render(source, variables)
        result = as_text if "prompt" in as_text else result
    return result


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "tests/golden/chat")
    conversations = json.loads((root / "conversations.json").read_text(encoding="utf-8"))
    tokens = json.loads((root / "tokens.json").read_text(encoding="utf-8"))
    (root / "expected").mkdir(exist_ok=True)
    for template in sorted((root / "templates").glob("*.jinja")):
        source = template.read_text(encoding="utf-8")
        write(root / "expected" / f"{template.stem}.json",
              {name: render_conversation(source, tokens.get(template.stem, {}), conversation)
               for name, conversation in conversations.items()})
    snippets = root / "snippets.json"
    if snippets.exists():
        cases = json.loads(snippets.read_text(encoding="utf-8"))
        for case in cases:
            case.pop("expected", None)
            case["expected"] = render(case["template"], {"messages": [], **case.get("variables", {})})
        snippets.write_text(
            "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
