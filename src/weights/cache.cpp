#include "weights/cache.h"

#include <algorithm>
#include <array>

#include "security/files.h"

namespace exogpu::weights {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNameBytesMax = 4096;
constexpr std::string_view kNew = ".new-", kOld = ".old-";

Bytes folder_bytes(const fs::path& folder) {
  Bytes sum = 0;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) sum += bytes_on_disk(file.path());
  return sum;
}

// Of the model in such a folder; see partial_model.h.
fs::path first_file(const fs::path& folder) {
  fs::path first;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    const fs::path& path = file.path();
    if (path.extension() == ".gguf" && (first.empty() || path < first)) first = path;
  }
  return first;
}

Result<Bytes> disk_free(const fs::path& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return file_error(folder, "read", error.value());
  return Bytes{space.available};
}

// False if it is in use. Removes it in two steps, so that no process finds half of it.
Result<bool> remove_folder(const fs::path& folder) {
  EXO_TRY(const PosixFile lock, PosixFile::open(folder / "lock", PosixFile::Mode::read_write));
  EXO_TRY(const bool locked, lock.try_lock());
  if (!locked) return false;
  std::array<std::byte, 8> random;
  EXO_CHECK(security::random_bytes(random));
  const fs::path away = folder.parent_path() / (std::string(kOld) + security::to_hex(random));
  std::error_code error;
  fs::rename(folder, away, error);
  if (error) return file_error(folder, "remove", error.value());
  fs::remove_all(away, error);
  if (error) return file_error(away, "remove", error.value());
  return true;
}

}  // namespace

Result<std::shared_ptr<WeightCache>> WeightCache::open(CacheOptions options) {
  std::error_code error;
  fs::create_directories(options.folder, error);
  if (error) return file_error(options.folder, "create this folder", error.value());
  std::shared_ptr<WeightCache> cache(new WeightCache(std::move(options)));
  const fs::path& folder = cache->options_.folder;
  const auto young = fs::file_time_type::clock::now() - std::chrono::minutes(1);
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kNew) && !name.starts_with(kOld)) continue;
    // One that is being made is locked, but for its first moment.
    if (name.starts_with(kNew) && entry.last_write_time(error) > young) continue;
    (void)remove_folder(entry.path());
  }
  if (error) return file_error(folder, "read", error.value());
  EXO_TRY(const Bytes free, disk_free(folder));
  Bytes used = 0;
  for (const CacheEntry& entry : cache->entries()) used += entry.bytes;
  cache->limit_ = cache->options_.limit.value_or((free + used) / 2);
  return cache;
}

std::shared_ptr<PartialModel> WeightCache::in_use(const ContentId& content) const {
  const auto found = open_.find(content);
  return found == open_.end() ? nullptr : found->second.lock();
}

Result<std::shared_ptr<PartialModel>> WeightCache::find_locked(const ContentId& content) {
  if (auto model = in_use(content)) return model;
  auto opened = PartialModel::open(folder_of(content), content);
  if (!opened && opened.error().code == ErrorCode::corrupt) {
    EXO_CHECK(remove_locked(content));
    return fail(ErrorCode::not_found, "{}; it was removed", opened.error().message);
  }
  if (opened) open_[content] = *opened;
  return opened;
}

Result<std::shared_ptr<PartialModel>> WeightCache::find(const ContentId& content) {
  const MutexLock lock(mutex_);
  return find_locked(content);
}

Result<std::shared_ptr<PartialModel>> WeightCache::make(std::span<const std::byte> encoded_manifest) {
  const MutexLock lock(mutex_);
  const ContentId content = content_id(encoded_manifest);
  auto model = find_locked(content);
  if (model || model.error().code != ErrorCode::not_found) return model;
  model = PartialModel::create(folder_of(content), encoded_manifest);
  // Another process was quicker.
  if (!model && model.error().code == ErrorCode::already_exists) return find_locked(content);
  if (model) open_[content] = *model;
  return model;
}

Result<void> WeightCache::make_room(Bytes more) {
  const MutexLock lock(mutex_);
  auto entries = entries_locked();
  Bytes used = 0;
  for (const CacheEntry& entry : entries) used += entry.bytes;
  for (const CacheEntry& entry : entries) {
    EXO_TRY(const Bytes free, disk_free(options_.folder));
    if (used + more <= limit_ && more + options_.keep_free <= free) return {};
    if (entry.in_use) continue;
    if (auto removed = remove_locked(entry.content)) used -= entry.bytes;
  }
  if (used + more > limit_) {
    return fail(ErrorCode::resource_exhausted,
                "{}: the cache may hold {}, {} of it are in use, and {} more are needed; allow it more, or remove "
                "unused models",
                options_.folder.string(), format_bytes(limit_), format_bytes(used), format_bytes(more));
  }
  EXO_TRY(const Bytes free, disk_free(options_.folder));
  if (more + options_.keep_free > free) {
    return fail(ErrorCode::resource_exhausted,
                "{}: {} are needed and {} are to stay free, but its disk has only {}; free some of it, or name a cache "
                "folder on another",
                options_.folder.string(), format_bytes(more), format_bytes(options_.keep_free), format_bytes(free));
  }
  return {};
}

std::vector<CacheEntry> WeightCache::entries_locked() const {
  std::vector<CacheEntry> entries;
  std::error_code error;
  for (const auto& folder : fs::directory_iterator(options_.folder, error)) {
    const auto content = ContentId::parse(folder.path().filename().string());
    if (!content) continue;
    std::string name = security::read_file(folder.path() / "name", kNameBytesMax).value_or("");
    fs::path file = name.empty() ? fs::path() : first_file(folder.path());
    entries.push_back({.content = *content,
                       .bytes = folder_bytes(folder.path()),
                       .used = fs::last_write_time(folder.path() / "lock", error),
                       .in_use = in_use(*content) != nullptr,
                       .name = std::move(name),
                       .file = std::move(file)});
  }
  std::ranges::sort(entries, {}, &CacheEntry::used);
  return entries;
}

std::vector<CacheEntry> WeightCache::entries() const {
  const MutexLock lock(mutex_);
  return entries_locked();
}

Result<void> WeightCache::remove_locked(const ContentId& content) {
  const fs::path folder = folder_of(content);
  if (in_use(content)) {
    return fail(ErrorCode::failed_precondition, "{}: is in use and cannot be removed", folder.string());
  }
  open_.erase(content);
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(ErrorCode::not_found, "{}: no object of model {} is cached", folder.string(), content.short_text());
  }
  EXO_TRY(const bool removed, remove_folder(folder));
  if (!removed) {
    return fail(ErrorCode::failed_precondition, "{}: another process uses it, so it cannot be removed",
                folder.string());
  }
  return {};
}

Result<void> WeightCache::remove(const ContentId& content) {
  const MutexLock lock(mutex_);
  return remove_locked(content);
}

}  // namespace exogpu::weights
