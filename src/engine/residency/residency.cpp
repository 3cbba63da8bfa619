#include "engine/residency/residency.h"

#include <algorithm>
#include <numeric>

namespace exogpu::engine {
namespace {

// To read a layer takes so many times as long as to compute it for a token: about as much as memory is faster than a
// disk.
constexpr uint32_t kReadOverCompute = 4;

Bytes sum(const std::vector<Bytes>& parts) { return std::accumulate(parts.begin(), parts.end(), Bytes{0}); }

// `count` of the layers stream, through `slots`.
Residency arrange(const ResidencyQuestion& q, uint32_t count, uint32_t slots) {
  const auto n = static_cast<uint32_t>(q.layers.size());
  Residency r{.slot_of = std::vector<std::optional<uint32_t>>(n), .slots = slots, .bytes = q.always};
  for (uint32_t i = 0; i < count; ++i) r.slot_of[(2 * uint64_t{i} + 1) * n / (2 * uint64_t{count})] = i % slots;
  std::vector<std::vector<Bytes>> largest(slots, std::vector<Bytes>(n == 0 ? 0 : q.layers.front().size()));
  for (uint32_t layer = 0; layer < n; ++layer) {
    if (!r.streams(layer)) {
      r.bytes += sum(q.layers[layer]);
      continue;
    }
    std::vector<Bytes>& slot = largest[*r.slot_of[layer]];
    for (size_t kind = 0; kind < slot.size(); ++kind) slot[kind] = std::max(slot[kind], q.layers[layer][kind]);
  }
  for (const auto& slot : largest) r.bytes += sum(slot);
  return r;
}

// With as few layers as possible that stream.
std::optional<Residency> with_slots(const ResidencyQuestion& q, uint32_t slots) {
  for (uint32_t count = slots + 1; count <= q.layers.size(); ++count)
    if (Residency r = arrange(q, count, slots); r.bytes <= q.budget) return r;
  return std::nullopt;
}

}  // namespace

uint32_t Residency::streamed() const {
  return static_cast<uint32_t>(std::ranges::count_if(slot_of, [](const auto& slot) { return slot.has_value(); }));
}

Result<Residency> choose_residency(const ResidencyQuestion& q) {
  if (Residency all = arrange(q, 0, 0); all.bytes <= q.budget) return all;
  const auto one = with_slots(q, 1);
  const auto two = with_slots(q, 2);
  // With a single slot nothing is read while a layer that streams is computed.
  const auto step_time = [](const Residency& r) { return r.streamed() * (kReadOverCompute + (r.slots == 1 ? 1 : 0)); };
  if (one && (!two || step_time(*one) < step_time(*two))) return *one;
  if (two) return *two;
  const Bytes least = arrange(q, static_cast<uint32_t>(q.layers.size()), 1).bytes;
  return fail(ErrorCode::out_of_memory,
              "weights need at least {} of memory, even if every layer is read again for each step, and the budget is "
              "{}; raise --memory-max",
              format_bytes(least), format_bytes(q.budget));
}

}  // namespace exogpu::engine
