// Options whose values are those of an enumeration in wire/serving_settings.h.
#pragma once

#include <CLI/CLI.hpp>
#include <format>
#include <ranges>
#include <string>
#include <vector>

#include "cli/arguments/checks.h"
#include "wire/serving_settings.h"

namespace exogpu::cli {

// `value` contains the default and must live until the command line is parsed.
template <typename Enum, size_t n>
CLI::Option* add_word_option(CLI::App& command, const std::string& name, Enum& value, const wire::Words<Enum, n>& words,
                             const std::string& text) {
  std::vector<std::string> texts;
  for (const wire::Word<Enum>& word : words) texts.emplace_back(word.text);
  return command
      .add_option_function<std::string>(
          name, [&value, words](const std::string& word) { value = words.parse(word).value(); }, text)
      ->check(one_of(texts))
      ->type_name(words_type(texts))
      ->default_str(std::string(words.text_of(value)));
}

inline CLI::Option* add_kv_type(CLI::App& command, wire::KvType& value) {
  return add_word_option(command, "--kv-type", value, wire::kKvTypes,
                         "Number type of the KV cache: f16, q8_0 (half the memory) or f32");
}

inline CLI::Option* add_flash_attention(CLI::App& command, wire::FlashAttention& value) {
  return add_word_option(command, "--flash-attention", value, wire::kFlashAttentions,
                         "auto, on, or off: attention in separate steps");
}

inline CLI::Option* add_objective(CLI::App& command, wire::Objective& value) {
  return add_word_option(command, "--for", value, wire::kObjectives,
                         "What to optimise: latency (tokens per second of one sequence), throughput (of all together), "
                         "first-token, or efficiency (tokens per joule, at half of the best speed or more)");
}

inline CLI::Option* add_activations(CLI::App& command, wire::Dtype& value) {
  return add_word_option(command, "--activations", value, wire::kActivationTypes,
                         "How activations are sent: f32 (exact), f16, bf16, or q8_0 (a quarter of the bytes)");
}

}  // namespace exogpu::cli
