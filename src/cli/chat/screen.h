// Where the chat writes: answers as they stream in, thoughts dimmed, and notes about both.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "cli/chat/thought_splitter.h"

namespace exogpu::cli {

class Screen {
 public:
  struct Style {
    bool safe = false;     // what a model writes cannot steer the terminal: for when one is there
    bool colours = false;  // dimmed thoughts without their tags
  };

  // Borrows both files.
  Screen(std::FILE* answers, std::FILE* notes, Style style) : answers_(answers), notes_(notes), style_(style) {}

  void answer(AnswerPart part, std::string_view text);
  void end_answer();  // ends its line

  void note(std::string_view text);    // one or more lines of ours
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
};

// `text` with its lines and tabs, and every other control character made visible.
std::string terminal_text(std::string_view text);

}  // namespace exogpu::cli
