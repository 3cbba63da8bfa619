#include "engine/constraint/grammar_text.h"

#include <format>
#include <nlohmann/json.hpp>

#include "engine/constraint/date_formats.h"
#include "engine/constraint/gbnf.h"
#include "engine/constraint/one_of.h"
#include "engine/constraint/schema_limits.h"
#include "engine/constraint/structural_tag.h"

namespace exogpu::engine {

namespace {

// Between the parts of JSON. Without a bound, a model may go on with white space for ever.
// A `oneOf` is taken as `anyOf` where that is the same; otherwise the library refuses what it cannot tell apart either.
std::string json_options(bool coerce_one_of) {
  return std::format(
      R"("x-guidance": {{"whitespace_pattern": " |\\n{{1,2}}[ \\t]{{0,20}}", "coerce_one_of": {}, "lenient": false}})",
      coerce_one_of);
}

Result<void> check_text(const wire::Constraint& constraint) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "the {} {}", kind_name(constraint.kind), why);
  };
  const std::string& text = constraint.text;
  if (text.empty()) return refuse("is empty");
  if (text.size() > wire::kConstraintBytesMax) {
    return refuse(std::format("has {} bytes, and {} is the most", text.size(), wire::kConstraintBytesMax));
  }
  if (text.contains('\0')) return refuse("has a zero byte");
  return {};
}

}  // namespace

std::string_view kind_name(wire::ConstraintKind kind) {
  switch (kind) {
    case wire::ConstraintKind::json_schema: return "JSON schema";
    case wire::ConstraintKind::regex: return "regular expression";
    case wire::ConstraintKind::lark: return "Lark grammar";
    case wire::ConstraintKind::structural_tag: return "structural tag";
    case wire::ConstraintKind::gbnf: return "grammar";
  }
  return "constraint";
}

// The text of the schema stays as it is, but for its dates: its numbers may be beyond what a parser here represents.
Result<std::string> schema_text(std::string_view schema) {
  const auto parsed = nlohmann::json::parse(schema, nullptr, false);
  if (parsed.is_discarded()) return fail(ErrorCode::invalid_argument, "the JSON schema is no JSON");
  EXO_CHECK(check_schema_limits(parsed));
  if (parsed == nlohmann::json(true)) return std::format("{{{}}}", json_options(false));
  if (!parsed.is_object()) {
    return fail(ErrorCode::invalid_argument, "the JSON schema must be an object or true, and is {}",
                parsed.type_name());
  }
  std::string text = with_date_patterns(schema, parsed);
  text.resize(text.rfind('}'));
  return std::format("{}{}{}}}", text, parsed.empty() ? "" : ",", json_options(alternatives_are_disjoint(parsed)));
}

Result<GrammarText> grammar_text(const wire::Constraint& constraint, const ConstraintVocabulary& vocabulary) {
  EXO_CHECK(check_text(constraint));
  GrammarText out{.type = "lark", .text = {}};
  switch (constraint.kind) {
    case wire::ConstraintKind::json_schema: {
      EXO_TRY(out.text, schema_text(constraint.text));
      out.type = "json_schema";
      return out;
    }
    case wire::ConstraintKind::regex: {
      EXO_CHECK(check_pattern_limits(constraint.text));
      return GrammarText{.type = "regex", .text = constraint.text};
    }
    case wire::ConstraintKind::lark: return GrammarText{.type = "lark", .text = constraint.text};
    case wire::ConstraintKind::gbnf: {
      EXO_TRY(out.text, lark_of_gbnf(constraint.text));
      return out;
    }
    case wire::ConstraintKind::structural_tag: {
      EXO_TRY(out.text, lark_of_structural_tag(constraint.text, vocabulary));
      return out;
    }
  }
  return fail(ErrorCode::invalid_argument, "a constraint of an unknown kind");
}

}  // namespace exogpu::engine
