// Tiny models with random weights, for tests, and for trials without a real model.
//
// Each is a whole GGUF file of a real architecture: hyperparameters, weights, a byte-level BPE tokenizer with a few
// English merges, and a ChatML template. The weights are noise of a trained model's magnitude, so the text such a model
// writes means nothing, but every part that computes it runs. The same arguments give the same bytes on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace exogpu::tiny {

// The type of the matrices. Vectors (norms, biases, rope factors) are always F32.
enum class MatrixType { f32, f16, bf16, q8_0, q4_0, mxfp4 };

struct Options {
  MatrixType matrices = MatrixType::f32;
  std::optional<uint32_t> layers = {};  // default: the family's, 2 or enough to show each kind of layer
  std::optional<uint32_t> embedding_length =
      {};                          // values per token, a multiple of 32; default: the family's, mostly 256
  uint32_t context_length = 2048;  // tokens
};

struct Family {
  std::string_view name;          // as tiny_model() takes it: "llama-yarn"
  std::string_view architecture;  // general.architecture of the file: "llama"
};

// Every family, in a fixed order.
std::span<const Family> families();

// The bytes of one model file.
// Errors: not_found (no such family; names those there are), invalid_argument (an option out of its range).
Result<std::vector<std::byte>> tiny_model(std::string_view family, uint64_t seed = 1, const Options& options = {});

// Writes the file, replacing an existing one. Errors: those of tiny_model(), and io_error.
Result<void> write_tiny_model(const std::filesystem::path& path, std::string_view family, uint64_t seed = 1,
                              const Options& options = {});

}  // namespace exogpu::tiny
