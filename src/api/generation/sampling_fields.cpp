#include "api/generation/sampling_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

constexpr size_t kStopsMax = 16;
constexpr size_t kStopBytesMax = 1024;
constexpr size_t kBiasesMax = 1024;

Parsed<std::map<model::TokenId, float>> read_bias(const Fields& fields) {
  std::map<model::TokenId, float> bias;
  const json* value = fields.find("logit_bias");
  if (!value) return bias;
  if (is_empty_array(*value)) return bias;
  if (!value->is_object()) {
    return bad_field("logit_bias", "invalid_type", "must be an object of token ids, and is {}", kind(*value));
  }
  if (value->size() > kBiasesMax) {
    return bad_field("logit_bias", "invalid_value", "names {} tokens, and {} is the most", value->size(), kBiasesMax);
  }
  const Fields entries(*value, "logit_bias.");
  for (const auto& [key, amount] : value->items()) {
    model::TokenId token = 0;
    const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (key.empty() || failure != std::errc() || end != key.data() + key.size() || token < 0) {
      return bad_field("logit_bias", "invalid_value", "\"{}\" is no token id", key.substr(0, 40));
    }
    EXO_TRY(const auto number, entries.number(key.c_str(), -100, 100));
    if (number) bias[token] = static_cast<float>(*number);
  }
  return bias;
}

Parsed<uint64_t> read_seed(const Fields& fields, uint64_t otherwise) {
  const json* value = fields.find("seed");
  if (!value) return otherwise;
  if (value->is_number_unsigned()) return value->get<uint64_t>();
  EXO_TRY(const auto seed, fields.integer("seed", INT64_MIN, INT64_MAX));
  return static_cast<uint64_t>(*seed);
}

struct Real {
  const char* name;
  float engine::SamplerSettings::* setting;
  double min, max;
};

constexpr Real kReals[] = {
    {"temperature", &engine::SamplerSettings::temperature, 0, 100},
    {"top_p", &engine::SamplerSettings::top_p, 0, 1},
    {"min_p", &engine::SamplerSettings::min_p, 0, 1},
    {"typical_p", &engine::SamplerSettings::typical_p, 0, 1},
    {"presence_penalty", &engine::SamplerSettings::presence_penalty, -100, 100},
    {"frequency_penalty", &engine::SamplerSettings::frequency_penalty, -100, 100},
    {"repetition_penalty", &engine::SamplerSettings::repeat_penalty, 0.01, 100},  // other servers' word for the next
    {"repeat_penalty", &engine::SamplerSettings::repeat_penalty, 0.01, 100},
};

constexpr const char* kTopK = "top_k";

uint32_t top_k_of(int64_t value) { return value < 0 ? 0u : static_cast<uint32_t>(value); }

const Real* real_named(const std::string& name) {
  const auto found = std::ranges::find(kReals, name, &Real::name);
  return found == std::end(kReals) ? nullptr : found;
}

}  // namespace

Result<void> check_defaults(const SamplingDefaults& defaults) {
  for (const auto& [name, value] : defaults) {
    const Real* real = real_named(name);
    const bool whole = value >= -1 && value <= INT32_MAX && value == std::floor(value);
    if (name == kTopK ? whole : real != nullptr && value >= real->min && value <= real->max) continue;
    if (name != kTopK && real == nullptr) {
      return fail(ErrorCode::invalid_argument, "{} is no setting of the sampler that can be set for a model", name);
    }
    return fail(ErrorCode::invalid_argument, "{} cannot be {}", name, value);
  }
  return {};
}

void apply_defaults(const SamplingDefaults& defaults, node::GenerationRequest& request) {
  engine::SamplerSettings& sampling = request.options.sampling;
  for (const auto& [name, value] : defaults) {
    if (request.sampling_given.contains(name)) continue;
    if (const Real* real = real_named(name)) sampling.*real->setting = static_cast<float>(value);
    if (name == kTopK) sampling.top_k = top_k_of(static_cast<int64_t>(value));
  }
}

Parsed<std::vector<std::string>> read_stops(const Fields& fields, const char* field) {
  std::vector<std::string> stops;
  const json* value = fields.find(field);
  if (!value) return stops;
  const auto add = [&](const json& item, const std::string& name) -> Parsed<void> {
    if (!item.is_string()) {
      return bad_field(name, "invalid_type", "must be a string or an array of strings, and is {}", kind(item));
    }
    const auto& text = item.get_ref<const std::string&>();
    if (text.empty()) return bad_field(name, "invalid_value", "is empty, which would end every answer at once");
    if (text.size() > kStopBytesMax) {
      return bad_field(name, "invalid_value", "is longer than {} bytes", kStopBytesMax);
    }
    stops.push_back(text);
    return {};
  };
  if (!value->is_array()) {
    EXO_CHECK(add(*value, fields.name(field)));
    return stops;
  }
  if (value->size() > kStopsMax) {
    return bad_field(fields.name(field), "invalid_value", "holds {} strings, and {} is the most", value->size(),
                     kStopsMax);
  }
  for (size_t i = 0; i < value->size(); ++i) EXO_CHECK(add((*value)[i], std::format("{}[{}]", fields.name(field), i)));
  return stops;
}

Parsed<void> read_sampling(const Fields& fields, node::GenerationRequest& request, uint64_t seed) {
  engine::SamplerSettings& sampling = request.options.sampling;
  for (const Real& real : kReals) {
    EXO_TRY(const auto value, fields.number(real.name, real.min, real.max));
    if (!value) continue;
    sampling.*real.setting = static_cast<float>(*value);
    for (const Real& same : kReals) {
      if (same.setting == real.setting) request.sampling_given.insert(same.name);
    }
  }
  EXO_TRY(const auto top_k, fields.integer(kTopK, -1, INT32_MAX));  // -1: all, as with other servers
  if (top_k) {
    sampling.top_k = top_k_of(*top_k);
    request.sampling_given.insert(kTopK);
  }
  EXO_TRY(const auto last_n, fields.integer("repeat_last_n", 0, 1 << 20));
  if (last_n) sampling.penalty_last_n = static_cast<uint32_t>(*last_n);
  EXO_TRY(sampling.logit_bias, read_bias(fields));
  EXO_TRY(sampling.seed, read_seed(fields, seed));
  return {};
}

}  // namespace exogpu::api
