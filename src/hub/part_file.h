// NAME.part: a file that is being fetched, or whose fetching broke off and can go on.
//
// Bytes are only ever added at its end, so after any crash what is there is the beginning of the file. Beside it stands
// NAME.part.json, what was known of the file: {"version": 1, "url", "validator", "sha256", "bytes"}. A lock on
// NAME.part keeps every other process away for as long as the PartFile lives.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "hub/sha256.h"

namespace exogpu::hub {

struct PartFacts {
  std::string url;
  std::string validator;  // a strong ETag; empty: none
  std::string sha256;     // empty: not known
  std::optional<Bytes> bytes;
};

class PartFile {
 public:
  // Opens NAME.part for `file` NAME, and makes it and the folders where they are missing. Nothing while another process
  // has it. Errors: permission_denied, resource_exhausted (no space), io_error.
  static Result<std::optional<PartFile>> open(const std::filesystem::path& file);
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile();

  const std::filesystem::path& path() const { return path_; }
  Bytes size() const { return size_; }
  const std::optional<PartFacts>& facts() const { return facts_; }  // absent: what is there cannot be gone on with

  // Throws away what is there and begins anew. Errors: as open().
  Result<void> begin(PartFacts facts);
  // Errors: resource_exhausted, io_error.
  Result<void> append(std::span<const std::byte> bytes);

  // Of everything that is there. Reads again what earlier processes wrote, and calls `progress` meanwhile.
  Result<std::string> sha256(const std::function<void(Bytes)>& progress);

  // Gives it its name, for good, in the place of what was there.
  Result<void> publish();
  // Removes it.
  Result<void> discard();

 private:
  PartFile(std::filesystem::path file, int fd);
  std::filesystem::path file_, path_, facts_path_;
  int fd_;
  Bytes size_ = 0;
  Bytes hashed_ = 0;  // of these the hash is known
  Sha256 hash_;
  std::optional<PartFacts> facts_;
};

// The SHA-256 of a file that stands on disk.
Result<std::string> sha256_of(const std::filesystem::path& file, const std::function<void(Bytes)>& progress);

}  // namespace exogpu::hub
