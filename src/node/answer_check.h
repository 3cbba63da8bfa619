// Computes a recorded answer again on this machine's processor, and compares with it what the stages of the ring
// received and the tokens that came out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "pipeline/answer_recorder.h"

namespace exogpu::node {

// Tokens of an answer that are computed again at most, from its first on.
inline constexpr uint32_t kCheckedTokens = 2048;

struct AnswerCheckOptions {
  const gpu::Device* device = nullptr;
  std::vector<uint32_t> cuts;  // the first layer of each stage but the first
  uint32_t context = 0;        // of the ring, since some models rotate positions otherwise in a long one
  uint32_t threads = 1;
  Bytes weight_budget = 0;  // as of engine::ShardOptions
};

struct StageCheck {
  uint32_t rows = 0;      // that were compared; of the last stage, tokens
  double difference = 0;  // median of sketch_difference(); of the last stage, see surprise_of()
  bool differs = false;
};

struct AnswerCheck {
  std::vector<StageCheck> stages;  // by stage: of what it passed on
  // What a wrong stage passes on makes all behind it differ, so the first one that does is named.
  std::optional<uint32_t> differs() const;
};

// Blocks, for as long as the answer takes to compute. Errors: those of Shard::load() and Shard::forward(), cancelled.
Result<AnswerCheck> check_answer(const model::Gguf& file, const pipeline::AnswerRecord& record,
                                 const AnswerCheckOptions& options, const std::stop_token& stop = {});

// Adds up how surprising sampled tokens are for the distributions that they were sampled from: nats beyond the
// expected.
class Surprise {
 public:
  void add(std::span<const float> logits, wire::TokenId token, float temperature);
  uint32_t tokens() const { return tokens_; }
  double mean() const { return tokens_ > 0 ? sum_ / tokens_ : 0; }
  // More than chance and rounding explain.
  bool implausible() const;

 private:
  uint32_t tokens_ = 0;
  double sum_ = 0;
  double variance_ = 0;
};

}  // namespace exogpu::node
