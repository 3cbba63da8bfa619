// The requests that wait for a sequence, in the order in which they get one: fair between clients, and by arrival for
// each client.
//
// Each client has a counter of the tokens that were computed for it, and the client with the smallest counter is next.
// A client that begins to wait starts at the smallest counter of those that wait already, so that idle time saves up no
// credit, and so that it waits for at most one request of each. This is the virtual token counter of Sheng et al.,
// "Fairness in Serving Large Language Models", OSDI 2024. Pure: no clock, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/request.h"
#include "pipeline/token_event.h"

namespace exogpu::pipeline {

// What a token costs a client. A token of an answer takes a step of its own; those of a prompt share steps.
inline constexpr uint64_t kPromptTokenCost = 1;
inline constexpr uint64_t kAnswerTokenCost = 2;

class FairQueue {
 public:
  explicit FairQueue(size_t waiting_max) : waiting_max_(waiting_max) {}

  // A client may have as many requests here as there is free room, which is half of what the others leave, so that
  // there is room for further clients. (Dynamic thresholds: Choudhury and Hahne, 1998.)
  bool has_room(wire::ClientId client) const;
  // Bounds what was accepted before, which a client's share does not.
  bool full() const { return size_ >= 2 * waiting_max_; }

  // A request that continues an answer goes ahead of those that begin one.
  void push(RequestId id, Request request);
  // Ahead of all others: a request that had a sequence, and must have one again.
  void put_back(RequestId id, Request request);
  // The next. Precondition of both: not empty.
  const Request& front() const;
  std::pair<RequestId, Request> pop();
  bool erase(RequestId id);
  // The client was given so much.
  void charge(wire::ClientId client, uint64_t cost);

  // Where the next request of this client would stand; an estimate, since no cost is known in advance.
  uint32_t position(wire::ClientId client) const;
  uint32_t waiting(wire::ClientId client) const;
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::vector<RequestId> requests() const;

 private:
  struct Waiting {
    uint64_t arrival = 0;
    RequestId id;
    Request request;
  };
  struct Client {
    uint64_t counter = 0;
    std::deque<Waiting> waiting;  // by arrival
  };
  uint64_t smallest_counter() const;
  const Client& next_client() const;
  void forget_idle();

  size_t waiting_max_;
  size_t size_ = 0;
  std::deque<Waiting> continued_;
  std::map<wire::ClientId, Client> clients_;
  wire::ClientId last_;      // whose request was taken last
  uint64_t last_level_ = 0;  // its counter then
  uint64_t arrivals_ = 0;
};

}  // namespace exogpu::pipeline
