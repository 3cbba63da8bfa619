// A shard of the engine, or a group of them, as the compute of a stage.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/constraint/constraint_compiler.h"
#include "engine/sampler.h"
#include "engine/shard_group.h"
#include "engine/token_logprobs.h"
#include "pipeline/compute.h"

namespace exogpu::pipeline {

class ShardCompute final : public Compute {
 public:
  // `vocabulary`: of the model, for the constraints of answers; needed by the last layers only. Without it, a request
  // with a constraint fails. `content`, `pacer`: see ComputeInfo.
  explicit ShardCompute(engine::ShardGroup shard, engine::LoadVocabulary vocabulary = {}, std::string content = {},
                        std::shared_ptr<Pacer> pacer = {});

  engine::ShardGroup& shard() { return shard_; }

  const ComputeInfo& info() const override { return info_; }
  Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) override;
  Result<LastOutput> forward_and_sample(const ComputeBatch& batch) override;
  Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) override;
  Result<void> truncate(wire::SeqId sequence, uint32_t end) override { return shard_.truncate(sequence, end); }
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) override {
    return shard_.copy_prefix(from, to, length);
  }
  Result<void> place(std::span<const wire::Placement> placements) override { return shard_.place(placements); }
  uint32_t length(wire::SeqId sequence) const override { return shard_.length(sequence); }
  void release_rows() override { (void)shard_.release_rows(); }
  std::optional<Error> lost() const override { return shard_.lost(); }
  std::shared_ptr<std::byte[]> host_memory(size_t bytes) const override { return shard_.host_memory(bytes); }

 private:
  struct Sampling {
    engine::Sampler sampler;
    std::future<Result<engine::TokenConstraint>> constraint{};  // that the sampler has not received yet
    uint32_t tokens_left = 0;
  };

  Result<Sampling> begin_sampling(const wire::OpenSampler& open);
  wire::SampledToken sample(wire::SeqId sequence, std::span<const float> logits);
  wire::SampledToken score(const wire::Span& span, wire::TokenId target, std::span<const float> logits);

  engine::ShardGroup shard_;
  ComputeInfo info_;
  std::vector<engine::SequenceTokens> spans_;  // of the batch
  std::map<wire::SeqId, Result<Sampling>> samplers_;
  std::unique_ptr<engine::ConstraintCompiler> constraints_;
  engine::BlockMaxima maxima_;  // of what is scored
  engine::LogprobReporter logprobs_;
};

}  // namespace exogpu::pipeline
