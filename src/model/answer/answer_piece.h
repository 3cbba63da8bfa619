// The neutral form of what a model writes: text, reasoning and tool calls, in pieces, in the order of writing.
#pragma once

#include <cstdint>
#include <string>

namespace exogpu::model {

// Pieces of one kind that follow each other mean the same as one with their joined texts, except for `call`. Each text
// is whole UTF-8 characters.
struct AnswerPiece {
  enum class Kind : uint8_t {
    text,       // more of the answer's text
    reasoning,  // more of what the model thinks before it answers
    call,       // a call of the tool `text` begins; the next `arguments` are its own
    arguments,  // more of the JSON object with the arguments of the call that began last
  };
  Kind kind = Kind::text;
  std::string text = {};
  std::string call_id = {};  // of `call`: as the model wrote it; empty if it wrote none

  bool operator==(const AnswerPiece&) const = default;
};

}  // namespace exogpu::model
