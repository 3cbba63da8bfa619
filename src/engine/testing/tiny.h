// A tiny model on a device of this machine, for the engine's tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <print>
#include <string>

#include "engine/chain.h"
#include "gpu/cpu_variant.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::engine::testing {

// A file in the temporary directory that goes away with this object.
class TinyFile {
 public:
  explicit TinyFile(std::string_view family, uint64_t seed = 1, const tiny::Options& options = {}) {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() / std::format("exogpu-{}-{}-{}.gguf", family, getpid(), count++);
    auto written = tiny::write_tiny_model(path_, family, seed, options);
    EXPECT_TRUE(written) << written.error().message;
    auto opened = model::Gguf::open(path_);
    EXPECT_TRUE(opened) << opened.error().message;
    gguf_ = std::make_unique<model::Gguf>(std::move(*opened));
  }
  ~TinyFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TinyFile(const TinyFile&) = delete;
  TinyFile& operator=(const TinyFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const model::Gguf& gguf() const { return *gguf_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<model::Gguf> gguf_;
};

// The CPU of this machine, with the kernels of EXOGPU_CPU_VARIANT where that is set; or the first device of the backend
// EXOGPU_TEST_BACKEND ("vulkan"), software renderers included.
inline const gpu::Device& cpu() {
  static const gpu::Machine machine = [] {
    if (const char* variant = std::getenv("EXOGPU_CPU_VARIANT")) gpu::force_cpu_variant(variant);
    const char* backend = std::getenv("EXOGPU_TEST_BACKEND");
    auto found =
        gpu::Machine::discover({.backend = backend != nullptr ? backend : "cpu", .software = backend != nullptr});
    if (!found) throw std::runtime_error(found.error().message);
    const gpu::DeviceInfo& info = found->devices().back().info();
    std::println("{}, kernels {}", info.name, info.driver_version.empty() ? "built in" : info.driver_version);
    return *std::move(found);
  }();
  return machine.devices().back();
}

inline Chain load_chain(const TinyFile& file, std::vector<uint32_t> cuts = {}, ShardOptions options = {}) {
  if (options.context == ShardOptions().context) options.context = 512;
  options.threads = 1;  // more would wait for each other wherever other tests use the cores
  auto chain = Chain::load(file.gguf(), cuts, cpu(), options);
  if (!chain) throw std::runtime_error(chain.error().message);
  return *std::move(chain);
}

inline std::vector<model::TokenId> tokens_of(uint32_t n, uint32_t n_vocab, uint32_t seed = 13) {
  std::vector<model::TokenId> tokens;
  for (uint32_t i = 0; i < n; ++i) tokens.push_back(static_cast<model::TokenId>((uint64_t{i} * 7919 + seed) % n_vocab));
  return tokens;
}

// Feeds `tokens` to one sequence and returns a copy of the last `outputs` rows of logits.
inline std::vector<float> feed(Chain& chain, std::span<const model::TokenId> tokens, uint32_t outputs,
                               uint32_t sequence = 0) {
  SequenceTokens next = {wire::SeqId(sequence), chain.shards().front().length(wire::SeqId(sequence)),
                         static_cast<uint32_t>(tokens.size()), outputs};
  auto logits = chain.forward({{&next, 1}, tokens, {}});
  if (!logits) throw std::runtime_error(logits.error().message);
  return {logits->begin(), logits->end()};
}

// |a - b| / |b|, in the Euclidean norm.
inline double relative_error(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    size += double{b[i]} * b[i];
  }
  return std::sqrt(difference / size);
}

}  // namespace exogpu::engine::testing
