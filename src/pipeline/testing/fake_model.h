// A fake model: each layer keeps a state for each token, and the next token follows from all before by way of every
// layer. So an answer is right only where each stage had the right KV cache, and the right answer is known. Any cut
// of the layers gives the same. Recurrent layers keep one state of a sequence instead, which each token overwrites,
// with the engine's own account of the states that remain after a truncation.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/sequence_states.h"
#include "pipeline/compute.h"

namespace exogpu::pipeline::testing {

struct FakeModel {
  uint64_t content = 1;  // another content, other answers
  uint32_t layers = 1;
  uint32_t vocabulary = 1000;
  bool recurrent = false;    // every second layer is, beginning with the first
  std::string content_id{};  // as plans name it
  bool embeds = false;       // it gives embeddings of whole texts
};

class FakeCompute : public Compute {
 public:
  // What a token is between two layers; it travels as the bits of two F32.
  using Row = uint64_t;
  static constexpr uint32_t kActivationWidth = sizeof(Row) / sizeof(float);

  // `pool_rows`: that the sequences share; 0: each has as many as it needs.
  FakeCompute(const FakeModel& model, wire::LayerRange layers, uint32_t sequences, uint32_t batch_tokens,
              uint32_t pool_rows = 0);

  const ComputeInfo& info() const override { return info_; }
  // Errors: internal, where a span does not follow the tokens of its sequence.
  Result<std::span<const float>> forward(const ComputeBatch& batch, std::span<float> into) override;
  Result<LastOutput> forward_and_sample(const ComputeBatch& batch) override;
  Result<void> open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) override;
  Result<void> truncate(wire::SeqId sequence, uint32_t end) override;
  Result<void> copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) override;
  Result<void> place(std::span<const wire::Placement> placements) override;
  uint32_t length(wire::SeqId sequence) const override;
  std::shared_ptr<std::byte[]> host_memory(size_t) const override { return nullptr; }
  std::optional<Error> lost() const override { return gone; }

  // One token through these layers, at the end of a sequence.
  Row advance(wire::SeqId sequence, Row row);
  Result<wire::TokenId> sample(wire::SeqId sequence, Row row);
  static Row embed(wire::TokenId token);
  // What stands for the log probability of `target` behind the token of this row; for its embedding.
  static float logprob(Row row, wire::TokenId target);
  static std::vector<float> embedding(Row row);

  void release_rows() override { ++released; }
  uint32_t released = 0;       // calls of it
  std::optional<Error> fails;  // of the next batch
  std::optional<Error> gone;   // of all from now on: a part of it is lost
  bool moves_rows = true;      // to where place() puts them; false is an injected bug
  bool keeps_state = false;    // an injected bug: recurrent layers do not go back when tokens are removed

 private:
  struct Sequence {
    std::vector<Row> states;  // [tokens, layers], where there is no pool; 0 for recurrent layers
    std::vector<Row> inputs;  // [tokens], where there are recurrent layers
    wire::Region region;      // of the pool
    uint32_t length = 0;      // tokens
    bool samples = false;
    uint64_t seed = 0;
    uint32_t sampled_at = 0;  // tokens that the sampler has accepted
  };
  Result<Sequence*> find(wire::SeqId id);
  Result<void> check(const ComputeBatch& batch);
  Row* states(Sequence& sequence, uint32_t position);
  size_t width() const { return info_.layers.size(); }
  bool is_recurrent(size_t layer) const { return recurrent_ && (info_.layers.begin + layer) % 2 == 0; }
  Row& present(wire::SeqId sequence, size_t layer) { return present_[sequence.value() * width() + layer]; }
  // The token at `position`, which is resident or the next.
  Row compute(wire::SeqId sequence, uint32_t position, Row row);
  // The recurrent layers have the state after all tokens of the sequence.
  void catch_up(wire::SeqId sequence);
  void copy_state(size_t from, size_t to);                 // rows
  void keep_state(wire::SeqId sequence, uint32_t tokens);  // after a step of so many

  uint64_t content_;
  bool recurrent_;
  ComputeInfo info_;
  std::vector<Sequence> sequences_;
  engine::SequenceStates positions_;
  std::vector<Row> present_;  // [SequenceStates::rows(sequences), layers]: the recurrent layers' states
  std::vector<Row> pool_;     // [rows, layers]: what is right only where each sequence has its own rows
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
