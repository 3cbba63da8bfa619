// Devices and the links between them, as they were measured. SI units throughout.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "base/units.h"
#include "wire/node_id.h"

namespace exogpu::wire {

// One device of a cluster.
struct DeviceRef {
  NodeId node;
  std::string device;  // as the node itself calls it: "vulkan0"
  friend auto operator<=>(const DeviceRef&, const DeviceRef&) = default;
};

enum class DeviceKind { discrete, integrated, cpu };

// Products of a weight matrix of one type with activations.
struct WeightRates {
  std::string type;               // as GGUF files name it: "q4_K"
  double bits_per_weight = 0;     // 4.5
  double matvec_bytes_per_s = 0;  // one token: weights read
  double matmul_flops_per_s = 0;  // many tokens at once
  friend bool operator==(const WeightRates&, const WeightRates&) = default;
};

struct DeviceProfile {
  DeviceRef id;
  std::string node_name;  // for people; two nodes may have the same
  std::string name;       // "NVIDIA H200"
  DeviceKind kind = DeviceKind::cpu;
  // Its memory is the host's: what one such device takes, the others of the same node lack.
  bool uses_host_memory = true;
  Bytes memory_free = 0;
  double memory_bytes_per_s = 0;    // read of data that needs little work, such as the KV cache
  std::vector<WeightRates> rates;   // at least one
  double step_s = 0;                // fixed cost of each step of a stage, however few layers it has
  double fixed_columns = 0;         // what products of few tokens take beside what grows with them, in tokens
  double upload_bytes_per_s = 0;    // from the host's memory to the device
  double download_bytes_per_s = 0;  // and back
  friend bool operator==(const DeviceProfile&, const DeviceProfile&) = default;
};

// Of the way from one node to another, which may differ from the way back. Between devices of one node none is needed:
// activations then go through the host's memory.
struct LinkProfile {
  NodeId from, to;
  double delay_s = 0;  // one way, of a message that has next to no bytes
  double bytes_per_s = 0;
  double jitter_s = 0;  // by which one round trip differs from the next
  double loss = 0;      // 0 to 1: of what was sent of late, what had to be sent again
  friend bool operator==(const LinkProfile&, const LinkProfile&) = default;
};

// What a planner knows of a cluster. Where there is no link between two nodes, neither can send to the other that way.
struct ClusterView {
  std::vector<DeviceProfile> devices;
  std::vector<LinkProfile> links;
};

}  // namespace exogpu::wire
