#include "engine/chain.h"

#include <algorithm>

namespace exogpu::engine {

Result<Chain> Chain::load(const model::Gguf& file, std::span<const uint32_t> cuts, const gpu::Device& device,
                          const ShardOptions& options, const Progress& progress, const std::stop_token& stop) {
  return load(file, cuts, GroupDevices{.devices = {&device}, .shares = {}}, options, progress, stop);
}

Result<Chain> Chain::load(const model::Gguf& file, std::span<const uint32_t> cuts, const GroupDevices& group,
                          const ShardOptions& options, const Progress& progress, const std::stop_token& stop) {
  EXO_TRY(Architecture a, read_architecture(file));
  std::vector<uint32_t> edges = {0};
  for (uint32_t cut : cuts) {
    if (cut <= edges.back() || cut >= a.n_layers)
      return fail(ErrorCode::invalid_argument,
                  "cannot cut before layer {}: cuts must ascend and lie between 1 and {} in this model", cut,
                  a.n_layers - 1);
    edges.push_back(cut);
  }
  edges.push_back(a.n_layers);
  std::vector<ChainPart> parts;
  for (size_t i = 0; i + 1 < edges.size(); ++i) parts.push_back({{edges[i], edges[i + 1]}, group});
  return load(file, parts, options, progress, stop);
}

Result<Chain> Chain::load(const model::Gguf& file, std::span<const ChainPart> parts, const ShardOptions& options,
                          const Progress& progress, const std::stop_token& stop) {
  EXO_TRY(const Architecture a, read_architecture(file));
  uint32_t next = 0;
  for (const ChainPart& part : parts) {
    if (part.layers.begin != next || part.layers.end <= next || part.layers.end > a.n_layers)
      return fail(ErrorCode::invalid_argument,
                  "layers {} to {} do not follow: the parts must be the layers 0 to {} in order", part.layers.begin,
                  part.layers.end - 1, a.n_layers - 1);
    next = part.layers.end;
  }
  if (next != a.n_layers)
    return fail(ErrorCode::invalid_argument, "no device has the layers {} to {}", next, a.n_layers - 1);
  Chain chain;
  for (const ChainPart& part : parts) {
    ShardOptions own = options;
    own.weight_budget = options.weight_budget * part.layers.size() / a.n_layers;
    EXO_TRY(ShardGroup shard, ShardGroup::load(file, part.layers, part.group, own, progress, stop));
    chain.shards_.push_back(std::move(shard));
  }
  return chain;
}

Result<std::span<const float>> Chain::forward(const Batch& batch, const OnActivations& on_activations) {
  Batch next = batch;
  for (size_t i = 0; i < shards_.size(); ++i) {
    auto result = shards_[i].forward(next);
    if (!result) {
      // Truncates the shards before, so that no sequence of the chain has moved.
      for (size_t j = 0; j < i; ++j)
        for (const SequenceTokens& s : batch.sequences) EXO_CHECK(shards_[j].truncate(s.sequence, s.position));
      return result;
    }
    if (on_activations && i + 1 < shards_.size()) on_activations(i, *result);
    next = {batch.sequences, {}, *result};
  }
  return next.activations;
}

Result<void> Chain::truncate(wire::SeqId sequence, uint32_t end) {
  for (ShardGroup& shard : shards_) EXO_CHECK(shard.truncate(sequence, end));
  return {};
}

Result<void> Chain::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  for (ShardGroup& shard : shards_) EXO_CHECK(shard.copy_prefix(from, to, length));
  return {};
}

Result<void> Chain::place(std::span<const Placement> placements) {
  for (ShardGroup& shard : shards_) EXO_CHECK(shard.place(placements));
  return {};
}

}  // namespace exogpu::engine
