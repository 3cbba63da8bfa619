// The devices of this machine that a user chose, groups among them, with what was measured of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "node/device_group.h"
#include "wire/device_profile.h"

namespace exogpu::node {

// What plans could use of a device without a limit: of the members of a group, or of a single device alone.
struct MemoryParts {
  std::vector<wire::DeviceProfile> members;
  std::vector<double> shares;
};
using DeviceMemory = std::map<std::string, MemoryParts, std::less<>>;  // by id

struct OwnDevices {
  std::vector<wire::DeviceProfile> profiles;  // of no node yet
  GroupShares shares;
  DeviceMemory memory;
};

struct OwnDeviceLimits {
  uint32_t threads = 0;                   // of a CPU; 0: as many as this process may well use
  std::optional<Bytes> memory_max;        // of each device
  const model::Gguf* streamed = nullptr;  // may stream from its disk, which is measured; null: no model may
};

// The devices have so much memory as they have with `most` of each member; absent: all of it.
void limit_memory(std::vector<wire::DeviceProfile>& devices, const DeviceMemory& memory, std::optional<Bytes> most);

// How to look for devices with these ids: software renderers are found by name only, and for the CPU no driver is
// asked.
gpu::DiscoverOptions discovery_for(std::span<const std::string> ids, std::shared_ptr<gpu::LayoutBook> layouts);

// Those with these ids ("cuda0", "cuda0+cuda1"), each once; without ids all of the machine. Measures what is not
// stored, and the exchanges of groups. Errors: those of Machine::find(), gpu::measure() and engine::measure_exchange(),
// invalid_argument (a device with two uses), unsupported (members without a common type of weights).
Result<OwnDevices> own_devices(const gpu::Machine& machine, std::span<const std::string> ids,
                               const OwnDeviceLimits& limits = {});

}  // namespace exogpu::node
