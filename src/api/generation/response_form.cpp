#include "api/generation/response_form.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/result.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;
using wire::Constraint;
using wire::ConstraintKind;

namespace {

constexpr size_t kChoicesMax = 1024;

Constraint schema_form(const json& schema) { return {.kind = ConstraintKind::json_schema, .text = schema.dump()}; }

// A schema is an object; some clients send its text.
Parsed<Constraint> read_schema(const json& value, const std::string& name) {
  if (is_empty_array(value)) return schema_form(json::object());
  if (value.is_object() || value == json(true)) return schema_form(value);
  if (value.is_string()) return Constraint{.kind = ConstraintKind::json_schema, .text = value.get<std::string>()};
  return bad_field(name, "invalid_type", "must be a JSON schema, and is {}", kind(value));
}

Parsed<Constraint> read_text(const json& value, const std::string& name, ConstraintKind of) {
  if (!value.is_string()) return bad_field(name, "invalid_type", "must be a string, and is {}", kind(value));
  return Constraint{.kind = of, .text = value.get<std::string>()};
}

Parsed<Constraint> read_choices(const json& value, const std::string& name) {
  if (!value.is_array() || value.empty() || value.size() > kChoicesMax) {
    return bad_field(name, "invalid_value", "must be an array of 1 to {} texts", kChoicesMax);
  }
  std::string rule = "start: ";
  for (const json& choice : value) {
    if (!choice.is_string() || choice == json("")) {
      return bad_field(name, "invalid_type", "must hold texts that are not empty");
    }
    rule += (&choice == &value.front() ? "" : " | ") + choice.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return Constraint{.kind = ConstraintKind::lark, .text = rule + "\n"};
}

// {"type": "json_object"}, with a schema beside it as llama.cpp has it; {"type": "json_schema", "json_schema":
// {"schema": ...}}, or with the schema beside the type; {"type": "structural_tag", ...} as in wire/constraint.h.
Parsed<std::optional<Constraint>> read_response_format(const json& value) {
  if (is_empty_array(value)) return std::nullopt;
  if (!value.is_object()) {
    return bad_field("response_format", "invalid_type", "must be an object, and is {}", kind(value));
  }
  const json type = value.value("type", json());
  if (type == json("text")) return std::nullopt;
  if (type == json("structural_tag")) return Constraint{.kind = ConstraintKind::structural_tag, .text = value.dump()};
  const bool any_object = type == json("json_object");
  if (!any_object && type != json("json_schema")) {
    return bad_field("response_format", "unsupported_parameter",
                     "has the type {}; \"text\", \"json_object\", \"json_schema\" and \"structural_tag\" are supported",
                     type.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 40));
  }
  if (const auto beside = value.find("schema"); beside != value.end() && !beside->is_null()) {
    return read_schema(*beside, "response_format.schema");
  }
  if (any_object) return schema_form({{"type", "object"}});
  const auto described = value.find("json_schema");
  if (described == value.end() || !described->is_object() || !described->contains("schema")) {
    return bad_field("response_format.json_schema", "missing_required_parameter",
                     "must be an object with the schema: {{\"name\": \"answer\", \"schema\": {{...}}}}");
  }
  return read_schema((*described)["schema"], "response_format.json_schema.schema");
}

struct Named {
  const char* name;
  enum class Form { schema, regex, grammar, choice, structural_tag } form;
};
constexpr Named kAlone[] = {
    {"json_schema", Named::Form::schema},   {"grammar", Named::Form::grammar},     // llama.cpp
    {"regex", Named::Form::regex},          {"ebnf", Named::Form::grammar},        // SGLang
    {"guided_json", Named::Form::schema},   {"guided_regex", Named::Form::regex},  // vLLM
    {"guided_choice", Named::Form::choice}, {"guided_grammar", Named::Form::grammar},
};
// Of vLLM's `structured_outputs`.
constexpr Named kStructured[] = {{"json", Named::Form::schema},
                                 {"regex", Named::Form::regex},
                                 {"choice", Named::Form::choice},
                                 {"grammar", Named::Form::grammar},
                                 {"structural_tag", Named::Form::structural_tag}};

Parsed<Constraint> read_named(const json& value, const std::string& name, Named::Form form) {
  switch (form) {
    case Named::Form::schema: return read_schema(value, name);
    case Named::Form::regex: return read_text(value, name, ConstraintKind::regex);
    case Named::Form::grammar: return read_text(value, name, ConstraintKind::gbnf);
    case Named::Form::choice: return read_choices(value, name);
    case Named::Form::structural_tag:
      if (value.is_object()) return Constraint{.kind = ConstraintKind::structural_tag, .text = value.dump()};
      return read_text(value, name, ConstraintKind::structural_tag);
  }
  return bad_field(name, "unsupported_parameter", "is not supported");
}

// The forms found, each with the name of its field.
using Forms = std::vector<std::pair<std::string, Constraint>>;

Parsed<void> read_structured_outputs(const json& value, Forms& forms) {
  if (is_empty_array(value)) return {};
  if (!value.is_object()) {
    return bad_field("structured_outputs", "invalid_type", "must be an object, and is {}", kind(value));
  }
  const Fields fields(value, "structured_outputs.");
  for (const auto& [key, item] : value.items()) {
    if (item.is_null() || item == json(false)) continue;
    const auto* known = std::ranges::find_if(kStructured, [&](const Named& named) { return key == named.name; });
    const std::string name = fields.name(key);
    if (known == std::end(kStructured)) {
      return bad_field(name, "unsupported_parameter",
                       "is not supported; json, regex, choice, grammar and structural_tag are");
    }
    EXO_TRY(auto form, read_named(item, name, known->form));
    forms.emplace_back(name, std::move(form));
  }
  return {};
}

}  // namespace

Parsed<std::optional<Constraint>> read_form(const Fields& fields) {
  Forms forms;
  if (const json* format = fields.find("response_format")) {
    EXO_TRY(auto form, read_response_format(*format));
    if (form) forms.emplace_back("response_format", *std::move(form));
  }
  for (const Named& named : kAlone) {
    const json* value = fields.find(named.name);
    if (!value || *value == json("")) continue;
    EXO_TRY(auto form, read_named(*value, named.name, named.form));
    forms.emplace_back(named.name, std::move(form));
  }
  if (const json* structured = fields.find("structured_outputs"))
    EXO_CHECK(read_structured_outputs(*structured, forms));
  if (forms.empty()) return std::nullopt;
  if (forms.size() > 1) {
    return bad_field(forms[1].first, "invalid_value", "cannot be combined with {}; an answer has one form",
                     forms[0].first);
  }
  if (forms[0].second.text.size() > wire::kConstraintBytesMax) {
    return bad_field(forms[0].first, "invalid_value", "has {} bytes, and {} is the most", forms[0].second.text.size(),
                     wire::kConstraintBytesMax);
  }
  return std::move(forms[0].second);
}

}  // namespace exogpu::api
