// A text that a constraint allows, its tokens drawn at random, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "engine/constraint/token_constraint.h"

namespace exogpu::engine::testing {

inline bool allows(std::span<const uint32_t> mask, model::TokenId token) {
  return (mask[static_cast<size_t>(token) / 32] >> (static_cast<size_t>(token) % 32) & 1U) != 0;
}

inline std::vector<model::TokenId> allowed_tokens(TokenConstraint& constraint, const model::Tokenizer& tokenizer) {
  std::vector<model::TokenId> tokens;
  const auto mask = constraint.mask();
  EXPECT_TRUE(mask) << mask.error().message;
  if (!mask) return tokens;
  for (uint32_t i = 0; i < tokenizer.size(); ++i) {
    const auto token = static_cast<model::TokenId>(i);
    if (allows(*mask, token)) tokens.push_back(token);
  }
  return tokens;
}

struct Walk {
  std::vector<model::TokenId> tokens;  // without the one that ends the text
  std::string text;                    // with the texts of special tokens
  bool ended = false;
};

// Each token is equally likely; after `tokens_max` the text ends as soon as it may, or the walk gives up at twice as
// many.
inline Walk random_walk(TokenConstraint constraint, const model::Tokenizer& tokenizer, uint64_t seed,
                        size_t tokens_max) {
  Walk walk;
  while (walk.tokens.size() < 2 * tokens_max) {
    const auto tokens = allowed_tokens(constraint, tokenizer);
    if (tokens.empty()) return walk;
    const bool may_end = tokenizer.is_end(tokens.back()) ||
                         std::ranges::any_of(tokens, [&](model::TokenId token) { return tokenizer.is_end(token); });
    EXPECT_EQ(may_end, constraint.may_end());
    if (may_end && walk.tokens.size() >= tokens_max) {
      walk.ended = true;
      return walk;
    }
    const auto index = static_cast<size_t>(random_unit(seed, walk.tokens.size()) * static_cast<double>(tokens.size()));
    const model::TokenId token = tokens[index];
    const auto accepted = constraint.accept(token);
    EXPECT_TRUE(accepted) << accepted.error().message;
    if (tokenizer.is_end(token)) {
      walk.ended = true;
      return walk;
    }
    walk.tokens.push_back(token);
    walk.text += tokenizer.piece(token, true);
  }
  return walk;
}

}  // namespace exogpu::engine::testing
