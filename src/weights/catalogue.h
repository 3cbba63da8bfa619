// The manifests of this machine's model files, stored in a folder and valid while the file stays the same.
//
// A stored manifest is a file "KEY.manifest": the content id in hexadecimal, a line feed, the path, a line feed, and
// the manifest. KEY is a hash of path, size, time of last change and inode of all parts of the model.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>

#include "model/gguf.h"
#include "weights/content.h"
#include "weights/measure_model.h"

namespace exogpu::weights {

// Any thread; several processes may share the folder.
class Catalogue {
 public:
  explicit Catalogue(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // The stored manifest, or a new one, which reads the whole file with one thread besides the caller's and is stored.
  // Errors: those of weights::manifest_of(). A manifest that cannot be stored is not an error.
  Result<ModelManifest> manifest_of(const model::Gguf& file, const Progress& progress = {},
                                    const std::stop_token& stop = {}) const;

  // The id of this file's content, if its manifest is stored; reads no weights.
  std::optional<ContentId> content_of(const model::Gguf& file) const;

  // The file of a stored manifest with this id, if it is still the same; reads no weights.
  std::optional<std::filesystem::path> known(const ContentId& content) const;

  // A model among the *.gguf files in `folders` (not below them) that has this content, whatever it is called. Files
  // of the right size and header are read completely if their manifest is not stored.
  // Errors: cancelled. Unreadable files are skipped.
  Result<std::optional<std::filesystem::path>> find(const ModelManifest& expected,
                                                    std::span<const std::filesystem::path> folders,
                                                    const std::stop_token& stop = {}) const;

 private:
  std::filesystem::path folder_;
};

// Prepares a model for WeightExchange::offer() on a thread of its own. Destroying it cancels that.
class Measuring {
 public:
  struct Calls {
    Progress on_progress{};
    std::function<void(Result<std::shared_ptr<const Content>>)> on_done{};
  };
  // `post` as for WeightExchange: the calls are made there, unless this object is gone by then.
  Measuring(Catalogue catalogue, std::shared_ptr<const model::Gguf> file,
            std::function<void(std::move_only_function<void()>)> post, Calls calls);

 private:
  std::shared_ptr<Calls> calls_;
  std::jthread thread_;
};

}  // namespace exogpu::weights
