#include "weights/manifest.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>

#include "base/utf8.h"
#include "model/shard_tensors.h"

namespace exogpu::weights {
namespace {

constexpr std::string_view kMagic = "exogpu model 1\n";
constexpr std::string_view kMagicKind = "exogpu model ";
constexpr uint32_t kPartsMax = 1000;
constexpr Bytes kFileBytesMax = Bytes{1} << 50;
constexpr size_t kNameCharsMax = 4096;
constexpr size_t kPartBytes = 8 + 8 + 32;
constexpr size_t kTensorBytesMin = 4 + 8 + 8 + 32 + 2;

class Writer {
 public:
  template <typename T>
  void number(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void run(std::span<const std::byte> run) { bytes_.insert(bytes_.end(), run.begin(), run.end()); }
  wire::ByteVector take() { return std::move(bytes_); }

 private:
  wire::ByteVector bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : remaining_(bytes) {}
  bool take(size_t size, std::span<const std::byte>& run) {
    if (remaining_.size() < size) return false;
    run = remaining_.first(size);
    remaining_ = remaining_.subspan(size);
    return true;
  }
  template <typename T>
  bool number(T& value) {
    std::span<const std::byte> run;
    if (!take(sizeof(T), run)) return false;
    value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(run[i]) << (8 * i));
    return true;
  }
  bool hash(Sha256& hash) {
    std::span<const std::byte> run;
    if (!take(hash.size(), run)) return false;
    std::ranges::copy(run, hash.begin());
    return true;
  }
  size_t remaining() const { return remaining_.size(); }

 private:
  std::span<const std::byte> remaining_;
};

std::unexpected<Error> cut_short() { return fail(ErrorCode::corrupt, "a model's manifest is cut short"); }

Result<void> read_parts(Reader& in, ModelManifest& manifest) {
  uint32_t count = 0;
  if (!in.number(count)) return cut_short();
  if (count == 0 || count > kPartsMax) return fail(ErrorCode::corrupt, "a model's manifest with {} parts", count);
  if (in.remaining() / kPartBytes < count) return cut_short();
  manifest.parts.resize(count);
  for (PartEntry& part : manifest.parts) {
    if (!in.number(part.file_bytes) || !in.number(part.header_bytes) || !in.hash(part.header_sha256)) {
      return cut_short();
    }
    if (part.header_bytes == 0 || part.header_bytes > part.file_bytes || part.file_bytes > kFileBytesMax) {
      return fail(ErrorCode::corrupt, "a model's manifest with a file of {} bytes and a header of {}",
                  format_count(part.file_bytes), format_count(part.header_bytes));
    }
  }
  return {};
}

Result<TensorEntry> read_tensor(Reader& in) {
  TensorEntry tensor;
  Object& object = tensor.object;
  uint16_t name_size = 0;
  std::span<const std::byte> name;
  if (!in.number(object.part) || !in.number(object.offset) || !in.number(object.bytes) || !in.hash(object.sha256) ||
      !in.number(name_size) || !in.take(name_size, name)) {
    return cut_short();
  }
  tensor.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  if (name.empty() || name.size() > kNameCharsMax) {
    return fail(ErrorCode::corrupt, "a model's manifest with a tensor's name of {} characters", name.size());
  }
  return tensor;
}

Result<void> read_tensors(Reader& in, ModelManifest& manifest) {
  uint32_t count = 0;
  if (!in.number(count)) return cut_short();
  if (count + manifest.parts.size() > wire::kObjectsMax) {
    return fail(ErrorCode::corrupt, "a model's manifest with {} tensors", format_count(count));
  }
  if (in.remaining() / kTensorBytesMin < count) return cut_short();
  manifest.tensors.reserve(count);
  std::set<std::string_view> names;
  uint32_t part = 0;
  uint64_t end = manifest.parts.front().header_bytes;  // of the tensor before, or of the part's header
  for (uint32_t i = 0; i < count; ++i) {
    EXO_TRY(TensorEntry tensor, read_tensor(in));
    const Object& object = tensor.object;
    if (object.part < part || object.part >= manifest.parts.size()) {
      return fail(ErrorCode::corrupt, "a model's manifest whose {} is in part {}", printable(tensor.name),
                  uint64_t{object.part} + 1);
    }
    if (object.part != part) {
      part = object.part;
      end = manifest.parts[part].header_bytes;
    }
    const Bytes file_bytes = manifest.parts[part].file_bytes;
    if (object.bytes == 0 || object.offset < end || object.offset > file_bytes ||
        object.bytes > file_bytes - object.offset) {
      return fail(ErrorCode::corrupt, "a model's manifest whose tensor {} is not in a range of its own in its file",
                  printable(tensor.name));
    }
    end = object.offset + object.bytes;
    manifest.tensors.push_back(std::move(tensor));
    if (!names.insert(manifest.tensors.back().name).second) {
      return fail(ErrorCode::corrupt, "a model's manifest with two tensors {}",
                  printable(manifest.tensors.back().name));
    }
  }
  return {};
}

}  // namespace

Object ModelManifest::object(ObjectIndex index) const {
  if (index < parts.size()) {
    return {.part = index, .offset = 0, .bytes = parts[index].header_bytes, .sha256 = parts[index].header_sha256};
  }
  return tensors[index - parts.size()].object;
}

std::string ModelManifest::object_name(ObjectIndex index) const {
  if (index >= parts.size()) return "tensor " + printable(tensors[index - parts.size()].name);
  return parts.size() == 1 ? "the header" : std::format("the header of part {}", index + 1);
}

Bytes ModelManifest::bytes() const {
  Bytes sum = 0;
  for (const PartEntry& part : parts) sum += part.header_bytes;
  for (const TensorEntry& tensor : tensors) sum += tensor.object.bytes;
  return sum;
}

wire::ByteVector encode(const ModelManifest& manifest) {
  Writer out;
  out.run(std::as_bytes(std::span(kMagic)));
  out.number(static_cast<uint32_t>(manifest.parts.size()));
  for (const PartEntry& part : manifest.parts) {
    out.number(part.file_bytes);
    out.number(part.header_bytes);
    out.run(part.header_sha256);
  }
  out.number(static_cast<uint32_t>(manifest.tensors.size()));
  for (const TensorEntry& tensor : manifest.tensors) {
    out.number(tensor.object.part);
    out.number(tensor.object.offset);
    out.number(tensor.object.bytes);
    out.run(tensor.object.sha256);
    out.number(static_cast<uint16_t>(tensor.name.size()));
    out.run(std::as_bytes(std::span(tensor.name)));
  }
  return out.take();
}

Result<ModelManifest> decode_manifest(std::span<const std::byte> bytes) {
  if (bytes.size() > wire::kManifestBytesMax) {
    return fail(ErrorCode::corrupt, "a model's manifest of {}, at most {} are allowed", format_bytes(bytes.size()),
                format_bytes(wire::kManifestBytesMax));
  }
  Reader in(bytes);
  std::span<const std::byte> magic;
  if (!in.take(kMagic.size(), magic)) return cut_short();
  if (!std::ranges::equal(magic, std::as_bytes(std::span(kMagic)))) {
    const bool other = std::ranges::equal(magic.first(kMagicKind.size()), std::as_bytes(std::span(kMagicKind)));
    return other ? fail(ErrorCode::unsupported, "a model's manifest of another version; update the older node")
                 : fail(ErrorCode::corrupt, "this is no model's manifest");
  }
  ModelManifest manifest;
  EXO_CHECK(read_parts(in, manifest));
  EXO_CHECK(read_tensors(in, manifest));
  if (in.remaining() > 0) return fail(ErrorCode::corrupt, "a model's manifest with {} bytes too many", in.remaining());
  return manifest;
}

ContentId content_id(std::span<const std::byte> encoded_manifest) {
  return *ContentId::from_bytes(security::sha256(encoded_manifest));
}

Result<std::vector<ObjectIndex>> objects_of(const ModelManifest& manifest, const Scope& scope) {
  if (scope.layers.begin > scope.layers.end || scope.layers.end > scope.n_layers) {
    return fail(ErrorCode::invalid_argument, "layers {} to {} of a model of {} layers", scope.layers.begin,
                scope.layers.end, scope.n_layers);
  }
  const bool tied = std::ranges::none_of(manifest.tensors, [](const auto& t) { return t.name == "output.weight"; });
  std::vector<ObjectIndex> objects;
  for (ObjectIndex i = 0; i < manifest.object_count(); ++i) {
    if (i < manifest.parts.size() ||
        model::shard_reads(manifest.tensors[i - manifest.parts.size()].name, scope.layers, scope.n_layers, tied)) {
      objects.push_back(i);
    }
  }
  return objects;
}

}  // namespace exogpu::weights
