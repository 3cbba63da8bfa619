// The items of a response's output.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/generation/conversation.h"

namespace exogpu::api::responses {

struct OutputItem {
  enum class Kind { message, reasoning, call };
  Kind kind = Kind::message;
  std::string id;
  std::string text{};  // of a call: the JSON of its arguments
  std::string call_id{}, name{};
};

// `status`: "in_progress", "completed", "incomplete".
nlohmann::ordered_json item_json(const OutputItem& item, const char* status);
// The one part of a message or of reasoning.
nlohmann::ordered_json part_json(const OutputItem& item);

// What the model wrote, as one message of the conversation.
Message to_message(const std::vector<OutputItem>& items);

}  // namespace exogpu::api::responses
