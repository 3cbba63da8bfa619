#include "engine/families/metadata.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <span>
#include <utility>

namespace exogpu::engine {
namespace {

constexpr uint64_t count_max = 1U << 24;

}  // namespace

Result<uint32_t> Metadata::count_or(std::string_view name, uint32_t fallback) const {
  std::string full = key(name);
  uint64_t value = fallback;
  if (const auto* each = file_->ints(full); each != nullptr && !each->empty()) {
    if (std::ranges::any_of(*each, [&](int64_t n) { return n != each->front(); }))
      return fail(ErrorCode::unsupported, "{}: {} differs between layers, which is not supported",
                  file_->path().string(), full);
    if (each->front() < 0) return fail(ErrorCode::corrupt, "{}: {} is negative", file_->path().string(), full);
    value = static_cast<uint64_t>(each->front());
  } else {
    EXO_TRY(value, file_->get_uint_or(full, fallback));
  }
  if (value > count_max)
    return fail(ErrorCode::corrupt, "{}: {} = {} is beyond anything real", file_->path().string(), full, value);
  return static_cast<uint32_t>(value);
}

Result<uint32_t> Metadata::count(std::string_view name) const {
  if (!has(name)) return fail(ErrorCode::corrupt, "{}: {} is missing", file_->path().string(), key(name));
  EXO_TRY(uint32_t value, count_or(name, 0));
  if (value == 0) return fail(ErrorCode::corrupt, "{}: {} must not be 0", file_->path().string(), key(name));
  return value;
}

Result<std::vector<uint32_t>> Metadata::count_per_layer(std::string_view name, uint32_t n, uint32_t fallback) const {
  const auto* each = file_->ints(key(name));
  if (each == nullptr) {
    EXO_TRY(const uint32_t same, count_or(name, fallback));
    return std::vector<uint32_t>(n, same);
  }
  if (each->size() < n) return corrupt(name, std::format("has {} values for {} layers", each->size(), n));
  std::vector<uint32_t> values;
  for (const int64_t value : std::span(*each).first(n)) {
    if (value < 0 || std::cmp_greater(value, count_max))
      return corrupt(name, "has a value that is beyond anything real");
    values.push_back(static_cast<uint32_t>(value));
  }
  return values;
}

std::unexpected<Error> Metadata::corrupt(std::string_view name, std::string_view why) const {
  return fail(ErrorCode::corrupt, "{}: {} {}", file_->path().string(), key(name), why);
}

std::unexpected<Error> Metadata::unsupported(std::string_view name, std::string_view why) const {
  return fail(ErrorCode::unsupported, "{}: {} {}", file_->path().string(), key(name), why);
}

Result<float> Metadata::number_or(std::string_view name, float fallback) const {
  EXO_TRY(double value, file_->get_float_or(key(name), fallback));
  if (!std::isfinite(static_cast<float>(value)))
    return fail(ErrorCode::corrupt, "{}: {} is not a finite number", file_->path().string(), key(name));
  return static_cast<float>(value);
}

Result<float> Metadata::number(std::string_view name) const {
  if (!has(name)) return fail(ErrorCode::corrupt, "{}: {} is missing", file_->path().string(), key(name));
  return number_or(name, 0.0F);
}

Result<std::string> Metadata::text_or(std::string_view name, std::string fallback) const {
  return file_->get_string_or(key(name), std::move(fallback));
}

Result<bool> Metadata::flag_or(std::string_view name, bool fallback) const {
  return file_->get_bool_or(key(name), fallback);
}

}  // namespace exogpu::engine
