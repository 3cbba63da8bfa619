// Text with JSON between marks (wire::ConstraintKind::structural_tag) as a Lark grammar.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/constraint/token_constraint.h"

namespace exogpu::engine {

// Marks that are special tokens of the vocabulary are written with those tokens.
// Errors: invalid_argument, naming the field.
Result<std::string> lark_of_structural_tag(std::string_view tag, const ConstraintVocabulary& vocabulary);

}  // namespace exogpu::engine
