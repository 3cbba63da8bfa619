// Answers as OpenAI's responses, whole or as events.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/generation/answer_store.h"
#include "api/generation/answer_writer.h"
#include "api/generation/text_call.h"
#include "api/responses/output_items.h"

namespace exogpu::api::responses {

class ResponseWriter final : public AnswerWriter {
 public:
  // `settings`: fields of the request that the response repeats. When the answer has ended, it is put into `store` with
  // the `messages` before it; null: not.
  ResponseWriter(const AnswerStart& start, nlohmann::ordered_json settings, std::vector<Message> messages,
                 AnswerStore* store);

  // Each event has its name and a number: "event: response.created" and so on.
  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;

 private:
  using json = nlohmann::ordered_json;

  void read(const Delivery& delivery);
  void add(const model::AnswerPiece& piece);
  void open(OutputItem item);
  void close();
  void finish();
  // Adds an event to the stream, where there is one.
  void event(const char* type, const json& fields);
  void item_event(const char* type, const json& fields);  // with the place of the last item
  const char* status() const;
  json response(const char* status) const;
  json usage() const;

  std::string id_;  // without a prefix
  int64_t created_;
  std::string model_;
  json settings_;
  std::vector<Message> messages_;
  AnswerStore* store_;
  std::vector<OutputItem> items_;
  bool open_ = false;           // the last item
  std::string* out_ = nullptr;  // of events(), while it runs
  uint64_t sequence_ = 0;
  uint32_t prompt_tokens_ = 0;
  std::optional<engine::GenerateStats> end_;
};

}  // namespace exogpu::api::responses
