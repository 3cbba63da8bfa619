// A fake model: each layer keeps a state for each token, and the next token follows from all before by way of every
// layer. So an answer is right only where each stage had the right KV cache, and the right answer is known. Any cut
// of the layers gives the same.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/compute.h"

namespace exogpu::pipeline::testing {

struct FakeModel {
  uint64_t content = 1;  // another content, other answers
  uint32_t layers = 1;
  uint32_t vocabulary = 1000;
};

class FakeCompute : public Compute {
 public:
  // What a token is between two layers; it travels as the bits of two F32.
  using Row = uint64_t;
  static constexpr uint32_t kActivationWidth = sizeof(Row) / sizeof(float);

  FakeCompute(const FakeModel& model, wire::LayerRange layers, uint32_t sequences, uint32_t batch_tokens);

  const ComputeInfo& info() const override { return info_; }
  // Errors: internal, where a span does not follow the tokens of its sequence.
  Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) override;
  Result<std::vector<wire::SampledToken>> forward_and_sample(const ComputeBatch& batch) override;
  Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) override;
  Result<void> truncate(wire::SeqId sequence, uint32_t end) override;
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) override;
  uint32_t length(wire::SeqId sequence) const override;
  std::shared_ptr<std::byte[]> host_memory(size_t) const override { return nullptr; }

  // One token through these layers, at the end of a sequence.
  Row advance(wire::SeqId sequence, Row row);
  Result<wire::TokenId> sample(wire::SeqId sequence, Row row);
  static Row embed(wire::TokenId token);

  std::optional<Error> fails;  // of the next batch

 private:
  struct Sequence {
    std::vector<Row> states;  // [tokens, layers]
    bool samples = false;
    uint64_t seed = 0;
    uint32_t sampled_at = 0;  // tokens that the sampler has accepted
  };
  Result<Sequence*> find(wire::SeqId id);
  Result<void> check(const ComputeBatch& batch);
  size_t width() const { return info_.layers.size(); }

  uint64_t content_;
  ComputeInfo info_;
  std::vector<Sequence> sequences_;
  std::vector<float> out_;
};

// What the whole model answers to a prompt, token by token.
class ExpectedAnswer {
 public:
  ExpectedAnswer(const FakeModel& model, uint64_t seed, const std::vector<wire::TokenId>& prompt);
  wire::TokenId next();

 private:
  void take(wire::TokenId token);
  std::shared_ptr<FakeCompute> compute_;
  FakeCompute::Row last_ = 0;
};

}  // namespace exogpu::pipeline::testing
