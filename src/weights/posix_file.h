// Files as this room needs them: written at any place, locked, made durable; errors that name the file.
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

// Any number of threads may read and write different places.
class PosixFile {
 public:
  enum class Mode {
    read,
    read_write,  // made when it is not there
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
  // Fills `into`; corrupt when the file ends before.
  Result<void> read_at(uint64_t offset, std::span<std::byte> into) const;
  Result<void> append(std::span<const std::byte> bytes) const;
  Result<void> resize(Bytes bytes) const;
  Result<Bytes> size() const;
  // What was written is on the disk when this returns.
  Result<void> sync() const;
  // False when another process, or another PosixFile, has it. Ends with this object.
  Result<bool> try_lock() const;
  // Whether it still is what stands under its name.
  bool is_in_place() const;
  // Lets the file be one that was just written.
  void touch() const;

 private:
  PosixFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_ = -1;
};

std::unexpected<Error> file_error(const std::filesystem::path& path, std::string_view what, int code);

// Makes what was added to or removed from a folder durable.
Result<void> sync_folder(const std::filesystem::path& folder);

// What a file takes on its disk: less than its size where it has holes. 0 when there is none.
Bytes bytes_on_disk(const std::filesystem::path& path);

}  // namespace exogpu::weights
