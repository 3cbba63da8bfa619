// The models that this node has all files of: the models folder, the file that it was given, and those that it received
// whole from other nodes.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/detector.h"
#include "weights/cache.h"
#include "wire/library.h"

namespace exogpu::node {

struct OwnModel {
  wire::LibraryModel facts;
  std::filesystem::path path;  // of the first file
  bool cached = false;         // it is in the cache, and its content is known
  friend bool operator==(const OwnModel&, const OwnModel&) = default;
};

struct OwnLibraryOptions {
  std::filesystem::path folder;                   // of models; empty: none
  std::filesystem::path given;                    // a file beside those; empty: none
  std::filesystem::path manifests;                // folder of what is known about files
  std::shared_ptr<weights::WeightCache> cache{};  // null: none
};

// Reads what the files are. One thread at a time; calls read the disk. A file's header is read
// again only when it has changed, or when its content may have become known.
class LibraryScanner {
 public:
  explicit LibraryScanner(OwnLibraryOptions options) : options_(std::move(options)) {}

  // Sorted by name, which is that of the file without its ending; where two have the same, the second is called by its
  // path in the folder. A model of the cache has the name that it was served by, and is left out where a file has that
  // name or that content. Files that are no models are left out. At most wire::kLibraryModelsMax.
  std::vector<OwnModel> scan();

 private:
  struct Known {
    std::string stamp;  // another one where the files have changed
    std::optional<OwnModel> model;
  };
  void add(std::vector<OwnModel>& models, const std::filesystem::path& path, const std::string& longer_name);
  void add_cached(std::vector<OwnModel>& models, const weights::CacheEntry& entry);
  // `content`: of the file, where that is known; or empty.
  const std::optional<OwnModel>& read(const std::filesystem::path& path, const std::string& content = {});

  OwnLibraryOptions options_;
  std::map<std::filesystem::path, Known> known_;
  std::filesystem::file_time_type manifests_{};  // when one was stored last, as of the last scan
  bool manifests_changed_ = false;               // since the scan before
};

struct OwnLibraryHost {
  // Runs a task on the node's thread, later; from any thread. And on another thread, later.
  std::function<void(std::move_only_function<void()>)> post;
  std::function<void(std::move_only_function<void()>)> in_background;
  std::function<void()> on_change;  // models() is another
};

// On the node's thread. The host runs no task after it is destroyed.
class OwnLibrary {
 public:
  static constexpr std::chrono::seconds kRescan{10};

  OwnLibrary(OwnLibraryOptions options, OwnLibraryHost host);

  // To be called now and then: looks at the folder when it is time.
  void tick(cluster::Time now);
  // Looks at the folder with the next tick().
  void set_changed() { scan_at_ = {}; }
  // What there was at the last set_changed() has been looked at.
  bool up_to_date() const { return !scanning_ && scan_at_ != cluster::Time{}; }

  const std::vector<OwnModel>& models() const { return models_; }
  std::vector<wire::LibraryModel> facts() const;
  // Null: none of this name.
  const OwnModel* find(std::string_view name) const;
  // The content of this file is known now.
  void set_content(const std::filesystem::path& path, const std::string& content);

 private:
  // The scan may have begun before the file was read whole.
  void keep_content(OwnModel& model) const;

  OwnLibraryHost host_;
  std::shared_ptr<LibraryScanner> scanner_;
  bool scanning_ = false;
  cluster::Time scan_at_{};  // not before
  std::vector<OwnModel> models_;
};

// As requests name the model of this file.
std::string model_name_of(const std::filesystem::path& file);

}  // namespace exogpu::node
