// Reads answers in the Harmony format of gpt-oss: messages in channels, each with a header.
//
//   <|channel|>analysis<|message|>TEXT<|end|><|start|>assistant<|channel|>commentary to=functions.NAME
//   <|constrain|>json<|message|>ARGUMENTS<|call|>
//
// "analysis" is reasoning, a message with a recipient is a tool call, everything else is text.
// Source: the format's description in the repository openai/harmony, docs/format.md.
#pragma once

#include <string>
#include <string_view>

#include "model/answer/piece_writer.h"

namespace exogpu::model {

class HarmonyReader {
 public:
  // `calls`: whether messages with a recipient are calls; otherwise they are text.
  explicit HarmonyReader(bool calls) : calls_(calls) {}

  // Removes from `rest` what it has read; what remains needs more input. With `ended`, nothing remains.
  void read(std::string_view& rest, bool ended, PieceWriter& out);

 private:
  enum class Part { between, text, reasoning, arguments };

  // Each returns whether something was read.
  bool read_header(std::string_view& rest, bool ended, PieceWriter& out);
  bool read_body(std::string_view& rest, bool ended, PieceWriter& out);
  void begin_message(std::string_view header, PieceWriter& out);
  void write(std::string_view text, PieceWriter& out);
  void end_message(PieceWriter& out);

  bool calls_;
  bool has_arguments_ = false;
  Part part_ = Part::between;
};

}  // namespace exogpu::model
