#include "model/gguf.h"

#include <unordered_map>
#include <utility>

#include "base/utf8.h"
#include "model/gguf_part.h"
#include "model/gguf_split.h"

namespace exogpu::model {

struct Gguf::Impl {
  std::filesystem::path path;
  uint32_t version = 0;
  std::vector<std::filesystem::path> part_paths;
  std::vector<MappedFile> files;                  // empty if the bytes belong to the caller
  std::vector<std::span<const std::byte>> bytes;  // of each part
  std::vector<MetaEntry> metadata;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, const MetaValue*> by_key;  // pointers into the vectors above
  std::unordered_map<std::string_view, const TensorInfo*> by_tensor;

  // To be called once metadata and tensors are complete.
  Result<void> build_index() {
    by_key.reserve(metadata.size());
    for (const MetaEntry& entry : metadata) by_key.emplace(entry.key, &entry.value);
    by_tensor.reserve(tensors.size());
    for (const TensorInfo& tensor : tensors) {
      auto [at, fresh] = by_tensor.emplace(tensor.name, &tensor);
      if (!fresh) {
        return fail(ErrorCode::corrupt, "{}: tensor {} is also in {}; these parts belong to different models",
                    part_paths[tensor.part].string(), printable(tensor.name), part_paths[at->second->part].string());
      }
    }
    return {};
  }

  // In order of parts; the first part's metadata is the model's.
  void add_part(GgufPart part, std::span<const std::byte> part_bytes, std::filesystem::path part_path) {
    if (bytes.empty()) {
      version = part.version;
      metadata = std::move(part.metadata);
    }
    auto index = static_cast<uint32_t>(bytes.size());
    bytes.push_back(part_bytes);
    part_paths.push_back(std::move(part_path));
    for (TensorInfo& tensor : part.tensors) {
      tensor.part = index;
      tensors.push_back(std::move(tensor));
    }
  }

  void add_file(GgufPart part, MappedFile file, std::filesystem::path part_path) {
    add_part(std::move(part), file.bytes(), std::move(part_path));
    files.push_back(std::move(file));
  }

  Result<void> check() const {
    for (const MappedFile& file : files) EXO_CHECK(file.check());
    return {};
  }

  // Error for a key that is missing.
  std::unexpected<Error> missing(std::string_view key) const {
    return fail(ErrorCode::not_found, "{}: metadata {} is missing", path.string(), printable(key));
  }
  std::unexpected<Error> wrong_type(std::string_view key, std::string_view wanted) const {
    return fail(ErrorCode::corrupt, "{}: metadata {} is not {}", path.string(), printable(key), wanted);
  }
};

namespace {

// Parses a part of a split model and checks it against the named part.
Result<GgufPart> parse_sibling(std::span<const std::byte> bytes, const std::filesystem::path& path, uint32_t index,
                               const SplitInfo& named) {
  EXO_TRY(GgufPart part, parse_gguf_part(bytes, path.string()));
  EXO_TRY(SplitInfo info, split_info(part, path.string()));
  if (info.count != named.count || info.index != index) {
    return fail(ErrorCode::corrupt,
                "{}: says it is part {} of {}, not {} of {}; these parts belong to different models", path.string(),
                info.index + 1, info.count, index + 1, named.count);
  }
  if (info.tensors && named.tensors && *info.tensors != *named.tensors) {
    return fail(ErrorCode::corrupt,
                "{}: says the model has {} tensors, another part says {}; these parts belong to different models",
                path.string(), *info.tensors, *named.tensors);
  }
  return part;
}

Result<MappedFile> map_sibling(const std::filesystem::path& path, uint32_t index, uint32_t count, FileWrites writes) {
  Result<MappedFile> file = MappedFile::open(path, writes);
  if (!file && file.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "{}: part {} of {} is missing; all parts must be in one folder", path.string(),
                index + 1, count);
  }
  return file;
}

}  // namespace

Gguf::Gguf(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Gguf::Gguf(Gguf&&) noexcept = default;
Gguf& Gguf::operator=(Gguf&&) noexcept = default;
Gguf::~Gguf() = default;

Result<Gguf> Gguf::open(const std::filesystem::path& path, FileWrites writes) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  EXO_TRY(MappedFile named_file, MappedFile::open(path, writes));
  EXO_TRY(GgufPart named, parse_gguf_part(named_file.bytes(), path.string()));
  EXO_TRY(SplitInfo split, split_info(named, path.string()));
  if (split.count == 1) {
    impl->add_file(std::move(named), std::move(named_file), path);
    EXO_CHECK(impl->build_index());
    EXO_CHECK(impl->check());
    return Gguf(std::move(impl));
  }
  const auto add_siblings = [&](uint32_t begin, uint32_t end) -> Result<void> {
    for (uint32_t i = begin; i < end; ++i) {
      EXO_TRY(std::filesystem::path part_path, split_path(path, split, i));
      EXO_TRY(MappedFile file, map_sibling(part_path, i, split.count, writes));
      EXO_TRY(GgufPart part, parse_sibling(file.bytes(), part_path, i, split));
      impl->add_file(std::move(part), std::move(file), std::move(part_path));
    }
    return {};
  };
  EXO_TRY(std::filesystem::path named_path, split_path(path, split, split.index));
  EXO_CHECK(add_siblings(0, split.index));
  impl->add_file(std::move(named), std::move(named_file), std::move(named_path));
  EXO_CHECK(add_siblings(split.index + 1, split.count));
  if (split.tensors && *split.tensors != impl->tensors.size()) {
    return fail(ErrorCode::corrupt,
                "{}: the parts hold {} tensors together, but split.tensors.count says {}; download all parts again",
                path.string(), impl->tensors.size(), *split.tensors);
  }
  EXO_CHECK(impl->build_index());
  EXO_CHECK(impl->check());
  return Gguf(std::move(impl));
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes, std::string name) {
  EXO_TRY(GgufPart part, parse_gguf_part(bytes, name));
  EXO_TRY(SplitInfo split, split_info(part, name));
  if (split.count != 1) {
    return fail(ErrorCode::unsupported, "{}: is part {} of {} of a split model; open it as a file", name,
                split.index + 1, split.count);
  }
  auto impl = std::make_unique<Impl>();
  impl->path = name;
  impl->add_part(std::move(part), bytes, std::move(name));
  EXO_CHECK(impl->build_index());
  return Gguf(std::move(impl));
}

const std::filesystem::path& Gguf::path() const { return impl_->path; }
uint32_t Gguf::version() const { return impl_->version; }
std::span<const std::filesystem::path> Gguf::parts() const { return impl_->part_paths; }

std::span<const std::byte> Gguf::part_bytes(uint32_t part) const { return impl_->bytes[part]; }

int Gguf::descriptor(uint32_t part) const { return impl_->files.empty() ? -1 : impl_->files[part].descriptor(); }

Bytes Gguf::file_bytes() const {
  Bytes total = 0;
  for (auto part : impl_->bytes) total += part.size();
  return total;
}

std::span<const MetaEntry> Gguf::metadata() const { return impl_->metadata; }
std::span<const TensorInfo> Gguf::tensors() const { return impl_->tensors; }

const MetaValue* Gguf::find(std::string_view key) const {
  auto at = impl_->by_key.find(key);
  return at == impl_->by_key.end() ? nullptr : at->second;
}

const TensorInfo* Gguf::find_tensor(std::string_view name) const {
  auto at = impl_->by_tensor.find(name);
  return at == impl_->by_tensor.end() ? nullptr : at->second;
}

std::span<const std::byte> Gguf::data(const TensorInfo& tensor) const {
  return impl_->bytes[tensor.part].subspan(tensor.offset, tensor.bytes);
}

Result<void> Gguf::check() const { return impl_->check(); }

void Gguf::release(const TensorInfo& tensor) const {
  if (!impl_->files.empty()) impl_->files[tensor.part].release(tensor.offset, tensor.bytes);
}

Result<std::string> Gguf::get_string(std::string_view key) const {
  const MetaValue* value = find(key);
  if (!value) return impl_->missing(key);
  if (const auto* text = std::get_if<std::string>(value)) return *text;
  return impl_->wrong_type(key, "a string");
}

Result<uint64_t> Gguf::get_uint(std::string_view key) const {
  const MetaValue* value = find(key);
  if (!value) return impl_->missing(key);
  const auto* number = std::get_if<int64_t>(value);
  if (!number || *number < 0) return impl_->wrong_type(key, "a whole number from 0 up");
  return static_cast<uint64_t>(*number);
}

Result<double> Gguf::get_float(std::string_view key) const {
  const MetaValue* value = find(key);
  if (!value) return impl_->missing(key);
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<int64_t>(value)) return static_cast<double>(*number);
  return impl_->wrong_type(key, "a number");
}

Result<bool> Gguf::get_bool(std::string_view key) const {
  const MetaValue* value = find(key);
  if (!value) return impl_->missing(key);
  if (const auto* truth = std::get_if<bool>(value)) return *truth;
  return impl_->wrong_type(key, "true or false");
}

Result<std::string> Gguf::get_string_or(std::string_view key, std::string fallback) const {
  return find(key) ? get_string(key) : std::move(fallback);
}
Result<uint64_t> Gguf::get_uint_or(std::string_view key, uint64_t fallback) const {
  return find(key) ? get_uint(key) : fallback;
}
Result<double> Gguf::get_float_or(std::string_view key, double fallback) const {
  return find(key) ? get_float(key) : fallback;
}
Result<bool> Gguf::get_bool_or(std::string_view key, bool fallback) const {
  return find(key) ? get_bool(key) : fallback;
}

namespace {

template <typename Element>
const std::vector<Element>* array_of(const MetaValue* value) {
  const auto* array = value ? std::get_if<MetaArray>(value) : nullptr;
  return array ? std::get_if<std::vector<Element>>(array) : nullptr;
}

}  // namespace

const std::vector<std::string>* Gguf::strings(std::string_view key) const { return array_of<std::string>(find(key)); }
const std::vector<int64_t>* Gguf::ints(std::string_view key) const { return array_of<int64_t>(find(key)); }
const std::vector<double>* Gguf::floats(std::string_view key) const { return array_of<double>(find(key)); }

}  // namespace exogpu::model
