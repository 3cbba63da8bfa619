// The fixture of tests of exchanges: nodes with channels in memory, and a model of six layers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "weights/testing/mem_cluster.h"

namespace exogpu::weights::testing {

inline constexpr Scope kAll{.layers = {0, 6}, .n_layers = 6};

inline Bytes bytes_of(const ModelManifest& manifest, const Scope& scope) {
  Bytes sum = 0;
  const auto objects = objects_of(manifest, scope).value();
  for (const ObjectIndex object : objects) sum += manifest.object(object).bytes;
  return sum;
}

// Expects `model` to have every object of the scope, with the bytes of `whole`.
inline void expect_same(const PartialModel& model, const Content& whole, const Scope& scope) {
  const auto complete = model.check_present(scope);
  ASSERT_TRUE(complete) << complete.error().message;
  const auto file = model.gguf();
  ASSERT_TRUE(file) << file.error().message;
  const auto objects = objects_of(whole.manifest(), scope).value();
  for (const ObjectIndex object : objects) {
    const Object entry = whole.manifest().object(object);
    const auto bytes = (*file)->part_bytes(entry.part).subspan(entry.offset, entry.bytes);
    EXPECT_TRUE(std::ranges::equal(bytes, whole.bytes(object))) << whole.manifest().object_name(object);
  }
}

class Exchange : public ::testing::Test {
 protected:
  // Node 1 offers the model; node 2 has an empty cache and a link to node 1.
  void start(const ExchangeOptions& options = {}, const net::ChannelOptions& channel = {}) {
    cluster_.add(1, nullptr, options).exchange->offer(example_.content);
    cluster_.add(2, cache_, options);
    cluster_.connect(1, 2, channel);
  }
  WeightExchange& exchange(uint8_t node) { return *cluster_.nodes.at(node).exchange; }
  [[nodiscard]] Fetching fetch(Outcome& outcome, const Scope& scope = kAll, uint8_t node = 2) {
    return exchange(node).fetch(example_.content->id(), scope, outcome.calls());
  }
  Bytes received(uint8_t node = 2) { return exchange(node).stats().received_bytes; }
  Bytes manifest_bytes() const { return example_.content->encoded_manifest().size(); }

  Folder folder_;
  ExampleModel example_{folder_};
  std::shared_ptr<WeightCache> cache_ = cache_in(folder_, "cache");
  MemCluster cluster_;
};

}  // namespace exogpu::weights::testing
