// Answers as Anthropic's messages: a list of blocks of text, thinking and tool calls, whole or as events.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/generation/answer_writer.h"
#include "api/generation/text_call.h"

namespace exogpu::api::anthropic {

class MessageWriter final : public AnswerWriter {
 public:
  // Without `shows_thinking`, what the model thinks is left out.
  MessageWriter(const AnswerStart& start, bool shows_thinking);

  std::string keep_alive() const override;
  // Each event has its name: "event: message_start" and so on.
  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;
  std::string error(const ApiError& error) const override;

 private:
  struct Block {
    model::AnswerPiece::Kind kind = model::AnswerPiece::Kind::text;  // text, reasoning or call
    std::string text;                                                // of a call: the JSON of its arguments
    std::string id{}, name{};                                        // of a call
  };

  // Adds the piece to the blocks; with `out`, also the events that say so.
  void add(const model::AnswerPiece& piece, std::string* out);
  void read(const Delivery& delivery, std::string* out);
  void open(Block block, std::string* out);
  void close(std::string* out);
  nlohmann::ordered_json message(const nlohmann::ordered_json& content) const;
  nlohmann::ordered_json stop_reason() const;
  nlohmann::ordered_json stop_sequence() const;
  nlohmann::ordered_json usage() const;

  std::string id_, model_;
  bool shows_thinking_;
  std::vector<Block> blocks_;
  bool open_ = false;  // the last block
  uint32_t prompt_tokens_ = 0;
  std::optional<engine::GenerateStats> end_;
};

}  // namespace exogpu::api::anthropic
