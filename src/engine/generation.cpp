#include "engine/generation.h"

#include <cmath>
#include <limits>
#include <map>

namespace exogpu::engine {
namespace {

constexpr uint32_t kPenaltyWindowMax = 1U << 20;

Result<void> check_range(const char* field, float value, float low, float high) {
  if (value >= low && value <= high) return {};
  if (high == std::numeric_limits<float>::max()) {
    return fail(ErrorCode::invalid_argument, "{} is {}; it must be a finite number from {} on", field, value, low);
  }
  return fail(ErrorCode::invalid_argument, "{} is {}; it must be from {} to {}", field, value, low, high);
}

Result<void> check_bias(const std::map<wire::TokenId, float>& bias, uint32_t n_vocab) {
  for (const auto& [token, value] : bias) {
    if (token < 0 || static_cast<uint32_t>(token) >= n_vocab) {
      return fail(ErrorCode::invalid_argument, "logit_bias names token {}; the vocabulary has 0 to {}", token,
                  n_vocab - 1);
    }
    if (std::isnan(value) || value == std::numeric_limits<float>::infinity()) {
      return fail(ErrorCode::invalid_argument,
                  "logit_bias of token {} is {}; it must be a finite number, or -infinity to ban the token", token,
                  value);
    }
  }
  return {};
}

}  // namespace

Result<void> check_sampling(const SamplerSettings& settings, uint32_t n_vocab) {
  EXO_CHECK(check_range("temperature", settings.temperature, 0, std::numeric_limits<float>::max()));
  EXO_CHECK(check_range("top_p", settings.top_p, 0, 1));
  EXO_CHECK(check_range("min_p", settings.min_p, 0, 1));
  EXO_CHECK(check_range("typical_p", settings.typical_p, 0, 1));
  EXO_CHECK(check_range("repeat_penalty", settings.repeat_penalty, 0.01f, 100));
  EXO_CHECK(check_range("presence_penalty", settings.presence_penalty, -100, 100));
  EXO_CHECK(check_range("frequency_penalty", settings.frequency_penalty, -100, 100));
  if (settings.penalty_last_n > kPenaltyWindowMax) {
    return fail(ErrorCode::invalid_argument, "penalty_last_n is {}; it must be from 0 to {}", settings.penalty_last_n,
                kPenaltyWindowMax);
  }
  if (settings.logprobs.value_or(0) > n_vocab) {
    return fail(ErrorCode::invalid_argument, "logprobs asks for {} tokens; the vocabulary has {}", *settings.logprobs,
                n_vocab);
  }
  return check_bias(settings.logit_bias, n_vocab);
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::end_of_text: return "end of text";
    case FinishReason::stop_string: return "stop string";
    case FinishReason::length: return "length";
    case FinishReason::context_full: return "context full";
    case FinishReason::cancelled: return "cancelled";
  }
  return "cancelled";
}

}  // namespace exogpu::engine
