// A small model, requests to rings of it, and what the engine answers without a ring.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/chain.h"
#include "engine/sampler.h"
#include "pipeline/testing/ring_cluster.h"

namespace exogpu::pipeline::testing {

using engine::testing::TinyFile;
using engine::testing::tokens_of;

inline TinyFile small(std::string_view family = "llama") {
  return TinyFile(family, 1, {.matrices = tiny::MatrixType::f32, .layers = 4, .embedding_length = 64});
}

struct Received {
  std::vector<wire::TokenId> tokens;
  std::optional<wire::GenerateEnd> end;
  std::optional<Error> failure;
  std::vector<wire::SampledToken> scored;
  std::vector<float> embedding;
  uint32_t reused = 0;
  bool interrupted = false;
  bool over() const { return end || failure; }
};

inline Driver::Listener into(Received& received) {
  return [&received](const TokenEvent& event) {
    EXPECT_FALSE(received.over()) << "an event follows the end";
    if (event.token) received.tokens.push_back(event.token->token);
    if (event.token) received.embedding = event.token->embedding;
    received.scored.insert(received.scored.end(), event.scored.begin(), event.scored.end());
    received.end = event.end;
    received.failure = event.failure;
    received.reused = event.prompt_reused;
    received.interrupted = event.interrupted;
  };
}

inline Request request(std::vector<wire::TokenId> tokens, uint32_t tokens_max, uint64_t seed) {
  Request result{.tokens = std::move(tokens), .sampling = {}, .tokens_max = tokens_max, .end_tokens = {}};
  result.sampling.seed = seed;
  result.sampling.temperature = seed == 0 ? 0.0F : 2.0F;
  result.sampling.repeat_penalty = 1.1F;
  result.sampling.min_p = 0;
  return result;
}

inline engine::ShardOptions shard_options(uint32_t sequences) {
  engine::ShardOptions options;
  options.context = 512;
  options.sequences = sequences;
  options.batch_tokens = 64;
  options.kv_type = engine::KvType::f32;
  return options;
}

// What the engine writes by itself, without a ring.
inline std::vector<wire::TokenId> alone(const TinyFile& file, const Request& input) {
  auto chain = engine::testing::load_chain(file, {}, shard_options(1));
  auto sampler = engine::Sampler::create(input.sampling, chain.architecture().n_vocab).value();
  for (const wire::TokenId token : input.tokens) sampler.accept(token);
  std::vector<wire::TokenId> tokens;
  std::vector<float> logits;
  for (std::span<const wire::TokenId> rest = input.tokens; !rest.empty();) {
    const auto chunk = rest.first(std::min<size_t>(rest.size(), 64));
    rest = rest.subspan(chunk.size());
    logits = engine::testing::feed(chain, chunk, rest.empty() ? 1 : 0);
  }
  while (true) {
    const auto choice = sampler.sample(logits);
    EXPECT_TRUE(choice);
    tokens.push_back(choice->token);
    sampler.accept(choice->token);
    if (tokens.size() == input.tokens_max) return tokens;
    logits = engine::testing::feed(chain, {&tokens.back(), 1}, 1);
  }
}

}  // namespace exogpu::pipeline::testing
