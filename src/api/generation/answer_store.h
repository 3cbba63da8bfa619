// Conversations that clients continue by the id of an answer, in memory.
#pragma once

#include <list>
#include <map>
#include <string>
#include <vector>

#include "api/generation/conversation.h"
#include "base/units.h"

namespace exogpu::api {

struct StoredAnswer {
  std::vector<Message> messages;  // of the conversation, the answer included
  std::string body;               // the reply as it was sent
};

// When it is full, the answers that were not used for longest go. One thread at a time.
class AnswerStore {
 public:
  AnswerStore(size_t answers_max, Bytes bytes_max) : answers_max_(answers_max), bytes_max_(bytes_max) {}

  // An answer that alone is larger than the store is not stored.
  void put(const std::string& id, StoredAnswer answer);
  const StoredAnswer* find(const std::string& id);  // null: none; valid until the next put() or erase()
  bool erase(const std::string& id);

  size_t size() const { return entries_.size(); }
  Bytes bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string id;
    StoredAnswer answer;
    Bytes bytes;
  };
  using Entries = std::list<Entry>;  // last used first

  size_t answers_max_;
  Bytes bytes_max_;
  Bytes bytes_ = 0;
  Entries entries_;
  std::map<std::string, Entries::iterator, std::less<>> by_id_;
};

}  // namespace exogpu::api
