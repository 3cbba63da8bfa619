#include "engine/constraint/schema_limits.h"

#include <cmath>
#include <format>
#include <numeric>
#include <optional>

namespace exogpu::engine {

namespace {

constexpr uint32_t kSchemaDepthMax = 64;
constexpr size_t kSchemaValuesMax = 20'000;
constexpr size_t kPropertiesMax = 1'000;     // of one object
constexpr size_t kAllPropertiesMax = 4'000;  // of all objects
constexpr size_t kKeysMax = 2'000;           // of one object
constexpr size_t kReferencesMax = 1'000;
constexpr size_t kMergedMax = 8;             // schemas of one allOf, whose forms are intersected
constexpr size_t kTextBytesMax = 16 * 1024;  // of one text
constexpr size_t kPatternBytesMax = 4 * 1024;
constexpr size_t kAllPatternBytesMax = 16 * 1024;
constexpr uint64_t kMultipleMax =
    20'000;  // the least common multiple of all multipleOf, in their smallest decimal place
constexpr uint64_t kDecimalPlacesMax = 1'000'000;

std::unexpected<Error> beyond(std::string_view what, size_t most) {
  return fail(ErrorCode::invalid_argument, "the JSON schema has {}; {} is the most", what, most);
}

class SchemaLimits {
 public:
  Result<void> check(const nlohmann::json& value, uint32_t depth) {
    if (depth > kSchemaDepthMax) return beyond("values nested too deep", kSchemaDepthMax);
    if (++values_ > kSchemaValuesMax) return beyond("too many values", kSchemaValuesMax);
    if (value.is_string() && value.get_ref<const std::string&>().size() > kTextBytesMax) {
      return beyond("a text that is too long, in bytes", kTextBytesMax);
    }
    if (value.is_array()) {
      for (const nlohmann::json& item : value) EXO_CHECK(check(item, depth + 1));
    }
    if (!value.is_object()) return {};
    if (value.size() > kKeysMax) return beyond("too many keys in one object", kKeysMax);
    for (const auto& [key, item] : value.items()) {
      if (key.size() > kTextBytesMax) return beyond("a key that is too long, in bytes", kTextBytesMax);
      EXO_CHECK(check_keyword(key, item));
      EXO_CHECK(check(item, depth + 1));
    }
    return {};
  }

 private:
  Result<void> check_keyword(const std::string& key, const nlohmann::json& item) {
    if (key == "properties" || key == "patternProperties") return check_properties(key, item);
    if (key == "$ref" && ++references_ > kReferencesMax) return beyond("too many references", kReferencesMax);
    if (key == "allOf" && item.size() > kMergedMax) return beyond("too many schemas in an allOf", kMergedMax);
    if (key == "pattern" && item.is_string()) return check_pattern(item.get_ref<const std::string&>());
    if (key == "multipleOf" && item.is_number()) return check_multiple(item.get<double>());
    return {};
  }

  Result<void> check_properties(const std::string& key, const nlohmann::json& item) {
    if (item.size() > kPropertiesMax) return beyond("too many properties in one object", kPropertiesMax);
    properties_ += item.size();
    if (properties_ > kAllPropertiesMax) return beyond("too many properties", kAllPropertiesMax);
    if (key == "properties" || !item.is_object()) return {};
    for (const auto& [pattern, of] : item.items()) EXO_CHECK(check_pattern(pattern));
    return {};
  }

  Result<void> check_pattern(std::string_view pattern) {
    EXO_CHECK(check_pattern_limits(pattern));
    pattern_bytes_ += pattern.size();
    if (pattern_bytes_ > kAllPatternBytesMax) return beyond("too many bytes of patterns", kAllPatternBytesMax);
    return {};
  }

  // Of 0.25 and 5 it is 500 of 0.01: what a number is a multiple of takes a state for each.
  Result<void> check_multiple(double value) {
    uint64_t places = 1;
    while (places < kDecimalPlacesMax &&
           std::abs(value * static_cast<double>(places) - std::round(value * static_cast<double>(places))) > 1e-9) {
      places *= 10;
    }
    const double scaled = std::round(std::abs(value) * static_cast<double>(places));
    const uint64_t scale = std::lcm(places_, places);
    if (scaled > static_cast<double>(kMultipleMax)) return beyond("a multipleOf that is too large", kMultipleMax);
    multiple_ = std::lcm(multiple_ * (scale / places_), static_cast<uint64_t>(scaled) * (scale / places));
    places_ = scale;
    if (multiple_ > kMultipleMax) return beyond("a multipleOf whose common multiple is too large", kMultipleMax);
    return {};
  }

  size_t values_ = 0, properties_ = 0, references_ = 0, pattern_bytes_ = 0;
  uint64_t multiple_ = 1, places_ = 1;
};

}  // namespace

Result<void> check_pattern_limits(std::string_view pattern) {
  if (pattern.size() <= kPatternBytesMax) return {};
  return fail(ErrorCode::invalid_argument, "a regular expression of {} bytes; {} is the most", pattern.size(),
              kPatternBytesMax);
}

Result<void> check_schema_limits(const nlohmann::json& schema) { return SchemaLimits().check(schema, 0); }

}  // namespace exogpu::engine
