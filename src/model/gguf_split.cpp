#include "model/gguf_split.h"

#include <algorithm>
#include <string>

namespace exogpu::model {
namespace {

constexpr uint32_t kPartsMax = 65535;

const MetaValue* find(const GgufPart& part, std::string_view key) {
  auto at = std::ranges::find(part.metadata, key, &MetaEntry::key);
  return at == part.metadata.end() ? nullptr : &at->value;
}

// The value of a key, an integer in [0, max]; empty if missing.
Result<std::optional<uint64_t>> integer(const GgufPart& part, std::string_view key, int64_t max,
                                        std::string_view name) {
  const MetaValue* value = find(part, key);
  if (!value) return std::nullopt;
  const auto* number = std::get_if<int64_t>(value);
  if (!number || *number < 0 || *number > max) {
    return fail(ErrorCode::corrupt, "{}: metadata {} is not a number from 0 to {}; the file is damaged", name, key,
                max);
  }
  return static_cast<uint64_t>(*number);
}

std::string suffix(uint32_t index, uint32_t count) { return std::format("-{:05}-of-{:05}.gguf", index + 1, count); }

}  // namespace

Result<SplitInfo> split_info(const GgufPart& part, std::string_view name) {
  EXO_TRY(auto count, integer(part, "split.count", kPartsMax, name));
  EXO_TRY(auto index, integer(part, "split.no", kPartsMax, name));
  EXO_TRY(auto tensors, integer(part, "split.tensors.count", INT64_MAX, name));
  SplitInfo info;
  if (count.value_or(0) <= 1) return info;
  info.count = static_cast<uint32_t>(*count);
  info.index = static_cast<uint32_t>(index.value_or(0));
  info.tensors = tensors;
  if (info.index >= info.count) {
    return fail(ErrorCode::corrupt, "{}: says it is part {} of {}; the file is damaged", name, info.index + 1,
                info.count);
  }
  return info;
}

Result<std::filesystem::path> split_path(const std::filesystem::path& any_part, const SplitInfo& info, uint32_t index) {
  std::string name = any_part.filename().string();
  std::string expected = suffix(info.index, info.count);
  if (!name.ends_with(expected)) {
    return fail(ErrorCode::invalid_argument,
                "{}: is part {} of {} of a split model, so its name must end in {}; rename it", any_part.string(),
                info.index + 1, info.count, expected);
  }
  std::string stem = name.substr(0, name.size() - expected.size());
  return any_part.parent_path() / (stem + suffix(index, info.count));
}

}  // namespace exogpu::model
