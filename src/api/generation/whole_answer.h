// An answer put together from its pieces, for surfaces that send it whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/generation/conversation.h"
#include "api/generation/text_call.h"

namespace exogpu::api {

// The id of call `call` (0, 1, ...) of answer `answer`: the model's own, or else one that no other call has.
std::string call_id(const model::AnswerPiece& piece, const AnswerStart& start, uint32_t answer, size_t call);

struct WholeAnswer {
  std::string text = {}, reasoning = {};
  std::vector<ToolCall> calls = {};  // with ids

  void add(const model::AnswerPiece& piece, const AnswerStart& start, uint32_t answer);
};

}  // namespace exogpu::api
