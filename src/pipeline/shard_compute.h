// A shard of the engine as the compute of a stage.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/sampler.h"
#include "engine/shard.h"
#include "pipeline/compute.h"

namespace exogpu::pipeline {

class ShardCompute final : public Compute {
 public:
  explicit ShardCompute(engine::Shard shard);

  engine::Shard& shard() { return shard_; }

  const ComputeInfo& info() const override { return info_; }
  Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) override;
  Result<std::vector<wire::SampledToken>> forward_and_sample(const ComputeBatch& batch) override;
  Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) override;
  Result<void> truncate(wire::SeqId sequence, uint32_t end) override { return shard_.truncate(sequence, end); }
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) override {
    return shard_.copy_prefix(from, to, length);
  }
  uint32_t length(wire::SeqId sequence) const override { return shard_.length(sequence); }
  std::shared_ptr<std::byte[]> host_memory(size_t bytes) const override { return shard_.host_memory(bytes); }

 private:
  wire::SampledToken sample(wire::SeqId sequence, std::span<const float> logits);

  engine::Shard shard_;
  ComputeInfo info_;
  std::vector<engine::SequenceTokens> spans_;  // of the batch
  std::map<wire::SeqId, Result<engine::Sampler>> samplers_;
};

}  // namespace exogpu::pipeline
