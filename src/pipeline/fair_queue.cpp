#include "pipeline/fair_queue.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace exogpu::pipeline {
namespace {

// Counters that are remembered, also of clients without requests.
constexpr size_t kClientsMax = 8192;

}  // namespace

uint32_t FairQueue::waiting(wire::ClientId client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : static_cast<uint32_t>(found->second.waiting.size());
}

bool FairQueue::has_room(wire::ClientId client) const {
  const size_t free = waiting_max_ - std::min(waiting_max_, size_);
  return free > waiting(client);
}

// Where none waits, no client is behind the one that was served last.
uint64_t FairQueue::smallest_counter() const {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  bool any = false;
  for (const auto& [id, client] : clients_) {
    if (client.waiting.empty()) continue;
    any = true;
    least = std::min(least, client.counter);
  }
  if (any) return least;
  const auto last = clients_.find(last_);
  return std::max(last_level_, last == clients_.end() ? 0 : last->second.counter);
}

void FairQueue::forget_idle() {
  if (clients_.size() >= kClientsMax) {
    std::erase_if(clients_, [](const auto& entry) { return entry.second.waiting.empty(); });
  }
}

void FairQueue::push(RequestId id, Request request) {
  ++size_;
  Waiting waiting{.arrival = ++arrivals_, .id = id, .request = std::move(request)};
  if (waiting.request.continues()) {
    continued_.push_back(std::move(waiting));
    return;
  }
  const wire::ClientId of = waiting.request.client;
  if (!clients_.contains(of)) forget_idle();
  const uint64_t least = smallest_counter();
  Client& client = clients_[of];
  if (client.waiting.empty()) client.counter = std::max(client.counter, least);
  client.waiting.push_back(std::move(waiting));
}

void FairQueue::put_back(RequestId id, Request request) {
  ++size_;
  continued_.push_front({.arrival = ++arrivals_, .id = id, .request = std::move(request)});
}

const FairQueue::Client& FairQueue::next_client() const {
  const Client* best = nullptr;
  for (const auto& [id, client] : clients_) {
    if (client.waiting.empty()) continue;
    const auto order = [](const Client& of) { return std::pair(of.counter, of.waiting.front().arrival); };
    if (best == nullptr || order(client) < order(*best)) best = &client;
  }
  EXO_ASSERT(best != nullptr, "a request that waits is a client's");
  return *best;
}

const Request& FairQueue::front() const {
  EXO_ASSERT(size_ > 0, "there is a next request where one waits");
  return continued_.empty() ? next_client().waiting.front().request : continued_.front().request;
}

std::pair<RequestId, Request> FairQueue::pop() {
  EXO_ASSERT(size_ > 0, "a request is taken where one waits");
  --size_;
  if (!continued_.empty()) {
    Waiting next = std::move(continued_.front());
    continued_.pop_front();
    return {next.id, std::move(next.request)};
  }
  Client& best = clients_.at(next_client().waiting.front().request.client);
  Waiting next = std::move(best.waiting.front());
  best.waiting.pop_front();
  last_ = next.request.client;
  last_level_ = best.counter;
  return {next.id, std::move(next.request)};
}

bool FairQueue::erase(RequestId id) {
  const auto is_it = [id](const Waiting& waiting) { return waiting.id == id; };
  size_t erased = std::erase_if(continued_, is_it);
  for (auto& [of, client] : clients_) erased += std::erase_if(client.waiting, is_it);
  size_ -= erased;
  return erased > 0;
}

void FairQueue::charge(wire::ClientId client, uint64_t cost) {
  if (!clients_.contains(client)) forget_idle();
  clients_[client].counter += cost;
}

// As if clients took turns, and each request cost the same.
uint32_t FairQueue::position(wire::ClientId client) const {
  const size_t own = waiting(client);
  size_t ahead = own + continued_.size();
  for (const auto& [id, other] : clients_) {
    if (id != client) ahead += std::min(other.waiting.size(), own + 1);
  }
  return static_cast<uint32_t>(ahead + 1);
}

std::vector<RequestId> FairQueue::requests() const {
  std::vector<RequestId> ids;
  for (const Waiting& waiting : continued_) ids.push_back(waiting.id);
  for (const auto& [of, client] : clients_) {
    for (const Waiting& waiting : client.waiting) ids.push_back(waiting.id);
  }
  return ids;
}

}  // namespace exogpu::pipeline
