#include "node/library/model_removal.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "model/library.h"

namespace exogpu::node {
namespace {

namespace fs = std::filesystem;

// A link frees nothing, nor does a file that has another name as well.
Bytes bytes_of(const fs::path& file) {
  struct stat status{};
  const bool alone = ::lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1;
  return alone ? static_cast<Bytes>(status.st_size) : 0;
}

Result<model::LibraryEntry> entry_of(const OwnModel& own, const fs::path& folder) {
  if (!folder.empty()) {
    EXO_TRY(const auto entries, model::Library(folder).list());
    const auto found = std::ranges::find_if(entries, [&](const model::LibraryEntry& entry) {
      std::error_code error;
      return !entry.files.empty() && fs::canonical(entry.files.front(), error) == own.path && !error;
    });
    if (found != entries.end()) return *found;
  }
  std::error_code error;
  if (!fs::exists(own.path, error)) return fail(ErrorCode::not_found, "{}: the file is gone", own.path.string());
  return fail(ErrorCode::failed_precondition,
              "{} is not in the models folder: it was given to the node; remove the file there yourself",
              own.path.string());
}

Result<weights::CacheEntry> cached_entry(const OwnModel& own, const weights::WeightCache* cache) {
  if (cache != nullptr) {
    for (const weights::CacheEntry& each : cache->entries()) {
      if (each.content.text() == own.facts.content) return each;
    }
  }
  return fail(ErrorCode::not_found, "{}: it is not in the cache any more", own.facts.model);
}

ModelFileList list_of(const model::LibraryEntry& entry) {
  ModelFileList list{.files = entry.files};
  list.files.insert(list.files.end(), entry.unfinished.begin(), entry.unfinished.end());
  for (const fs::path& file : list.files) list.bytes_freed += bytes_of(file);
  return list;
}

ModelFileList list_of(const weights::CacheEntry& entry) {
  return {.files = {entry.file.parent_path()}, .bytes_freed = entry.bytes};
}

}  // namespace

Result<ModelFileList> files_of(const OwnModel& own, const fs::path& folder, const weights::WeightCache* cache) {
  if (own.cached) {
    EXO_TRY(const weights::CacheEntry entry, cached_entry(own, cache));
    return list_of(entry);
  }
  EXO_TRY(const model::LibraryEntry entry, entry_of(own, folder));
  return list_of(entry);
}

Result<ModelFileList> remove_files_of(const OwnModel& own, const fs::path& folder, weights::WeightCache* cache) {
  if (own.cached) {
    EXO_TRY(const weights::CacheEntry entry, cached_entry(own, cache));
    EXO_CHECK(cache->remove(entry.content));
    return list_of(entry);
  }
  EXO_TRY(const model::LibraryEntry entry, entry_of(own, folder));
  ModelFileList list = list_of(entry);  // before they are gone
  EXO_CHECK(model::Library(folder).remove(entry));
  return list;
}

}  // namespace exogpu::node
