// The form of an answer that must call a tool, as a constraint's text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/answer/answer_form.h"

namespace exogpu::model {

// Which calls an answer must have.
struct ForcedCalls {
  std::string tools_json = {};  // OpenAI-style array of tools
  std::string name = {};        // of the tool to call; empty: any of them
  bool one = false;             // no more than one call
};

// A structural tag (wire/constraint.h) of calls alone, whose arguments follow the tools' schemas, in the notation of
// `form`, so that AnswerParser finds them. Errors: invalid_argument (no such tool).
Result<std::string> structural_tag(const AnswerForm& form, const ForcedCalls& calls);

}  // namespace exogpu::model
