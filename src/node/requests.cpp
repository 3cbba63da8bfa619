#include "node/requests.h"

namespace exogpu::node {

Requests::Requests(wire::NodeId self, Transport& transport, RingAccess ring, GenerationsHost host)
    : self_(self), transport_(&transport), ring_(std::move(ring)), generations_([&] {
        host.submit = [this](wire::Generate request) { return submit(std::move(request)); };
        host.cancel = [this](uint64_t request) { cancel(request); };
        return std::move(host);
      }()) {}

void Requests::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::Generate>(
      [this](wire::NodeId from, wire::Generate request) { on_generate(from, std::move(request)); });
  dispatch.on<wire::Generated>(
      [this](wire::NodeId from, const wire::Generated& message) { on_generated(from, message); });
  dispatch.on<wire::CancelGenerate>(
      [this](wire::NodeId from, const wire::CancelGenerate& message) { cancel_driven(from, message.request); });
}

// Only on the node of the first stage.
Result<pipeline::RequestId> Requests::drive(wire::Generate request, OnMessage on_message) {
  auto* driver = ring_.driver();
  if (!driver || driver->over() || ring_.epoch() != request.epoch) {
    return fail(kRingEnded, "the cluster has a new plan; ask again");
  }
  const uint64_t number = request.request;
  return driver->generate({.tokens = std::move(request.tokens),
                           .sampling = std::move(request.sampling),
                           .tokens_max = request.tokens_max,
                           .end_tokens = std::move(request.end_tokens)},
                          [number, on_message = std::move(on_message)](const pipeline::TokenEvent& event) {
                            on_message(to_message(number, event));
                          });
}

Result<void> Requests::submit(wire::Generate request) {
  const auto first = ring_.first_node();
  if (!first) return fail(kRingEnded, "there is no plan");
  const uint64_t number = request.request;
  if (*first != self_) {
    auto sent = transport_->send_message(*first, request);
    if (!sent) sent.error().code = kRingEnded;  // not a prompt that is too long
    if (sent) asked_.emplace(number, *first);
    return sent;
  }
  EXO_TRY(const pipeline::RequestId id, drive(std::move(request), [this](const wire::Generated& message) {
            if (message.end || message.failure) driven_.erase({self_, message.request});
            generations_.on_generated(message);
          }));
  driven_.emplace(std::pair(self_, number), id);
  return {};
}

bool Requests::cancel_driven(wire::NodeId from, uint64_t request) {
  const auto found = driven_.find({from, request});
  if (found == driven_.end()) return false;
  const pipeline::RequestId id = found->second;
  driven_.erase(found);
  if (auto* driver = ring_.driver()) driver->cancel(id);
  return true;
}

void Requests::cancel(uint64_t request) {
  if (cancel_driven(self_, request)) return;
  const auto asked = asked_.find(request);
  if (asked == asked_.end()) return;
  (void)transport_->send_message(asked->second, wire::CancelGenerate{.request = request});
  asked_.erase(asked);
}

void Requests::on_generated(wire::NodeId from, const wire::Generated& message) {
  const auto asked = asked_.find(message.request);
  if (asked == asked_.end() || asked->second != from) return;
  if (message.end || message.failure) asked_.erase(asked);
  generations_.on_generated(message);
}

void Requests::on_generate(wire::NodeId from, wire::Generate request) {
  const uint64_t number = request.request;
  auto begun = drive(std::move(request), [this, from](const wire::Generated& message) {
    if (message.end || message.failure) driven_.erase({from, message.request});
    (void)transport_->send_message(from, message);
  });
  if (begun) {
    driven_.insert_or_assign({from, number}, *begun);
    return;
  }
  wire::Generated refused{.request = number};
  refused.failure = begun.error();
  refused.interrupted = begun.error().code == kRingEnded;
  (void)transport_->send_message(from, refused);
}

void Requests::on_link_down(wire::NodeId peer) {
  std::vector<uint64_t> numbers;
  for (const auto& [key, id] : driven_) {
    if (key.first == peer) numbers.push_back(key.second);
  }
  for (const uint64_t number : numbers) cancel_driven(peer, number);
  if (std::erase_if(asked_, [&](const auto& entry) { return entry.second == peer; }) > 0) {
    generations_.interrupt_all();
  }
}

std::set<wire::NodeId> Requests::answering_nodes() const {
  std::set<wire::NodeId> nodes;
  for (const auto& [request, node] : asked_) nodes.insert(node);
  return nodes;
}

std::optional<LiveRates> Requests::measure(std::chrono::steady_clock::time_point now) {
  const auto* driver = ring_.driver();
  if (!driver) return std::nullopt;
  const pipeline::Scheduler& scheduler = driver->scheduler();
  const Counts before = std::exchange(
      measured_, {.at = now, .sampled = scheduler.tokens_sampled(), .computed = scheduler.tokens_computed()});
  const double seconds = std::chrono::duration<double>(now - before.at).count();
  // Counts of a new ring begin at 0 again.
  const auto rate = [&](uint64_t count, uint64_t previous) {
    return count >= previous && seconds > 0 ? static_cast<double>(count - previous) / seconds : 0;
  };
  return LiveRates{.requests = scheduler.active(),
                   .waiting_requests = scheduler.waiting(),
                   .tokens_per_s = rate(measured_.sampled, before.sampled),
                   .computed_tokens_per_s = rate(measured_.computed, before.computed),
                   .replayed_tokens = scheduler.tokens_replayed(),
                   .stage_step_s = driver->stage_seconds()};
}

}  // namespace exogpu::node
