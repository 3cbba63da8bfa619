#include "pipeline/request_client.h"

#include "pipeline/continuations.h"
#include "pipeline/control_frame.h"

namespace exogpu::pipeline {

Result<void> RequestClient::submit(wire::Generate request) {
  const auto first = host_.first_node();
  if (!first) return fail(kRingEnded, "there is no plan");
  const uint64_t number = request.request;
  in_flight_.insert_or_assign(number, *first);
  if (*first == self_) {
    server_->begin(self_, std::move(request));
    return {};
  }
  if (const auto sent = host_.send(*first, control_frame(request)); !sent) {
    in_flight_.erase(number);
    return fail(kRingEnded, "{}", sent.error().message);  // a lane without room is not a prompt that is too long
  }
  return {};
}

void RequestClient::cancel(uint64_t request) {
  const auto sent = in_flight_.extract(request);
  if (!sent) return;
  if (sent.mapped() == self_) return server_->cancel(self_, request);
  (void)host_.send(sent.mapped(), control_frame(wire::CancelGenerate{.request = request}));
}

void RequestClient::on_generated(wire::NodeId from, const wire::Generated& message) {
  const auto sent = in_flight_.find(message.request);
  if (sent == in_flight_.end() || sent->second != from) return;
  if (message.end || message.failure) in_flight_.erase(sent);
  host_.on_generated(message);
}

void RequestClient::peer_lost(wire::NodeId peer) {
  const auto lost = std::erase_if(in_flight_, [&](const auto& entry) { return entry.second == peer; });
  if (lost > 0) host_.on_interrupted();
}

std::set<wire::NodeId> RequestClient::answering_nodes() const {
  std::set<wire::NodeId> nodes;
  for (const auto& [request, node] : in_flight_) {
    if (node != self_) nodes.insert(node);
  }
  return nodes;
}

}  // namespace exogpu::pipeline
