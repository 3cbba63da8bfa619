#include "node/requests.h"

namespace exogpu::node {

Requests::Requests(wire::NodeId self, Transport& transport, RingAccess ring, GenerationsHost host)
    : self_(self),
      transport_(&transport),
      ring_(std::move(ring)),
      server_(server_host()),
      client_(self, server_, client_host()),
      generations_(generations_host(std::move(host))) {}

pipeline::RequestServerHost Requests::server_host() {
  return {.driver = [this](wire::PlanEpoch epoch) { return ring_.epoch() == epoch ? ring_.driver() : nullptr; },
          .send =
              [this](wire::NodeId to, const wire::Generated& message) {
                if (to == self_) return client_.on_generated(self_, message);
                (void)transport_->send_message(to, message);
              }};
}

pipeline::RequestClientHost Requests::client_host() {
  return {.first_node = [this] { return ring_.first_node(); },
          .send = [this](wire::NodeId to, net::Outgoing frame) { return transport_->send(to, std::move(frame)); },
          .on_generated = [this](const wire::Generated& message) { generations_.on_generated(message); },
          .on_interrupted = [this] { generations_.interrupt_all(); }};
}

GenerationsHost Requests::generations_host(GenerationsHost host) {
  host.submit = [this](wire::Generate request) { return client_.submit(std::move(request)); };
  host.cancel = [this](uint64_t request) { client_.cancel(request); };
  return host;
}

void Requests::register_handlers(Dispatch& dispatch) {
  for (const auto type : {wire::ControlType::generate, wire::ControlType::generate_cancel}) {
    dispatch.on_raw(type, [this](wire::NodeId from, wire::ControlType of, std::span<const std::byte> payload) {
      return server_.on_control(from, of, payload);
    });
  }
  dispatch.on<wire::Generated>(
      [this](wire::NodeId from, const wire::Generated& message) { client_.on_generated(from, message); });
}

void Requests::on_link_down(wire::NodeId peer) {
  server_.peer_lost(peer);
  client_.peer_lost(peer);
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
