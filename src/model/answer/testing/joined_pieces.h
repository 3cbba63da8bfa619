// The pieces of an answer, those that mean the same joined.
#pragma once

#include <string_view>
#include <vector>

#include "model/answer/answer_parser.h"

namespace exogpu::model::testing {

class JoinedPieces {
 public:
  void add(const AnswerPiece& piece) {
    const bool joins = !pieces.empty() && pieces.back().kind == piece.kind && piece.kind != AnswerPiece::Kind::call;
    if (joins) {
      pieces.back().text += piece.text;
    } else {
      pieces.push_back(piece);
    }
  }

  std::vector<AnswerPiece> pieces;
};

// The parser's pieces of `parts`, pushed one after another.
inline std::vector<AnswerPiece> parsed(const AnswerParserOptions& options, const std::vector<std::string_view>& parts) {
  AnswerParser parser(options);
  JoinedPieces joined;
  const PieceSink sink = [&](const AnswerPiece& piece) { joined.add(piece); };
  for (const std::string_view part : parts) parser.push(part, sink);
  parser.finish(sink);
  return joined.pieces;
}

}  // namespace exogpu::model::testing
