#include "node/link_rates.h"

#include <array>

namespace exogpu::node {
namespace {

constexpr std::array<std::byte, LinkRates::kFrameBytes> kNothing{};

}  // namespace

void LinkRates::tick(const std::vector<LinkNow>& links, net::SteadyTime now) {
  std::erase_if(links_, [&](const auto& entry) { return !std::ranges::contains(links, entry.first, &LinkNow::peer); });
  if (burst_ && (!links_.contains(burst_->peer) || now - burst_->begun > kAnswerMax)) burst_.reset();
  bool quiet = !burst_;
  for (const LinkNow& at : links) {
    const auto [found, fresh] = links_.try_emplace(at.peer);
    const uint64_t bytes = at.stats.bytes_sent + at.stats.bytes_received;
    if (fresh || bytes - found->second.bytes_before > kQuietBytes || at.stats.queued_bytes > 0) quiet = false;
    found->second.bytes_before = bytes;
  }
  if (!quiet) return;
  for (const LinkNow& at : links) {
    Link& link = links_.at(at.peer);
    if (!at.stats.rtt_min || !due(link, now)) continue;
    return begin(at, link, now);
  }
}

bool LinkRates::due(const Link& link, net::SteadyTime now) const {
  if (!link.asked || now - *link.asked >= kAgain * links_.size()) return true;
  const size_t samples_needed = links_.size() > kManyLinks ? 1 : kSamples;
  return link.samples.size() < samples_needed && now - *link.asked < kAnswerMax;
}

// The peer acknowledges the last frame, so the burst took the time until then, less the round trip.
void LinkRates::begin(const LinkNow& at, Link& link, net::SteadyTime now) {
  link.asked = now;
  for (Bytes offset = 0; offset <= kBurstBytes; offset += kFrameBytes) {
    net::Outgoing frame;
    frame.header.of = wire::Bulk{.transfer = wire::kProbeTransfer, .offset = offset};
    frame.lane = net::Lane::bulk;
    frame.payload = {std::span(kNothing).first(offset == kBurstBytes ? 1 : kFrameBytes)};
    if (!send_(at.peer, std::move(frame))) return;
  }
  burst_ = Burst{.peer = at.peer, .begun = now, .rtt = *at.stats.rtt_min};
}

void LinkRates::arrived(wire::NodeId peer, const wire::LinkProbeResult& result, net::SteadyTime now) {
  if (!burst_ || burst_->peer != peer || result.bytes != kBurstBytes) return;
  const auto took = now - burst_->begun;
  const auto carrying = std::max(took - burst_->rtt, took / 4);  // the rest of a fast link's time is mostly chance
  burst_.reset();
  const auto found = links_.find(peer);
  if (found == links_.end() || carrying.count() <= 0) return;
  std::vector<double>& samples = found->second.samples;
  if (samples.size() >= kSamples) samples.erase(samples.begin());
  samples.push_back(static_cast<double>(kBurstBytes) / std::chrono::duration<double>(carrying).count());
}

std::optional<double> LinkRates::bytes_per_s(wire::NodeId peer) const {
  const auto found = links_.find(peer);
  if (found == links_.end() || found->second.samples.empty()) return std::nullopt;
  return std::ranges::max(found->second.samples);
}

}  // namespace exogpu::node
