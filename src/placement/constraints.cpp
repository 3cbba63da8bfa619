#include "placement/constraints.h"

#include <algorithm>
#include <array>
#include <format>

namespace exogpu::placement {
namespace {

std::optional<std::string> excluded_by_user(const CostModel& model, size_t device) {
  if (!std::ranges::contains(model.request().excluded, model.view().devices[device].id)) return {};
  return "excluded by the user";
}

std::optional<std::string> no_room(const CostModel& model, size_t device) {
  Bytes least = std::numeric_limits<Bytes>::max();
  for (uint32_t l = 0; l < model.layers(); ++l) least = std::min(least, model.memory({l, l + 1}).total());
  if (least <= model.memory_free(device)) return {};
  return std::format("no room for a single layer: needs {}, {} free", format_bytes(least),
                     format_bytes(model.memory_free(device)));
}

std::optional<std::string> one_memory(const CostModel& model, size_t device, size_t other) {
  if (!model.share_memory(device, other)) return {};
  return std::format("takes its memory from the same host as {}", label(model.view(), model.view().devices[other].id));
}

std::optional<std::string> no_link(const CostModel& model, size_t device, size_t other) {
  if (model.hop_s(device, other, 1) < kNever || model.hop_s(other, device, 1) < kNever) return {};
  return std::format("no link between it and {}", label(model.view(), model.view().devices[other].id));
}

constexpr std::array kDeviceConstraints = {DeviceConstraint{"excluded", excluded_by_user},
                                           DeviceConstraint{"memory", no_room}};
constexpr std::array kPairConstraints = {PairConstraint{"host memory", one_memory}, PairConstraint{"link", no_link}};

}  // namespace

std::span<const DeviceConstraint> device_constraints() { return kDeviceConstraints; }
std::span<const PairConstraint> pair_constraints() { return kPairConstraints; }

std::optional<Breach> breach_of(const CostModel& model, size_t device) {
  for (const DeviceConstraint& constraint : device_constraints()) {
    if (auto reason = constraint.breach(model, device)) return Breach{constraint.name, *std::move(reason)};
  }
  return {};
}

}  // namespace exogpu::placement
