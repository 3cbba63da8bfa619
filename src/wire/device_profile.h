// The measured speeds of devices and of the links between them. SI units throughout.
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
  std::string device;  // its id in the node: "vulkan0", or "cuda0+cuda1" of a group
  friend auto operator<=>(const DeviceRef&, const DeviceRef&) = default;
};

enum class DeviceKind { discrete, integrated, cpu };

// Measured rates of products of a weight matrix of one type with activations.
struct WeightRates {
  std::string type;               // as GGUF files name it: "q4_K"
  double bits_per_weight = 0;     // 4.5
  double matvec_bytes_per_s = 0;  // one token: weights read
  double matmul_flops_per_s = 0;  // many tokens at once
  friend bool operator==(const WeightRates&, const WeightRates&) = default;
};

// A type of weights, in a use, that a device cannot compute with as a file has it.
struct TypeLimit {
  std::string type;     // as GGUF files name it: "mxfp4"
  std::string use;      // "matrix", "experts" or "batch"
  std::string held_as;  // to which the device converts it when it loads it: "q8_0"; empty: it cannot have such weights
  double growth = 1;    // then: bytes for each byte of the file
  friend bool operator==(const TypeLimit&, const TypeLimit&) = default;
};

struct DeviceProfile {
  DeviceRef id;
  std::string node_name;  // for people; two nodes may have the same
  std::string name;       // "NVIDIA H200"
  DeviceKind kind = DeviceKind::cpu;
  // The device uses the host's memory, which it shares with the other such devices of its node.
  bool uses_host_memory = true;
  Bytes memory_free = 0;
  double memory_bytes_per_s = 0;   // read of data that needs little work, such as the KV cache
  std::vector<WeightRates> rates;  // at least one
  double step_s = 0;               // fixed cost of each step of a stage, however few layers it has
  // Of a group: the exchanges of a layer for a step of one token, and the rate of those for many; 0: there are none.
  double exchange_s = 0;
  double exchange_bytes_per_s = 0;
  double fixed_columns = 0;         // the fixed time of a product of few tokens, in units of its time per token
  double upload_bytes_per_s = 0;    // from the host's memory to the device
  double download_bytes_per_s = 0;  // and back
  double active_w = 0;              // that computing all of the time adds to the power it draws; 0: not measured yet
  // At which weights are read from the disk to it, for layers that stream; 0: none may.
  double stream_bytes_per_s = 0;
  std::vector<TypeLimit> limits{};  // none: it computes with all types that files have
  friend bool operator==(const DeviceProfile&, const DeviceProfile&) = default;
};

// The profile of a link in one direction. Devices of one node need no link: their activations go through the host's
// memory.
struct LinkProfile {
  NodeId from, to;
  double delay_s = 0;  // one way, of an almost empty message
  double bytes_per_s = 0;
  double jitter_s = 0;  // the difference between consecutive round trips
  double loss = 0;      // 0 to 1: the share of recently sent bytes that were sent again
  friend bool operator==(const LinkProfile&, const LinkProfile&) = default;
};

// The planner's view of a cluster. Two nodes without a link cannot send to each other.
struct ClusterView {
  std::vector<DeviceProfile> devices;
  std::vector<LinkProfile> links;
};

}  // namespace exogpu::wire
