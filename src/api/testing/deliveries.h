// What a node delivers for one answer, for tests of answer writers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/generation/answer_writer.h"

namespace exogpu::api::testing {

using Piece = model::AnswerPiece;

// An answer that thinks, speaks, calls two tools, and ends.
inline std::vector<Piece> thought_text_and_calls() {
  return {{.kind = Piece::Kind::reasoning, .text = "hm"},
          {.kind = Piece::Kind::reasoning, .text = "m"},
          {.kind = Piece::Kind::text, .text = "I "},
          {.kind = Piece::Kind::text, .text = "look"},
          {.kind = Piece::Kind::call, .text = "weather"},
          {.kind = Piece::Kind::arguments, .text = R"({"town":)"},
          {.kind = Piece::Kind::arguments, .text = R"("Ulm"})"},
          {.kind = Piece::Kind::call, .text = "time", .call_id = "own_id"},
          {.kind = Piece::Kind::arguments, .text = "{}"}};
}

inline Delivery end_of(const engine::GenerateStats& stats) {
  Delivery last;
  last.updates.push_back({.answer = 0, .end = stats});
  last.ended = true;
  return last;
}

// Each piece in a delivery of its own; the prompt has seven tokens, of which three were resident.
inline std::vector<Delivery> deliveries(const std::vector<Piece>& pieces,
                                        engine::FinishReason reason = engine::FinishReason::end_of_text) {
  std::vector<Delivery> out(1);
  out.front().prompt_tokens = 7;
  for (const Piece& piece : pieces) out.emplace_back().updates.push_back({.answer = 0, .pieces = {piece}});
  out.push_back(end_of({.reason = reason, .prompt_tokens = 7, .prompt_reused = 3, .answer_tokens = 9}));
  return out;
}

inline std::string streamed(AnswerWriter& writer, std::vector<Delivery> all) {
  std::string out;
  for (Delivery& delivery : all) out += writer.events(std::move(delivery));
  return out;
}

inline std::string collected(AnswerWriter& writer, std::vector<Delivery> all) {
  for (Delivery& delivery : all) writer.collect(std::move(delivery));
  return writer.whole();
}

struct NamedEvent {
  std::string name;
  nlohmann::json data;
};

// "event: NAME" and "data: JSON", and a blank line each.
inline std::vector<NamedEvent> named_events(const std::string& stream) {
  std::vector<NamedEvent> out;
  for (size_t at = 0, end; (end = stream.find("\n\n", at)) != stream.npos; at = end + 2) {
    const std::string event = stream.substr(at, end - at);
    const size_t line = event.find('\n');
    out.push_back({.name = event.substr(7, line - 7), .data = nlohmann::json::parse(event.substr(line + 7))});
  }
  return out;
}

}  // namespace exogpu::api::testing
