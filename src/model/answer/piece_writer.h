// Hands on the pieces of an answer as a parser finds them, without the blanks that only separate its parts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "model/answer/answer_piece.h"

namespace exogpu::model {

using PieceSink = std::function<void(const AnswerPiece& piece)>;

// Blanks behind the reasoning, before a call and behind it are left out; those at the beginning and the end of an
// answer without such parts remain.
class PieceWriter {
 public:
  // `holds_blanks`: blanks of the text wait until it is known whether a call follows.
  explicit PieceWriter(bool holds_blanks) : holds_blanks_(holds_blanks) {}

  void use(const PieceSink* sink) { sink_ = sink; }  // for the calls that follow; borrowed

  void text(std::string_view text);
  void reasoning(std::string_view text);
  void call(std::string name, std::string id);
  void arguments(std::string_view json);
  void finish();  // the answer has ended

  uint32_t calls() const { return calls_; }

 private:
  void put(AnswerPiece::Kind kind, std::string_view text);
  // `text` without the blanks at its end, which are held.
  std::string_view without_end(std::string_view text);

  const PieceSink* sink_ = nullptr;
  bool holds_blanks_;
  bool at_begin_ = false;  // behind another part: blanks are left out
  bool in_reasoning_ = false, reasoning_begun_ = false;
  std::string held_;
  uint32_t calls_ = 0;
};

}  // namespace exogpu::model
