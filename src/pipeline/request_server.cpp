#include "pipeline/request_server.h"

#include "pipeline/continuations.h"
#include "pipeline/token_event.h"

namespace exogpu::pipeline {

Result<void> RequestServer::begin(wire::NodeId from, wire::Generate request) {
  Driver* driver = host_.driver(request.epoch);
  if (driver == nullptr || driver->over()) return fail(kRingEnded, "the cluster has a new plan; ask again");
  const uint64_t number = request.request;
  const wire::PlanEpoch epoch = request.epoch;
  cancel(from, number);
  Request input{.tokens = std::move(request.tokens),
                .sampling = std::move(request.sampling),
                .tokens_max = request.tokens_max,
                .end_tokens = std::move(request.end_tokens),
                .prompt_tokens = request.prompt_tokens};
  EXO_TRY(const RequestId id, driver->generate(std::move(input), [this, from, number](const TokenEvent& event) {
    if (event.is_last()) served_.erase({from, number});
    host_.send(from, to_message(number, event));
  }));
  served_.insert_or_assign({from, number}, Served{.epoch = epoch, .id = id});
  return {};
}

void RequestServer::cancel(wire::PlanEpoch epoch, RequestId id) {
  if (Driver* driver = host_.driver(epoch)) driver->cancel(id);
}

void RequestServer::cancel(wire::NodeId from, uint64_t request) {
  const auto found = served_.find({from, request});
  if (found == served_.end()) return;
  const Served served = found->second;
  served_.erase(found);
  cancel(served.epoch, served.id);
}

void RequestServer::peer_lost(wire::NodeId peer) {
  std::erase_if(served_, [&](const auto& entry) {
    if (entry.first.first != peer) return false;
    cancel(entry.second.epoch, entry.second.id);
    return true;
  });
}

Result<void> RequestServer::on_control(wire::NodeId from, wire::ControlType type, std::span<const std::byte> payload) {
  if (type == wire::ControlType::generate_cancel) {
    EXO_TRY(const wire::CancelGenerate message, wire::decode<wire::CancelGenerate>(payload));
    cancel(from, message.request);
    return {};
  }
  EXO_TRY(wire::Generate request, wire::decode<wire::Generate>(payload));
  const uint64_t number = request.request;
  const auto begun = begin(from, std::move(request));
  if (begun) return {};
  wire::Generated refusal{.request = number};
  refusal.failure = begun.error();
  refusal.interrupted = begun.error().code == kRingEnded;
  host_.send(from, refusal);
  return {};
}

}  // namespace exogpu::pipeline
