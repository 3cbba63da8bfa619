// Example nodes and states for tests.
#pragma once

#include <array>
#include <format>
#include <string>
#include <utility>
#include <vector>

#include "cluster/fold.h"

namespace exogpu::cluster::testing {

inline constexpr Bytes MB = 1'000'000;

inline wire::NodeId example_id(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> bytes{};
  bytes[0] = number;
  return wire::NodeId(bytes);
}

// A node with one GPU that reads `rate` bytes of weights per second.
inline wire::NodeFacts example_facts(uint8_t number, Bytes memory = 1'000'000'000, double rate = 1e11) {
  wire::NodeFacts facts;
  facts.info.self = {.node = example_id(number), .name = std::format("n{}", number), .addresses = {}, .api_url = {}};
  wire::DeviceProfile device;
  device.id = {.node = example_id(number), .device = "gpu0"};
  device.node_name = facts.info.self.name;
  device.name = "Made GPU";
  device.kind = wire::DeviceKind::discrete;
  device.uses_host_memory = false;
  device.memory_free = memory;
  device.memory_bytes_per_s = rate;
  device.rates = {
      {.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = rate, .matmul_flops_per_s = rate * 20}};
  device.upload_bytes_per_s = device.download_bytes_per_s = 1e15;
  facts.info.devices = {device};
  facts.version = "0.1.0";
  facts.incarnation = 1;
  return facts;
}

// Each layer has 100 MB.
inline wire::ServedModel example_model(uint32_t layers) {
  wire::ServedModel model;
  model.model = "made";
  model.content = "abc";
  model.shape.name = "made";
  model.shape.bits_per_weight = 4.5;
  model.shape.activation_width = 1024;
  model.shape.vocabulary = 1000;
  model.shape.layers.assign(layers, {.weight_bytes = 100'000'000,
                                     .active_weight_bytes = 100'000'000,
                                     .kv_bytes_per_token = 1000,
                                     .flops_per_token = 2e8});
  return model;
}

// The record of the only model of a state.
inline wire::ModelRecord& only(wire::ReplicatedState& state) { return state.models.begin()->second; }
inline const wire::ModelRecord& only(const wire::ReplicatedState& state) { return state.models.begin()->second; }
// The view of that of example_model().
inline ModelView view(const wire::ReplicatedState& state) { return model_view(state, "abc"); }

inline wire::Term example_term(uint64_t counter, uint8_t leader = 1) {
  return {.counter = counter, .leader = example_id(leader)};
}

inline void add(wire::ReplicatedState& state, wire::Event event, uint64_t counter = 1) {
  apply(state, {.term = example_term(counter), .event = std::move(event)});
}

// Of a pool that plans may make larger.
inline constexpr uint32_t kUsualPool = 1024;

// Weights of 200 MB in two layers, each of which needs 1,000 bytes for a token of the pool; scratch memory 500.
inline wire::ServedModel model_with_pool(uint32_t context_most, std::string content = "abc") {
  wire::ServedModel model = example_model(2);
  model.content = std::move(content);
  model.settings.context = model.settings.pool_tokens = kUsualPool;
  model.settings.sequences = 4;
  model.settings.batch_fixed = true;
  model.shape.context_granularity = 256;
  model.shape.compute_bytes_per_token = 500;
  model.context_most = context_most;
  return model;
}

inline wire::ReplicatedState state_with(std::vector<wire::NodeFacts> nodes, const wire::ServedModel& model) {
  wire::ReplicatedState state;
  for (wire::NodeFacts& node : nodes) add(state, wire::NodeReported{std::move(node)});
  add(state, wire::ModelSet{model});
  return state;
}

}  // namespace exogpu::cluster::testing
