// The output of the chat: answers as they arrive, dimmed thoughts, and notes.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/chat/thought_splitter.h"

namespace exogpu::cli {

class Screen {
 public:
  struct Style {
    bool safe = false;     // control characters of the model are shown as text; set it if the output is a terminal
    bool colours = false;  // dims thoughts and hides their tags
  };

  // Both files must outlive the screen.
  Screen(std::FILE* answers, std::FILE* notes, Style style) : answers_(answers), notes_(notes), style_(style) {}

  // Errors: io_error, once any part of an answer could not be written.
  Result<void> written() const;

  void answer(AnswerPart part, std::string_view text);
  void end_answer();  // ends its line

  void note(std::string_view text);    // one or more lines of the chat itself
  void remark(std::string_view text);  // one line beside an answer, dimmed
  void error(std::string_view message);

 private:
  void put(std::FILE* file, std::string_view text);

  std::FILE* answers_;
  std::FILE* notes_;
  Style style_;
  AnswerPart part_ = AnswerPart::answer;
  char last_ = '\n';
  bool fresh_ = true;  // nothing of this answer is written yet
  int failure_ = 0;    // errno of the first failed write to `answers_`
};

// `text` with its newlines and tabs, and every other control character as visible text.
std::string terminal_text(std::string_view text);

}  // namespace exogpu::cli
