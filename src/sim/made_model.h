// A model that is made up: its answer follows from all tokens before, by way of every layer, so that it is right only
// where each stage held what it should have. Any cut of the layers gives the same.
#pragma once

#include <cstdint>
#include <vector>

#include "wire/layer_range.h"
#include "wire/ring.h"

namespace exogpu::sim {

using Row = uint64_t;  // of activations: what one token is between two layers

inline constexpr uint32_t kVocabulary = 1000;

// A run of layers on a device, with the caches of its sequences.
class MadeShard {
 public:
  MadeShard(uint64_t content, wire::LayerRange layers, uint32_t sequences);

  Result<void> change(const wire::SequenceChange& change);
  // The rows of a span after these layers. Errors: internal, where the span does not follow what the sequence holds.
  Result<std::vector<Row>> forward(const wire::Span& span, std::vector<Row> rows);
  // The token that follows the sequence's last, whose row after the last layer is given.
  Result<wire::TokenId> sample(wire::SeqId sequence, Row row);

  uint32_t length(wire::SeqId sequence) const;  // tokens that it holds

  static Row embed(wire::TokenId token);
  const wire::LayerRange& layers() const { return layers_; }

 private:
  struct Sequence {
    std::vector<Row> states;  // [tokens, layers]
    bool samples = false;
    uint64_t seed = 0;
    uint32_t sampled_at = 0;  // tokens so far, for the sampler
  };
  Result<Sequence*> find(wire::SeqId id);
  uint64_t content_;
  wire::LayerRange layers_;
  std::vector<Sequence> sequences_;
};

// What the whole model says to a prompt, token by token.
class RightAnswer {
 public:
  RightAnswer(uint64_t content, uint32_t layers, uint64_t seed, const std::vector<wire::TokenId>& prompt);
  wire::TokenId next();

 private:
  void take(wire::TokenId token);
  MadeShard model_;
  uint32_t length_ = 0;
  Row last_ = 0;
};

}  // namespace exogpu::sim
