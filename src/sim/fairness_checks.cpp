#include "sim/fairness_checks.h"

#include <format>
#include <set>

#include "pipeline/fair_queue.h"

namespace exogpu::sim {

void FairnessChecks::submitted(wire::NodeId from, const wire::Generate& request, wire::ClientId client) {
  // An answer that is continued goes ahead of the queue.
  const bool continued = request.tokens.size() > request.prompt_tokens;
  cancelled(from, request.request);
  if (continued) return;
  asked_.emplace(Key(from, request.request), Asked{.client = client,
                                                   .cost = request.tokens.size() * pipeline::kPromptTokenCost +
                                                           request.tokens_max * pipeline::kAnswerTokenCost,
                                                   .ring = {{}, request.epoch}});
}

void FairnessChecks::sent(wire::NodeId node, wire::NodeId to, const wire::Generated& message) {
  const auto found = asked_.find(Key(to, message.request));
  if (found == asked_.end()) return;
  Asked& request = found->second;
  request.ring.first = node;
  if (message.failure) return cancelled(to, message.request);
  if (message.tokens.empty()) {
    request.waits = message.queue.has_value();
  } else if (!request.begun) {
    request.begun = true;
    request.waits = false;
    removed(request);
    begun(request);
  }
  if (message.end) asked_.erase(found);
}

void FairnessChecks::cancelled(wire::NodeId from, uint64_t request) {
  const auto found = asked_.find(Key(from, request));
  if (found == asked_.end()) return;
  removed(found->second);
  asked_.erase(found);
}

void FairnessChecks::peer_lost(wire::NodeId node, wire::NodeId peer) {
  std::erase_if(asked_, [&](const auto& entry) {
    if (entry.first.first != peer || entry.second.ring.first != node) return false;
    removed(entry.second);
    return true;
  });
}

void FairnessChecks::begun(const Asked& request) {
  std::set<wire::ClientId> waiting;
  for (const auto& [key, other] : asked_) {
    if (other.waits && other.ring == request.ring && other.client != request.client) waiting.insert(other.client);
  }
  for (const wire::ClientId client : waiting) {
    uint64_t& given = given_[{request.ring, client}][request.client];
    given += request.cost;
    if (given <= bound_) continue;
    checks_->fail(std::format("client {} is starved: while it waits, client {} is given {} tokens' worth",
                              client.value(), request.client.value(), given));
  }
}

}  // namespace exogpu::sim
