#include "model/answer/piece_writer.h"

#include <algorithm>
#include <utility>

namespace exogpu::model {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view without_begin(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

}  // namespace

void PieceWriter::put(AnswerPiece::Kind kind, std::string_view text) {
  if (!text.empty()) (*sink_)({.kind = kind, .text = std::string(text)});
}

std::string_view PieceWriter::without_end(std::string_view text) {
  const size_t size = text.find_last_not_of(kBlanks) + 1;
  held_ = text.substr(size);
  return text.substr(0, size);
}

void PieceWriter::text(std::string_view text) {
  if (std::exchange(in_reasoning_, false)) {
    held_.clear();
    at_begin_ = true;
  }
  if (at_begin_) text = without_begin(text);
  if (text.empty()) return;
  at_begin_ = false;
  const std::string all = std::exchange(held_, {}) + std::string(text);
  put(AnswerPiece::Kind::text, holds_blanks_ ? without_end(all) : all);
}

void PieceWriter::reasoning(std::string_view text) {
  in_reasoning_ = true;
  if (!reasoning_begun_) {
    held_.clear();
    text = without_begin(text);
  }
  if (text.empty()) return;
  reasoning_begun_ = true;
  const std::string all = std::exchange(held_, {}) + std::string(text);
  put(AnswerPiece::Kind::reasoning, without_end(all));
}

void PieceWriter::call(std::string name, std::string id) {
  held_.clear();
  in_reasoning_ = false;
  at_begin_ = true;
  ++calls_;
  (*sink_)({.kind = AnswerPiece::Kind::call, .text = std::move(name), .call_id = std::move(id)});
}

void PieceWriter::arguments(std::string_view json) { put(AnswerPiece::Kind::arguments, json); }

void PieceWriter::finish() {
  if (!in_reasoning_) put(AnswerPiece::Kind::text, held_);
  held_.clear();
}

}  // namespace exogpu::model
