#include "model/gguf_metadata.h"

#include <string>
#include <unordered_set>
#include <utility>

namespace exogpu::model {
namespace {

enum class MetaType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

size_t bytes_min(MetaType type) {
  switch (type) {
    case MetaType::u8:
    case MetaType::i8:
    case MetaType::boolean: return 1;
    case MetaType::u16:
    case MetaType::i16: return 2;
    case MetaType::u32:
    case MetaType::i32:
    case MetaType::f32: return 4;
    default: return 8;
  }
}

class MetadataParser {
 public:
  explicit MetadataParser(HeaderReader& reader) : reader_(reader) {}

  Result<std::vector<MetaEntry>> run(uint64_t count) {
    std::vector<MetaEntry> entries;
    entries.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      std::string_view key;
      uint32_t type = 0;
      if (!reader_.read_string(key)) return reader_.cut_off(std::format("metadata entry {} of {}", i + 1, count));
      EXO_CHECK(reader_.usable_name(key, "metadata key"));
      if (!reader_.read(type)) return reader_.cut_off(about(key));
      EXO_TRY(MetaValue value, meta_value(key, type));
      entries.push_back({std::string(key), std::move(value)});
    }
    std::unordered_set<std::string_view> keys(entries.size());
    for (const MetaEntry& entry : entries) {
      if (!keys.insert(entry.key).second) {
        return reader_.corrupt("{} occurs twice; the file is damaged", about(entry.key));
      }
    }
    return entries;
  }

 private:
  static std::string about(std::string_view key) { return std::format("metadata {}", printable(key)); }

  Result<MetaValue> meta_value(std::string_view key, uint32_t type) {
    switch (static_cast<MetaType>(type)) {
      case MetaType::u8: return integer<uint8_t>(key);
      case MetaType::i8: return integer<int8_t>(key);
      case MetaType::u16: return integer<uint16_t>(key);
      case MetaType::i16: return integer<int16_t>(key);
      case MetaType::u32: return integer<uint32_t>(key);
      case MetaType::i32: return integer<int32_t>(key);
      case MetaType::u64: return integer<uint64_t>(key);
      case MetaType::i64: return integer<int64_t>(key);
      case MetaType::f32: return floating<float>(key);
      case MetaType::f64: return floating<double>(key);
      case MetaType::boolean: {
        EXO_TRY(MetaValue value, integer<uint8_t>(key));
        if (std::get<int64_t>(value) > 1)
          return reader_.corrupt("{} is neither true nor false; the file is damaged", about(key));
        return MetaValue(std::get<int64_t>(value) == 1);
      }
      case MetaType::string: {
        std::string_view text;
        if (!reader_.read_string(text)) return reader_.cut_off(about(key));
        return MetaValue(std::string(text));
      }
      case MetaType::array: {
        EXO_TRY(MetaArray array, meta_array(key));
        return MetaValue(std::move(array));
      }
    }
    return unknown_type(key, type);
  }

  std::unexpected<Error> unknown_type(std::string_view key, uint32_t type) const {
    return reader_.corrupt("{} is of the unknown type {}; the file is damaged", about(key), type);
  }

  template <typename Stored>
  Result<MetaValue> integer(std::string_view key) {
    Stored value = 0;
    if (!reader_.read(value)) return reader_.cut_off(about(key));
    if (!std::in_range<int64_t>(value)) return too_large(key);
    return MetaValue(static_cast<int64_t>(value));
  }

  template <typename Stored>
  Result<MetaValue> floating(std::string_view key) {
    Stored value = 0;
    if (!reader_.read(value)) return reader_.cut_off(about(key));
    return MetaValue(static_cast<double>(value));
  }

  std::unexpected<Error> too_large(std::string_view key) const {
    return reader_.corrupt("{} holds a number above 9,223,372,036,854,775,807; the file is damaged", about(key));
  }

  Result<MetaArray> meta_array(std::string_view key) {
    uint32_t type = 0;
    uint64_t count = 0;
    if (!reader_.read(type) || !reader_.read(count)) return reader_.cut_off(about(key));
    if (type > static_cast<uint32_t>(MetaType::f64)) return unknown_type(key, type);
    if (count > reader_.remaining() / bytes_min(static_cast<MetaType>(type))) return reader_.cut_off(about(key));
    switch (static_cast<MetaType>(type)) {
      case MetaType::u8: return numbers<uint8_t, int64_t>(key, count);
      case MetaType::i8: return numbers<int8_t, int64_t>(key, count);
      case MetaType::u16: return numbers<uint16_t, int64_t>(key, count);
      case MetaType::i16: return numbers<int16_t, int64_t>(key, count);
      case MetaType::u32: return numbers<uint32_t, int64_t>(key, count);
      case MetaType::i32: return numbers<int32_t, int64_t>(key, count);
      case MetaType::u64: return numbers<uint64_t, int64_t>(key, count);
      case MetaType::i64: return numbers<int64_t, int64_t>(key, count);
      case MetaType::f32: return numbers<float, double>(key, count);
      case MetaType::f64: return numbers<double, double>(key, count);
      case MetaType::boolean: return numbers<uint8_t, int64_t>(key, count);
      case MetaType::string: return strings(key, count);
      case MetaType::array: break;
    }
    return reader_.error(ErrorCode::unsupported, "{} is an array of arrays, which no known model needs", about(key));
  }

  template <typename Stored, typename Wide>
  Result<MetaArray> numbers(std::string_view key, uint64_t count) {
    std::vector<Wide> values(count);
    for (Wide& wide : values) {
      Stored value = 0;
      if (!reader_.read(value)) return reader_.cut_off(about(key));
      if constexpr (std::is_same_v<Stored, uint64_t>) {
        if (!std::in_range<int64_t>(value)) return too_large(key);
      }
      wide = static_cast<Wide>(value);
    }
    return values;
  }

  Result<MetaArray> strings(std::string_view key, uint64_t count) {
    std::vector<std::string> values;
    values.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      std::string_view text;
      if (!reader_.read_string(text)) return reader_.cut_off(about(key));
      values.emplace_back(text);
    }
    return values;
  }

  HeaderReader& reader_;
};

}  // namespace

Result<std::vector<MetaEntry>> read_gguf_metadata(HeaderReader& reader, uint64_t count) {
  return MetadataParser(reader).run(count);
}

}  // namespace exogpu::model
