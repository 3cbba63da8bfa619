// Keeps the marks of a chat template out of the texts that it renders: a mark that a user or a tool wrote stays text.
//
// Texts are protected before the template sees them: a character that no text has, kGuard, is put behind the first
// character of each special token in them, and of each beginning of one at their end. The rendered prompt is then taken
// apart: guards() are the places where no special token may lie across, and the text has no guards any more. A text
// without special tokens is not changed, and neither are the tokens of a prompt without any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/prefix_table.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::model {

struct GuardedPrompt {
  std::string text;            // without guards
  std::vector<size_t> guards;  // byte positions in `text`, ascending; for EncodeOptions::guards
};

// Thread-safe once created. The tokenizer may be gone.
class TextGuard {
 public:
  // Control tokens are always marks. Tokens that the file marks as text are marks if `chat_template` writes them,
  // except in the texts of the assistant, who writes them itself; those of reasoning are none, since users quote them.
  TextGuard(const Tokenizer& tokenizer, std::string_view chat_template);
  TextGuard(const TextGuard&) = delete;
  TextGuard& operator=(const TextGuard&) = delete;

  std::string protect(std::string_view text, bool by_assistant) const;
  static GuardedPrompt take_apart(std::string_view rendered);

 private:
  std::vector<std::string> texts_;  // of the tables
  tokenizer::PrefixTable control_, all_;
};

}  // namespace exogpu::model
