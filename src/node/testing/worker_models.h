// A small model for workers, and what one device answers with it.
#pragma once

#include <memory>
#include <vector>

#include "node/testing/worker_cluster.h"

namespace exogpu::node::testing {

inline SharedGguf small() {
  static const engine::testing::TinyFile file("llama", 1,
                                              {.matrices = tiny::MatrixType::f32, .layers = 4, .embedding_length = 64});
  return std::make_shared<const model::Gguf>(model::Gguf::open(file.path()).value());
}

// What one device writes.
inline const std::vector<wire::TokenId>& expected() {
  static const std::vector<wire::TokenId> tokens = [] {
    WorkerCluster alone(1, small());
    alone.set(alone.example_plan({4}, {0}));
    alone.run_until_served();
    return alone.answer();
  }();
  return tokens;
}

}  // namespace exogpu::node::testing
