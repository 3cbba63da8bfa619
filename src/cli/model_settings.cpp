#include "cli/model_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <ranges>
#include <utility>

#include "wire/serving_settings.h"

namespace exogpu::cli {
namespace {

using wire::ServingSettings;

struct Count {
  std::string_view key;
  uint32_t ServingSettings::* setting;
};

constexpr Count kCounts[] = {{"context", &ServingSettings::context},
                             {"parallel", &ServingSettings::sequences},
                             {"sequences", &ServingSettings::sequences},
                             {"pool", &ServingSettings::pool_tokens},
                             {"batch", &ServingSettings::batch_tokens}};

template <typename Number>
Result<Number> number_of(std::string_view key, std::string_view value) {
  Number number{};
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure == std::errc() && end == value.data() + value.size()) return number;
  return fail(ErrorCode::invalid_argument, "{}={}: that is no number, or too large", key, value);
}

Result<void> set_word(ServingSettings& serving, std::string_view key, std::string_view value) {
  const std::string word(value);
  if (key == "kv-type") {
    EXO_TRY(serving.kv_type, wire::kKvTypes.parse(word));
  } else if (key == "flash-attention") {
    EXO_TRY(serving.flash_attention, wire::kFlashAttentions.parse(word));
  } else if (key == "for") {
    EXO_TRY(serving.objective, wire::kObjectives.parse(word));
  } else {
    EXO_TRY(serving.activations, wire::kActivationTypes.parse(word));
  }
  return {};
}

Result<void> set(ModelSettings& settings, std::string_view key, std::string_view value) {
  for (const Count& count : kCounts) {
    if (count.key != key) continue;
    EXO_TRY(settings.serve.serving.*count.setting, number_of<uint32_t>(key, value));
    if (key == "batch") settings.serve.serving.batch_fixed = true;
    if (settings.serve.serving.*count.setting > 0) return {};
    return fail(ErrorCode::invalid_argument, "{}={}: it must be at least 1", key, value);
  }
  if (key == "kv-type" || key == "flash-attention" || key == "for" || key == "activations") {
    return set_word(settings.serve.serving, key, value);
  }
  EXO_TRY(const double number, number_of<double>(key, value));
  if (key == "keep-loaded") {
    if (!(number >= 0 && number <= 1e6)) return fail(ErrorCode::invalid_argument, "{}={}: 0 to 1000000", key, value);
    settings.serve.keep_loaded_s = static_cast<uint32_t>(std::ceil(number * 60));
    return {};
  }
  std::string field(key);
  std::ranges::replace(field, '-', '_');
  EXO_CHECK(api::check_defaults({{field, number}}));
  settings.sampling[field] = number;
  return {};
}

}  // namespace

Result<ModelSettings> parse_model_settings(std::string_view text, node::ServeSettings base) {
  ModelSettings settings{.model = {}, .serve = std::move(base), .sampling = {}};
  for (const auto part : text | std::views::split(' ')) {
    const std::string_view word(part);
    if (word.empty()) continue;
    if (settings.model.empty()) {
      settings.model = word;
      continue;
    }
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::invalid_argument, "the settings of {}: \"{}\" is not KEY=VALUE", settings.model, word);
    }
    if (auto done = set(settings, word.substr(0, equals), word.substr(equals + 1)); !done) {
      return fail(ErrorCode::invalid_argument, "the settings of {}: {}", settings.model, done.error().message);
    }
  }
  if (settings.model.empty()) return fail(ErrorCode::invalid_argument, "settings of a model begin with its name");
  const ServingSettings& serving = settings.serve.serving;
  if (serving.pool_tokens > 0 && serving.pool_tokens < serving.context) {
    return fail(ErrorCode::invalid_argument, "the settings of {}: a pool of {} tokens has no room for a context of {}",
                settings.model, serving.pool_tokens, serving.context);
  }
  return settings;
}

}  // namespace exogpu::cli
