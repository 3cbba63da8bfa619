// A model of which some objects are present, in a folder of the cache:
//
//   manifest                                   as manifest.h has it
//   model.gguf, or model-00001-of-0000N.gguf …  files of the full size with holes for absent objects
//   journal                                    which objects are whole (journal.h)
//   name                                       only while all objects are present: what the model is called
//   lock                                       locked by the process that uses the folder; its time is that of the last
//   use
//
// model::Gguf opens the files as soon as the headers are present, and a shard loads from them the layers that are
// present. Each object was checked against its hash before it counted as present; verify() does so again.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/gguf.h"
#include "weights/journal.h"
#include "weights/manifest.h"
#include "weights/measure_model.h"

namespace exogpu::weights {

// Thread-safe. While it exists nothing else may use the folder.
class PartialModel {
 public:
  // Makes the folder: it appears whole or not at all. Errors: already_exists, permission_denied, io_error,
  // resource_exhausted.
  static Result<std::shared_ptr<PartialModel>> create(const std::filesystem::path& folder,
                                                      std::span<const std::byte> encoded_manifest);
  // Errors: not_found, failed_precondition (another process uses it), corrupt (this is not the model `content`, or
  // files are missing), io_error.
  static Result<std::shared_ptr<PartialModel>> open(const std::filesystem::path& folder, const ContentId& content);
  PartialModel(const PartialModel&) = delete;
  PartialModel& operator=(const PartialModel&) = delete;
  ~PartialModel();

  const ContentId& content() const { return content_; }
  const ModelManifest& manifest() const { return manifest_; }
  std::span<const std::byte> encoded_manifest() const { return encoded_; }
  const std::filesystem::path& folder() const { return folder_; }

  bool has(ObjectIndex object) const;
  std::vector<bool> present() const;
  std::vector<ObjectIndex> missing(std::span<const ObjectIndex> objects) const;
  // Checks that all objects a shard of this scope reads are present; absent ones read as zeros.
  // Errors: failed_precondition, naming the first that is missing; invalid_argument.
  Result<void> check_present(const Scope& scope) const;
  Bytes present_bytes() const;

  // Bytes of an object, from byte `from` of it. Any number of threads, for different objects.
  // Errors: failed_precondition when it is present already, invalid_argument past its end, resource_exhausted (the disk
  // is full), io_error.
  Result<void> write(ObjectIndex object, uint64_t from, std::span<const std::byte> bytes);
  // All bytes of the object are written, and the caller has checked their hash. It is present from now on, also after
  // the process is killed, but after a power failure only if sync() has returned.
  Result<void> commit(ObjectIndex object);
  Result<void> sync();

  // All objects are present, and the model is known by this name: entries() of the cache have it from now on.
  // Errors: failed_precondition while an object is missing, io_error.
  Result<void> set_complete(std::string_view name);

  // Reads all objects that are present, and marks damaged ones as absent. Returns those. Errors: cancelled, io_error.
  Result<std::vector<ObjectIndex>> verify(const Progress& progress = {}, const std::stop_token& stop = {});

  // The mapped file, which may be used while more of it arrives.
  // Errors: failed_precondition while a header is missing, corrupt when the headers do not fit the manifest.
  Result<std::shared_ptr<const model::Gguf>> gguf() const;

 private:
  PartialModel(std::filesystem::path folder, ContentId content, ModelManifest manifest, wire::ByteVector encoded,
               PosixFile lock, Journal journal, std::vector<PosixFile> parts);

  bool complete() const;
  // The name is for complete models only.
  void forget_name() const;

  const std::filesystem::path folder_;
  const ContentId content_;
  const ModelManifest manifest_;
  const wire::ByteVector encoded_;
  const PosixFile lock_;
  const std::vector<PosixFile> parts_;
  mutable Mutex mutex_;
  Mutex sync_mutex_;  // one sync() at a time; locked before mutex_
  Journal journal_ EXO_GUARDED_BY(mutex_);
};

}  // namespace exogpu::weights
