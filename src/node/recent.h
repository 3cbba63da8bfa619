// What a node remembers of the recent past, for people: events of the cluster, requests of its clients, and how the
// links were. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"

namespace exogpu::node {

// An event of the cluster as this node saw it, in words, as the log has it.
struct RecentEvent {
  uint64_t number = 0;  // grows by one with each event since the node's start
  uint64_t unix_ms = 0;
  log::Level level = log::Level::info;
  std::string text{};
  friend bool operator==(const RecentEvent&, const RecentEvent&) = default;
};

// An answer to a client of this node that has ended. A request for several answers has one for each.
struct RecentRequest {
  uint64_t unix_ms = 0;  // when it came
  std::string model{};   // as RequestCounts have it
  std::string end{};     // the reason: of the answer, or the code of the error
  uint32_t prompt_tokens = 0, prompt_tokens_reused = 0, answer_tokens = 0;
  std::optional<double> accepted_s{};     // until the devices accepted it; absent: they did not
  std::optional<double> first_token_s{};  // from its coming to the first piece of the answer
  double duration_s = 0;                  // from its coming to its end
  // Behind the first one; absent of an answer of one token.
  std::optional<double> tokens_per_s() const {
    if (!first_token_s || answer_tokens < 2 || duration_s <= *first_token_s) return std::nullopt;
    return (answer_tokens - 1) / (duration_s - *first_token_s);
  }
  friend bool operator==(const RecentRequest&, const RecentRequest&) = default;
};

// The way from one node to another, every LinkHistory::kStep; absent values: there was no such link then.
struct LinkPast {
  std::string from{}, to{};                                            // names
  std::vector<std::optional<float>> delay_s{}, loss{}, bytes_per_s{};  // the oldest first, the last one of now
};

}  // namespace exogpu::node
