#include "model/gguf_part.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "model/file_kind.h"
#include "model/gguf_header_reader.h"
#include "model/gguf_metadata.h"

namespace exogpu::model {
namespace {

constexpr uint64_t kSizeMax = uint64_t{1} << 62;  // for elements, bytes, offsets: the sum of two does not overflow
constexpr uint32_t kDimsMax = 4;
// The smallest entry: key or name of one byte, type, one value or one dimension.
constexpr size_t kMetaEntryMin = 8 + 1 + 4 + 1;
constexpr size_t kTensorEntryMin = 8 + 1 + 4 + 8 + 4 + 8;

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string_view name) : reader_(bytes, name) {}

  Result<GgufPart> run() {
    EXO_CHECK(magic_and_version());
    uint64_t n_tensors = 0, n_metadata = 0;
    if (!reader_.read(n_tensors) || !reader_.read(n_metadata)) return reader_.cut_off("the header");
    EXO_CHECK(reader_.plausible(n_metadata, kMetaEntryMin, "metadata entries"));
    EXO_CHECK(reader_.plausible(n_tensors, kTensorEntryMin, "tensors"));
    EXO_TRY(part_.metadata, read_gguf_metadata(reader_, n_metadata));
    EXO_CHECK(find_alignment());
    EXO_CHECK(tensors(n_tensors));
    EXO_CHECK(no_shared_bytes());
    return std::move(part_);
  }

 private:
  Result<void> magic_and_version() {
    uint32_t magic = 0, version = 0;
    constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
    if (!reader_.read(magic) || magic != kMagic) {
      return reader_.error(ErrorCode::unsupported, "this is not a GGUF file: {}",
                           describe_foreign_file(reader_.file()));
    }
    if (!reader_.read(version)) return reader_.cut_off("the header");
    if (version == 2 || version == 3) {
      part_.version = version;
      return {};
    }
    if (version != 0 && (version & 0xFFFF) == 0) {
      return reader_.error(ErrorCode::unsupported,
                           "is a big-endian GGUF file; use the little-endian file of this model, or convert it");
    }
    if (version <= 1) {
      return reader_.error(ErrorCode::unsupported,
                           "is GGUF version {}, which is no longer read; convert the model again", version);
    }
    return reader_.error(ErrorCode::unsupported, "is GGUF version {}; this program reads versions 2 and 3, update it",
                         version);
  }

  Result<void> find_alignment() {
    auto entry = std::ranges::find(part_.metadata, "general.alignment", &MetaEntry::key);
    if (entry == part_.metadata.end()) return {};
    const auto* number = std::get_if<int64_t>(&entry->value);
    if (!number || *number < 8 || *number > (int64_t{1} << 30) || (*number & (*number - 1)) != 0) {
      return reader_.corrupt(
          "metadata general.alignment must be a power of two from 8 to 1,073,741,824; the file is damaged");
    }
    alignment_ = static_cast<uint64_t>(*number);
    return {};
  }

  Result<void> tensors(uint64_t count) {
    part_.tensors.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      EXO_TRY(TensorInfo tensor, tensor_entry(i, count));
      part_.tensors.push_back(std::move(tensor));
    }
    std::unordered_set<std::string_view> names(part_.tensors.size());
    for (const TensorInfo& tensor : part_.tensors) {
      if (!names.insert(tensor.name).second)
        return reader_.corrupt("{} occurs twice; the file is damaged", about(tensor));
    }
    Bytes data_start = (reader_.at() + alignment_ - 1) / alignment_ * alignment_;
    for (TensorInfo& tensor : part_.tensors) EXO_CHECK(locate(tensor, data_start));
    return {};
  }

  static std::string about(const TensorInfo& tensor) { return std::format("tensor {}", printable(tensor.name)); }

  // `offset` stays as written: from the start of the data.
  Result<TensorInfo> tensor_entry(uint64_t index, uint64_t count) {
    TensorInfo tensor;
    std::string_view name;
    if (!reader_.read_string(name)) return reader_.cut_off(std::format("tensor entry {} of {}", index + 1, count));
    EXO_CHECK(reader_.usable_name(name, "tensor name"));
    tensor.name = name;
    if (!reader_.read(tensor.n_dims)) return reader_.cut_off(about(tensor));
    if (tensor.n_dims == 0 || tensor.n_dims > kDimsMax) {
      return reader_.corrupt("{} has {} dimensions, where 1 to {} are possible; the file is damaged", about(tensor),
                             tensor.n_dims, kDimsMax);
    }
    uint64_t elements = 1;
    for (uint32_t d = 0; d < tensor.n_dims; ++d) {
      uint64_t& size = tensor.dims[d];
      if (!reader_.read(size)) return reader_.cut_off(about(tensor));
      if (size == 0) return reader_.corrupt("{}: dimension {} is zero; the file is damaged", about(tensor), d);
      if (size > kSizeMax / elements) {
        return reader_.corrupt("{} has more elements than can be counted; the file is damaged", about(tensor));
      }
      elements *= size;
    }
    uint32_t type = 0;
    if (!reader_.read(type) || !reader_.read(tensor.offset)) return reader_.cut_off(about(tensor));
    tensor.type = static_cast<TensorType>(type);
    EXO_TRY(tensor.bytes, tensor_bytes(tensor, elements));
    return tensor;
  }

  Result<Bytes> tensor_bytes(const TensorInfo& tensor, uint64_t elements) const {
    const TensorTypeInfo* info = tensor_type_info(tensor.type);
    auto id = static_cast<uint32_t>(tensor.type);
    if (!info) {
      if (auto old = removed_tensor_type(id); !old.empty()) {
        return reader_.error(ErrorCode::unsupported,
                             "{} is of type {}, which GGUF has removed; convert the model again", about(tensor), old);
      }
      return reader_.error(ErrorCode::unsupported,
                           "{} is of type {}, which this program does not know; update it, or the file is damaged",
                           about(tensor), id);
    }
    if (tensor.dims[0] % info->block_elements != 0) {
      return reader_.corrupt("{}: a row of {} elements is not a whole number of {} blocks of {}; the file is damaged",
                             about(tensor), format_count(tensor.dims[0]), info->name, info->block_elements);
    }
    uint64_t blocks = elements / info->block_elements;
    if (blocks > kSizeMax / info->block_bytes) {
      return reader_.corrupt("{} has more bytes than can be counted; the file is damaged", about(tensor));
    }
    return blocks * info->block_bytes;
  }

  Result<void> locate(TensorInfo& tensor, Bytes data_start) const {
    if (tensor.offset % alignment_ != 0) {
      return reader_.corrupt("{} begins at offset {} of the data, which is not a multiple of {}; the file is damaged",
                             about(tensor), format_count(tensor.offset), alignment_);
    }
    if (tensor.offset > kSizeMax) {
      return reader_.corrupt("{} begins at offset {}, beyond any file; the file is damaged", about(tensor),
                             format_count(tensor.offset));
    }
    tensor.offset += data_start;
    Bytes end = tensor.offset + tensor.bytes;
    if (end > reader_.file().size()) {
      return reader_.corrupt("{} ends {} bytes past the end of the file; the download is incomplete", about(tensor),
                             format_count(end - reader_.file().size()));
    }
    return {};
  }

  Result<void> no_shared_bytes() const {
    std::vector<const TensorInfo*> order;
    order.reserve(part_.tensors.size());
    for (const TensorInfo& tensor : part_.tensors) order.push_back(&tensor);
    std::ranges::sort(order, {}, &TensorInfo::offset);
    for (size_t i = 1; i < order.size(); ++i) {
      const TensorInfo &before = *order[i - 1], &after = *order[i];
      if (before.offset + before.bytes > after.offset) {
        return reader_.corrupt("{} and {} overlap; the file is damaged", about(before), about(after));
      }
    }
    return {};
  }

  HeaderReader reader_;
  uint64_t alignment_ = 32;
  GgufPart part_;
};

}  // namespace

Result<GgufPart> parse_gguf_part(std::span<const std::byte> bytes, std::string_view name) {
  return Parser(bytes, name).run();
}

}  // namespace exogpu::model
