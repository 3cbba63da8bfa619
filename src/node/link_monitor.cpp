#include "node/link_monitor.h"

#include <algorithm>

namespace exogpu::node {
namespace {

constexpr std::chrono::seconds kPingFar{15}, kSilenceFar{45};

}  // namespace

LinkMonitor::LinkMonitor(Transport& transport, std::function<net::Channel*(wire::NodeId)> channel,
                         std::chrono::milliseconds silence_max)
    : transport_(&transport),
      channel_(std::move(channel)),
      silence_max_(silence_max),
      rates_([this](wire::NodeId to, net::Outgoing frame) {
        return transport_->send(to, std::move(frame)).has_value();
      }) {}

void LinkMonitor::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::LinkProbeResult>([this](wire::NodeId from, const wire::LinkProbeResult& message) {
    rates_.arrived(from, message, std::chrono::steady_clock::now());
  });
  // The bytes of a probe go nowhere. Its last frame, of one byte, is answered.
  dispatch.on_bulk(wire::kProbeTransfer,
                   {.receive_buffer = [this](wire::NodeId from,
                                             const wire::FrameHeader& header) -> std::optional<std::span<std::byte>> {
                      if (header.payload_bytes == 1) {
                        (void)transport_->send_message(from,
                                                       wire::LinkProbeResult{std::get<wire::Bulk>(header.of).offset});
                      }
                      return std::nullopt;
                    },
                    .on_frame = {},
                    .on_abandoned = {}});
}

std::vector<LinkMonitor::Measured> LinkMonitor::measure(cluster::Time now) {
  std::vector<LinkRates::LinkNow> links;
  for (const wire::NodeId peer : transport_->connected_nodes()) links.push_back({peer, channel_(peer)->stats()});
  rates_.tick(links, now);
  std::vector<Measured> measured;
  for (const auto& link : links) {
    if (!link.stats.rtt_min) continue;
    measured.emplace_back(link.peer,
                          cluster::Agent::LinkMeasured{.round_trip = *link.stats.rtt_min,
                                                       .jitter = link.stats.rtt_jitter,
                                                       .bytes_per_s = rates_.bytes_per_s(link.peer).value_or(0),
                                                       .loss = losses_.add(link.peer, link.stats)});
  }
  return measured;
}

void LinkMonitor::watch(const std::set<wire::NodeId>& near) {
  for (const wire::NodeId peer : transport_->connected_nodes()) {
    const bool closely = near.contains(peer);
    const auto known = watched_closely_.find(peer);
    if (known != watched_closely_.end() && known->second == closely) continue;
    watched_closely_[peer] = closely;
    const auto silence = closely ? silence_max_ : std::max<std::chrono::milliseconds>(kSilenceFar, silence_max_);
    channel_(peer)->watch(closely ? net::Duration(silence_max_ / 4) : net::Duration(kPingFar), silence);
  }
}

}  // namespace exogpu::node
