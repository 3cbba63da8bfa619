#include "wire/serving_settings.h"

#include <span>
#include <string>

namespace exogpu::wire {
namespace {

template <typename Enum>
Result<Enum> parse_word(std::string_view text, std::span<const Enum> values, std::string_view what) {
  std::string words;
  for (const Enum value : values) {
    if (text == to_string(value)) return value;
    if (!words.empty()) words += value == values.back() ? " or " : ", ";
    words += to_string(value);
  }
  return fail(ErrorCode::invalid_argument, "\"{}\" is not {}; choose {}", text, what, words);
}

}  // namespace

std::string_view to_string(KvType type) {
  switch (type) {
    case KvType::f16: return "f16";
    case KvType::q8_0: return "q8_0";
    case KvType::f32: return "f32";
  }
  return "?";
}

std::string_view to_string(FlashAttention attention) {
  switch (attention) {
    case FlashAttention::automatic: return "auto";
    case FlashAttention::on: return "on";
    case FlashAttention::off: return "off";
  }
  return "?";
}

std::string_view to_string(Objective objective) {
  switch (objective) {
    case Objective::latency: return "latency";
    case Objective::throughput: return "throughput";
    case Objective::first_token: return "first-token";
  }
  return "?";
}

Result<KvType> parse_kv_type(std::string_view text) { return parse_word<KvType>(text, kKvTypes, "a KV cache type"); }

Result<FlashAttention> parse_flash_attention(std::string_view text) {
  return parse_word<FlashAttention>(text, kFlashAttentions, "a choice of flash attention");
}

Result<Objective> parse_objective(std::string_view text) {
  return parse_word<Objective>(text, kObjectives, "an objective");
}

Result<Dtype> parse_activation_type(std::string_view text) {
  return parse_word<Dtype>(text, kActivationTypes, "a type of activations");
}

}  // namespace exogpu::wire
