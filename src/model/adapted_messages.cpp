#include "model/adapted_messages.h"

#include <algorithm>
#include <format>
#include <map>
#include <nlohmann/json.hpp>

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kParagraph = "\n\n";

std::string text_in(const Json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool has_role(const Json& message, std::string_view role) { return text_in(message, "role") == role; }

bool has_calls(const Json& message) {
  const auto calls = message.find("tool_calls");
  return calls != message.end() && calls->is_array() && !calls->empty();
}

std::string joined(const std::string& first, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  return first + std::string(kParagraph) + second;
}

void name_roles(Json& messages) {
  constexpr std::string_view kKnown[] = {"system", "user", "assistant", "tool"};
  for (Json& message : messages) {
    if (!std::ranges::contains(kKnown, text_in(message, "role"))) message["role"] = "user";
  }
}

void merge_neighbours(Json& messages) {
  Json merged = Json::array();
  for (Json& message : messages) {
    const bool same = !merged.empty() && text_in(merged.back(), "role") == text_in(message, "role");
    const bool plain = same && !has_role(message, "tool") && !has_calls(merged.back()) && !has_calls(message);
    if (plain) {
      merged.back()["content"] = joined(text_in(merged.back(), "content"), text_in(message, "content"));
    } else {
      merged.push_back(std::move(message));
    }
  }
  messages = std::move(merged);
}

void number_calls(Json& messages) {
  std::map<std::string, std::string> numbers;
  const auto number = [&](Json& id) {
    const auto [at, is_new] = numbers.try_emplace(id.get<std::string>(), std::format("{:09}", numbers.size()));
    id = at->second;
  };
  for (Json& message : messages) {
    if (message.contains("tool_call_id") && message["tool_call_id"].is_string()) number(message["tool_call_id"]);
    if (!has_calls(message)) continue;
    for (Json& call : message["tool_calls"]) {
      if (call.is_object() && !call.contains("id")) call["id"] = std::format("call {}", numbers.size());
      if (call.is_object() && call["id"].is_string()) number(call["id"]);
    }
  }
}

void move_system(Json& messages) {
  Json moved = Json::array();
  std::string text;
  for (Json& message : messages) {
    if (has_role(message, "system")) {
      text = joined(text, text_in(message, "content"));
      continue;
    }
    if (has_role(message, "user") && !text.empty()) {
      message["content"] = joined(text, text_in(message, "content"));
      text.clear();
    }
    moved.push_back(std::move(message));
  }
  if (!text.empty()) moved.push_back({{"role", "user"}, {"content", text}});
  messages = std::move(moved);
}

void write_calls_as_text(Json& messages) {
  constexpr auto kReplace = Json::error_handler_t::replace;
  for (Json& message : messages) {
    if (has_calls(message)) {
      const Json calls = {{"tool_calls", message["tool_calls"]}};
      message["content"] = joined(text_in(message, "content"), calls.dump(-1, ' ', false, kReplace));
      message.erase("tool_calls");
    } else if (has_role(message, "tool")) {
      const Json result = {{"tool_result", {{"content", text_in(message, "content")}}}};
      message = {{"role", "user"}, {"content", result.dump(-1, ' ', false, kReplace)}};
    }
  }
}

bool are_messages(const Json& messages) {
  return messages.is_array() && std::ranges::all_of(messages, [](const Json& message) {
           return message.is_object() && !text_in(message, "role").empty() &&
                  (!message.contains("content") || message["content"].is_string());
         });
}

}  // namespace

std::vector<std::string> adapted_messages(std::string_view messages_json) {
  const Json given = Json::parse(messages_json, nullptr, false);
  if (!are_messages(given)) return {};
  std::vector<std::string> forms;
  const auto add = [&](const Json& form) {
    std::string text = form.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (form != given && !std::ranges::contains(forms, text)) forms.push_back(std::move(text));
  };
  Json merged = given;
  name_roles(merged);
  merge_neighbours(merged);
  add(merged);
  number_calls(merged);
  add(merged);
  Json moved = merged;
  move_system(moved);
  merge_neighbours(moved);
  add(moved);
  write_calls_as_text(moved);
  merge_neighbours(moved);
  add(moved);
  return forms;
}

}  // namespace exogpu::model
