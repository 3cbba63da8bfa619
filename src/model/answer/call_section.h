// Reads the tool calls behind a mark, or without one at the beginning of a text.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "model/answer/call_head.h"
#include "model/answer/piece_writer.h"

namespace exogpu::model {

class CallSection {
 public:
  enum class Outcome {
    wait,     // more input is needed
    done,     // the calls have ended; `rest` is what follows
    refused,  // there is no call; `rest` is unchanged
  };

  // `close` ends the section, if it is not empty. The tools must outlive this. After `calls_max` calls it is done.
  CallSection(const std::vector<ToolShape>& tools, std::string_view close, bool bare, uint32_t calls_max)
      : context_{.tools = &tools, .bare = bare}, close_(close), calls_max_(calls_max) {}

  // Removes from `rest` what it has read. With `ended`, nothing follows.
  Outcome read(std::string_view& rest, bool ended, PieceWriter& out);

 private:
  // Between two calls. `done` here means that a call has begun.
  Outcome begin_call(std::string_view& rest, bool ended, PieceWriter& out);

  HeadContext context_;
  std::string_view close_;
  uint32_t calls_max_;
  uint32_t calls_ = 0;
  std::unique_ptr<ArgumentsReader> arguments_;  // of the call that is read
};

}  // namespace exogpu::model
