// Example models and clusters for tests, with round numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "placement/placement.h"

namespace exogpu::placement::testing {

// Layers of 100 MB that take 1 kB of cache and 0.2 GFLOP per token; no ends and no scratch memory.
inline wire::ModelShape example_shape(uint32_t layers) {
  wire::ModelShape shape;
  shape.name = "example";
  shape.bits_per_weight = 4.5;
  shape.activation_width = 1024;
  shape.vocabulary = 1000;
  shape.layers.assign(layers, {.weight_bytes = 100'000'000,
                               .active_weight_bytes = 100'000'000,
                               .kv_bytes_per_token = 1000,
                               .flops_per_token = 2e8});
  return shape;
}

inline wire::NodeId example_node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> bytes{};
  bytes[0] = number;
  bytes[15] = 1;
  return wire::NodeId(bytes);
}

// A GPU on a node of its own, reading `bytes_per_s` of weights. Copies take almost no time.
inline wire::DeviceProfile example_device(uint8_t node, Bytes memory_free, double bytes_per_s) {
  wire::DeviceProfile device;
  device.id = {example_node(node), "gpu0"};
  device.node_name = std::string("n") + std::to_string(node);
  device.name = "Example GPU";
  device.kind = wire::DeviceKind::discrete;
  device.uses_host_memory = false;
  device.memory_free = memory_free;
  device.memory_bytes_per_s = bytes_per_s;
  device.rates = {{.type = "q4_K",
                   .bits_per_weight = 4.5,
                   .matvec_bytes_per_s = bytes_per_s,
                   .matmul_flops_per_s = bytes_per_s * 20}};
  device.upload_bytes_per_s = device.download_bytes_per_s = 1e15;
  return device;
}

inline void link_all(wire::ClusterView& view, double delay_s, double bytes_per_s) {
  for (const wire::DeviceProfile& a : view.devices) {
    for (const wire::DeviceProfile& b : view.devices) {
      if (a.id.node != b.id.node) view.links.push_back({a.id.node, b.id.node, delay_s, bytes_per_s});
    }
  }
}

inline constexpr Bytes MB = 1'000'000;

}  // namespace exogpu::placement::testing
