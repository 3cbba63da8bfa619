#include "api/generation/answer_store.h"

#include <utility>

namespace exogpu::api {

namespace {

Bytes size_of(const Message& message) {
  Bytes bytes = sizeof(message) + message.role.size() + message.text.size() + message.reasoning.size() +
                message.call_id.size() + message.name.size() + message.more.dump().size();
  for (const ToolCall& call : message.calls) {
    bytes += sizeof(call) + call.id.size() + call.name.size() + call.arguments.size();
  }
  return bytes;
}

Bytes size_of(const StoredAnswer& answer) {
  Bytes bytes = sizeof(answer) + answer.body.size();
  for (const Message& message : answer.messages) bytes += size_of(message);
  return bytes;
}

}  // namespace

void AnswerStore::put(const std::string& id, StoredAnswer answer) {
  erase(id);
  const Bytes bytes = size_of(answer) + 2 * id.size();
  if (bytes > bytes_max_) return;
  entries_.push_front({.id = id, .answer = std::move(answer), .bytes = bytes});
  by_id_[id] = entries_.begin();
  bytes_ += bytes;
  while (entries_.size() > answers_max_ || bytes_ > bytes_max_) erase(std::string(entries_.back().id));
}

const StoredAnswer* AnswerStore::find(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->answer;
}

bool AnswerStore::erase(const std::string& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  bytes_ -= found->second->bytes;
  entries_.erase(found->second);
  by_id_.erase(found);
  return true;
}

}  // namespace exogpu::api
