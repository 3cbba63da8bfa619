// Separates what a model writes into text, reasoning and tool calls, while it arrives.
//
// A state machine over pieces of text, without I/O. How the text is cut does not matter: the pieces joined are the
// same. What the model writes wrongly is text: a mark without a call behind it, a call whose name cannot be read, a
// call without a mark of a tool that there is not. Once the name and the beginning of the arguments are read, a call
// has begun; if the rest is wrong, the arguments are what was written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/answer/answer_form.h"
#include "model/answer/call_section.h"
#include "model/answer/harmony.h"
#include "model/answer/piece_writer.h"
#include "model/answer/tool_shape.h"

namespace exogpu::model {

struct AnswerParserOptions {
  AnswerForm form = {};
  std::vector<ToolShape> tools = {};  // none: there are no calls in the answer
  std::string reasoning_close = {};   // the prompt has opened the reasoning, which ends with this mark
  uint32_t calls_max = UINT32_MAX;    // at least 1; what follows the last one is left out
};

// One answer; one thread at a time.
class AnswerParser {
 public:
  explicit AnswerParser(AnswerParserOptions options);
  AnswerParser(const AnswerParser&) = delete;
  AnswerParser& operator=(const AnswerParser&) = delete;

  // Passes on what is certain. Each text of a piece is whole characters if those of the input are.
  void push(std::string_view text, const PieceSink& sink);
  // The answer has ended: passes on what still waits.
  void finish(const PieceSink& sink);

  bool has_calls() const { return out_.calls() > 0; }
  // There are calls_max calls, complete: the answer should end.
  bool is_full() const { return state_ == State::full; }

 private:
  enum class State { head, reasoning, text, section, full };

  void run(std::string_view text, bool ended, const PieceSink& sink);
  // Each reads from `rest_` and returns whether to go on; false: more input is needed.
  bool step(bool ended);
  bool read_head(bool ended);
  bool read_reasoning(bool ended);
  bool read_text(bool ended);
  bool read_section(bool ended);
  void begin_section(std::string_view mark, std::string_view close, bool bare);

  AnswerParserOptions options_;
  PieceWriter out_;
  std::optional<HarmonyReader> harmony_;
  State state_ = State::head;
  std::string waiting_;
  std::string_view rest_;    // of waiting_, while run() is active
  std::string close_;        // of the reasoning
  bool text_begun_ = false;  // no call without a mark can begin
  std::optional<CallSection> section_;
  std::string mark_;  // before the section
};

}  // namespace exogpu::model
