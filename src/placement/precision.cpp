#include "placement/precision.h"

#include <algorithm>
#include <format>
#include <utility>

namespace exogpu::placement {
namespace {

constexpr double kGrowthMax = 64;  // of any conversion, whatever a node says: F32 for types of half a bit

const wire::TypeLimit* limit_for(const wire::DeviceProfile& device, const wire::WeightKind& kind) {
  const auto found = std::ranges::find_if(
      device.limits, [&](const wire::TypeLimit& limit) { return limit.type == kind.type && limit.use == kind.use; });
  return found == device.limits.end() ? nullptr : &*found;
}

std::string name_of(const wire::WeightKind& kind) {
  return kind.use == "matrix" ? kind.type : std::format("{} ({})", kind.type, kind.use);
}

void append(std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; }

}  // namespace

Precision precision_of(const wire::DeviceProfile& device, const wire::ModelShape& shape) {
  Precision precision;
  double file = 0, held = 0;
  for (const wire::WeightKind& kind : shape.kinds) {
    const wire::TypeLimit* limit = limit_for(device, kind);
    const auto bytes = static_cast<double>(kind.bytes);
    file += bytes;
    held += bytes * (limit == nullptr ? 1 : std::clamp(limit->growth, 1.0, kGrowthMax));
    if (limit == nullptr) continue;
    if (limit->held_as.empty()) {
      append(precision.cannot, name_of(kind));
    } else {
      append(precision.converts, std::format("{} to {}", name_of(kind), limit->held_as));
    }
  }
  if (file > 0) precision.growth = held / file;
  return precision;
}

wire::ClusterView with_conversions(wire::ClusterView view, const wire::ModelShape& shape) {
  for (wire::DeviceProfile& device : view.devices) {
    const double growth = precision_of(device, shape).growth;
    if (growth == 1) continue;
    device.memory_free = static_cast<Bytes>(static_cast<double>(device.memory_free) / growth);
    for (wire::WeightRates& rates : device.rates) rates.matvec_bytes_per_s /= growth;
  }
  return view;
}

}  // namespace exogpu::placement
