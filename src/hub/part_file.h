// NAME.part: the part of a file that has been downloaded so far.
//
// Bytes are only appended, so after any crash NAME.part is the beginning of the file. NAME.part.json beside it
// describes the file: {"version": 1, "url", "validator", "sha256", "bytes"}. A PartFile holds a lock on NAME.part.
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
  // Opens NAME.part for `file` NAME; creates it and its folders if missing. Returns nothing while another process has
  // it open. Errors: permission_denied, resource_exhausted (no space), io_error.
  static Result<std::optional<PartFile>> open(const std::filesystem::path& file);
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  ~PartFile();

  const std::filesystem::path& path() const { return path_; }
  Bytes size() const { return size_; }
  const std::optional<PartFacts>& facts() const { return facts_; }  // absent: the download cannot resume

  // Empties the file and stores new facts. Errors: as open().
  Result<void> begin(PartFacts facts);
  // Errors: resource_exhausted, io_error.
  Result<void> append(std::span<const std::byte> bytes);

  // Of the whole file. Reads what earlier processes wrote, and reports progress meanwhile.
  Result<std::string> sha256(const std::function<void(Bytes)>& progress);

  // Renames it to NAME durably, replacing a file of that name.
  Result<void> publish();
  // Removes NAME.part and NAME.part.json.
  Result<void> discard();

 private:
  PartFile(std::filesystem::path file, int fd);
  std::filesystem::path file_, path_, facts_path_;
  int fd_;
  Bytes size_ = 0;
  Bytes hashed_ = 0;  // bytes that are in hash_
  Sha256 hash_;
  std::optional<PartFacts> facts_;
};

// The SHA-256 of a file on disk.
Result<std::string> sha256_of(const std::filesystem::path& file, const std::function<void(Bytes)>& progress);

}  // namespace exogpu::hub
