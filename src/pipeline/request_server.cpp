#include "pipeline/request_server.h"

#include <cmath>
#include <format>
#include <string>

#include "pipeline/continuations.h"
#include "pipeline/token_event.h"

namespace exogpu::pipeline {
namespace {

wire::Generated refusal(uint64_t request, Error why) {
  wire::Generated refused{.request = request, .interrupted = why.code == kRingEnded};
  refused.failure = std::move(why);
  return refused;
}

// "; it would be number 12 in the queue, and begin after about 40 s"
std::string place_text(const wire::QueuePlace& place) {
  std::string text = std::format("; it would be number {} in the queue", place.position);
  if (place.wait) text += std::format(", and begin after about {:.0f} s", std::ceil(place.wait->count() / 1000.0));
  return text;
}

}  // namespace

Result<RequestId> RequestServer::start(Driver& driver, wire::NodeId from, wire::Generate request) {
  Request input{.tokens = std::move(request.tokens),
                .sampling = std::move(request.sampling),
                .tokens_max = request.tokens_max,
                .end_tokens = std::move(request.end_tokens),
                .prompt_tokens = request.prompt_tokens,
                .client = request.client,
                .accepted_before = request.accepted_before,
                .queue_wait_max = request.queue_wait_max,
                .embed = request.embed,
                .prompt_logprobs = request.prompt_logprobs,
                .computes_afresh = request.computes_afresh};
  return driver.generate(std::move(input), [this, from, number = request.request](const TokenEvent& event) {
    if (event.is_last()) served_.erase({from, number});
    host_.send(from, to_message(number, event));
  });
}

void RequestServer::begin(wire::NodeId from, wire::Generate request) {
  const uint64_t number = request.request;
  const wire::PlanEpoch epoch = request.epoch;
  const wire::ClientId client = request.client;
  Driver* driver = host_.driver(epoch);
  if (driver == nullptr || driver->over()) {
    return host_.send(from, refusal(number, {kRingEnded, "the cluster has a new plan; ask again"}));
  }
  cancel(from, number);
  const wire::QueuePlace place = driver->place(client);
  const bool waits = !driver->scheduler().has_free_sequence();
  auto started = start(*driver, from, std::move(request));
  if (started) {
    served_.insert_or_assign({from, number}, Served{.epoch = epoch, .id = *started});
    wire::Generated accepted{.request = number};
    if (waits) accepted.queue = place;
    return host_.send(from, accepted);
  }
  wire::Generated refused = refusal(number, started.error());
  if (started.error().code == ErrorCode::unavailable) {
    refused.queue = place;
    refused.failure->message += place_text(place);
  }
  host_.send(from, refused);
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
  begin(from, std::move(request));
  return {};
}

}  // namespace exogpu::pipeline
