#include "sim/network.h"

#include <algorithm>

namespace exogpu::sim {

std::vector<Duration> Network::carry(uint32_t from, uint32_t to, Dice& dice) const {
  std::vector<Duration> arrivals;
  if (!open(from, to)) return arrivals;
  const auto slowed = slow_.find({from, to});
  const double delay_ms = slowed == slow_.end() ? settings_.delay_ms : slowed->second;
  const int copies = dice.chance(settings_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (dice.chance(settings_.loss) || dice.chance(burst_)) continue;
    double ms = delay_ms + dice.exponential(settings_.jitter_ms);
    if (dice.chance(settings_.reorder)) ms += dice.between(0, 50);
    arrivals.push_back(seconds(ms / 1000));
  }
  return arrivals;
}

Duration Network::carry_surely(uint32_t from, uint32_t to, Dice& dice) const {
  const auto slowed = slow_.find({from, to});
  const double delay_ms = slowed == slow_.end() ? settings_.delay_ms : slowed->second;
  double ms = delay_ms + dice.exponential(settings_.jitter_ms);
  while (dice.chance(settings_.loss) || dice.chance(burst_)) ms += 3 * delay_ms + dice.between(10, 200);
  return seconds(ms / 1000);
}

void Network::heal() {
  std::ranges::fill(group_, 0);
  blocked_.clear();
  slow_.clear();
  burst_ = 0;
  settings_.loss = settings_.duplicate = settings_.reorder = 0;
}

}  // namespace exogpu::sim
