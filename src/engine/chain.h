// All layers of a model on this machine, as one shard or as several in a row, each of one device or of a group.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/shard_group.h"

namespace exogpu::engine {

// The layers of one of the shards, and who computes them.
struct ChainPart {
  wire::LayerRange layers;
  GroupDevices group;
};

class Chain {
 public:
  // Cuts before each layer in `cuts` (ascending, inside the model; none: one shard). All shards on `device`.
  // Errors: those of Shard::load, invalid_argument for a bad cut.
  static Result<Chain> load(const model::Gguf& file, std::span<const uint32_t> cuts, const gpu::Device& device,
                            const ShardOptions& options, const Progress& progress = {},
                            const std::stop_token& stop = {});

  // The same with a group of devices for each shard. Errors: also those of cut_model().
  static Result<Chain> load(const model::Gguf& file, std::span<const uint32_t> cuts, const GroupDevices& group,
                            const ShardOptions& options, const Progress& progress = {},
                            const std::stop_token& stop = {});

  // The same with a group for each shard. Shards divide the budget of weights by layers, and members of a group
  // equally. Errors: also invalid_argument, where the parts are not all layers in order.
  static Result<Chain> load(const model::Gguf& file, std::span<const ChainPart> parts, const ShardOptions& options,
                            const Progress& progress = {}, const std::stop_token& stop = {});

  // Receives what a shard, but for the last one, made of a batch: [tokens, activation width].
  using OnActivations = std::function<void(size_t shard, std::span<const float> activations)>;
  // As Shard::forward() of the whole model: the batch has tokens, the result is logits.
  Result<std::span<const float>> forward(const Batch& batch, const OnActivations& on_activations = {});
  Result<void> truncate(wire::SeqId sequence, uint32_t end);
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length);
  Result<void> place(std::span<const Placement> placements);

  std::span<const ShardGroup> shards() const { return shards_; }
  // The shards, in the order of their layers.
  std::vector<ShardGroup> release() && { return std::move(shards_); }
  const Architecture& architecture() const { return shards_.front().architecture(); }
  const ShardOptions& options() const { return shards_.front().options(); }

 private:
  std::vector<ShardGroup> shards_;
};

}  // namespace exogpu::engine
