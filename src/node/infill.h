// The tokens that have a model write the middle of a text.
#pragma once

#include <vector>

#include "node/prompt.h"

namespace exogpu::node {

// In the order that models are trained with:
//   [repository] name [file] name text ... [file] name        only with other files
//   [prefix] prefix [suffix] suffix [middle] start
// Marks in the texts are ordinary text. Files of a model without a token for them stand before the prefix, as text.
// Source: Qwen2.5-Coder technical report, "Fill-in-the-middle" and "repository-level" training.
// Errors: unsupported (a vocabulary without the tokens).
Result<std::vector<model::TokenId>> encode_infill(const InfillPrompt& prompt, const model::Tokenizer& tokenizer);

}  // namespace exogpu::node
