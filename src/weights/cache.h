// The cache of received models: a folder with a subfolder for each model, and a limit for all of them together.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "weights/partial_model.h"

namespace exogpu::weights {

struct CacheOptions {
  std::filesystem::path folder;      // created if missing
  std::optional<Bytes> limit{};      // of disk space; none: half of what is free or in use by the cache at open()
  Bytes keep_free = Bytes{1} * GiB;  // remain free on the disk
};

struct CacheEntry {
  ContentId content;
  Bytes bytes = 0;  // on the disk
  std::filesystem::file_time_type used;
  bool in_use = false;  // by this process
  // Of a model that is complete: what it is called, and the first of its files. Otherwise empty.
  std::string name{};
  std::filesystem::path file{};
};

// Thread-safe; calls may take as long as the disk does.
class WeightCache {
 public:
  // Removes incomplete models of killed processes. Errors: permission_denied, io_error.
  static Result<std::shared_ptr<WeightCache>> open(CacheOptions options);

  // The cached part of a model. All callers share one object, and the model is in use while any of them has it.
  // Errors: not_found, failed_precondition (another process uses it), io_error. A model that is damaged beyond use is
  // removed and not found.
  Result<std::shared_ptr<PartialModel>> find(const ContentId& content);
  // Likewise, or a new one without any objects.
  Result<std::shared_ptr<PartialModel>> make(std::span<const std::byte> encoded_manifest);

  // Makes room for `more` bytes: removes whole models, the least recently used first, and none that is in use by this
  // or another process. Errors: resource_exhausted, naming the obstacle: the limit or the disk.
  Result<void> make_room(Bytes more);

  // The least recently used first.
  std::vector<CacheEntry> entries() const;
  // Errors: not_found, failed_precondition (in use).
  Result<void> remove(const ContentId& content);
  Bytes limit() const { return limit_; }
  const std::filesystem::path& folder() const { return options_.folder; }

 private:
  explicit WeightCache(CacheOptions options) : options_(std::move(options)) {}
  std::filesystem::path folder_of(const ContentId& content) const { return options_.folder / content.text(); }
  std::shared_ptr<PartialModel> in_use(const ContentId& content) const EXO_REQUIRES(mutex_);
  Result<std::shared_ptr<PartialModel>> find_locked(const ContentId& content) EXO_REQUIRES(mutex_);
  Result<void> remove_locked(const ContentId& content) EXO_REQUIRES(mutex_);
  std::vector<CacheEntry> entries_locked() const EXO_REQUIRES(mutex_);

  const CacheOptions options_;
  Bytes limit_ = 0;
  mutable Mutex mutex_;
  std::map<ContentId, std::weak_ptr<PartialModel>> open_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::weights
