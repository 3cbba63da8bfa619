// A constraint of a request in the words of llguidance.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/constraint/token_constraint.h"
#include "wire/constraint.h"

namespace exogpu::engine {

// For messages: "JSON schema".
std::string_view kind_name(wire::ConstraintKind kind);

struct GrammarText {
  const char* type = nullptr;  // llguidance's name of the text's language
  std::string text;
};

// Errors: invalid_argument, which says what is wrong with the constraint, and where.
Result<GrammarText> grammar_text(const wire::Constraint& constraint, const ConstraintVocabulary& vocabulary);

// A schema without white space that never ends: one space, or up to two line breaks and some indentation.
Result<std::string> schema_text(std::string_view schema);

}  // namespace exogpu::engine
