// How a model writes its answers, as its chat template shows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/answer/call_marks.h"

namespace exogpu::model {

struct AnswerForm {
  bool harmony = false;              // the channels of gpt-oss; then nothing else applies
  std::vector<MarkPair> calls = {};  // the marks around tool calls that the template knows
  bool begins_with_name = false;     // the prompt ends with the mark of functionary 3.2, before the name of a tool

  // The form of a template's source; its marks decide.
  static AnswerForm of(std::string_view chat_template);

  // Texts that a reader of answers must see, also where they are control tokens. `with_calls`: also those of tool
  // calls.
  std::vector<std::string_view> marks(bool with_calls) const;
};

// The mark that closes the reasoning which `prompt` has opened at its end; empty: none is open.
std::string_view open_reasoning(std::string_view prompt);
// Likewise, for an answer that has begun with this text.
std::string_view unclosed_reasoning(std::string_view answer);

}  // namespace exogpu::model
