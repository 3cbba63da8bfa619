// Files with positioned writes, locks and sync; errors name the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::weights {

// Threads may read and write different positions at the same time.
class PosixFile {
 public:
  enum class Mode {
    read,
    read_write,  // created if missing
    append,      // likewise
  };
  // Errors: not_found, permission_denied, io_error; resource_exhausted when the disk is full, likewise below.
  static Result<PosixFile> open(const std::filesystem::path& path, Mode mode);

  PosixFile() = default;  // no file
  PosixFile(PosixFile&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  PosixFile& operator=(PosixFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~PosixFile();

  Result<void> write_at(uint64_t offset, std::span<const std::byte> bytes) const;
  // Fills `into`. Errors: corrupt when the file ends before.
  Result<void> read_at(uint64_t offset, std::span<std::byte> into) const;
  Result<void> append(std::span<const std::byte> bytes) const;
  Result<void> resize(Bytes bytes) const;
  Result<Bytes> size() const;
  // Written bytes are on the disk when this returns.
  Result<void> sync() const;
  // False when another process, or another PosixFile, has the lock. The lock ends with this object.
  Result<bool> try_lock() const;
  // Whether its path still refers to this file.
  bool is_at_path() const;
  // Sets its modification time to now.
  void touch() const;

 private:
  PosixFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_ = -1;
};

std::unexpected<Error> file_error(const std::filesystem::path& path, std::string_view what, int code);

// Makes additions to and removals from a folder durable.
Result<void> sync_folder(const std::filesystem::path& folder);

// The disk space of a file: less than its size if it has holes. 0 without a file.
Bytes bytes_on_disk(const std::filesystem::path& path);

}  // namespace exogpu::weights
