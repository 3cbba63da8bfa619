// The models of which this node keeps parts: a folder with one for each, and a limit for all of them together.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "weights/partial_model.h"

namespace exogpu::weights {

struct CacheOptions {
  std::filesystem::path folder;      // made when it is not there
  std::optional<Bytes> limit{};      // for what is held, on the disk; none: half of what is free or held at open()
  Bytes keep_free = Bytes{1} * GiB;  // that stay free on the disk
};

struct CacheEntry {
  ContentId content;
  Bytes bytes = 0;  // on the disk
  std::filesystem::file_time_type used;
  bool in_use = false;  // by this process
};

// Thread-safe; calls may take as long as the disk does.
class WeightCache {
 public:
  // Clears away what a process that was killed left half made. Errors: permission_denied, io_error.
  static Result<std::shared_ptr<WeightCache>> open(CacheOptions options);

  // What is kept of a model; all who ask get the same object while one of them holds it, and it is in use as long.
  // Errors: not_found, failed_precondition (another process uses it), io_error. What is damaged beyond use is removed
  // and not found.
  Result<std::shared_ptr<PartialModel>> find(const ContentId& content);
  // The same, or a new one of which nothing is held yet.
  Result<std::shared_ptr<PartialModel>> make(std::span<const std::byte> encoded_manifest);

  // Sees to it that `more` bytes can be added: removes whole models, the one that was used longest ago first, and none
  // that is in use here or in another process.
  // Errors: resource_exhausted, saying what stands in the way, the limit or the disk.
  Result<void> make_room(Bytes more);

  // By the time of their last use, the oldest first.
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
