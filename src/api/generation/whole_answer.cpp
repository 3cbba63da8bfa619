#include "api/generation/whole_answer.h"

#include <format>

#include "base/rng.h"

namespace exogpu::api {

std::string call_id(const model::AnswerPiece& piece, const AnswerStart& start, uint32_t answer, size_t call) {
  if (!piece.call_id.empty()) return piece.call_id;
  return std::format("call_{:016x}", random_bits(start.id, (uint64_t{answer} << 32) + call));
}

void WholeAnswer::add(const model::AnswerPiece& piece, const AnswerStart& start, uint32_t answer) {
  switch (piece.kind) {
    case model::AnswerPiece::Kind::text: text += piece.text; break;
    case model::AnswerPiece::Kind::reasoning: reasoning += piece.text; break;
    case model::AnswerPiece::Kind::call:
      calls.push_back({.id = call_id(piece, start, answer, calls.size()), .name = piece.text, .arguments = ""});
      break;
    case model::AnswerPiece::Kind::arguments:
      if (!calls.empty()) calls.back().arguments += piece.text;
      break;
  }
}

}  // namespace exogpu::api
