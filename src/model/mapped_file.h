// A whole file, mapped read-only into memory.
//
// A mapping survives changes of its file. If the system cannot provide a page, because the file was truncated or its
// disk fails, reads on any thread give zeros (see mapping_guard.h). If a file is overwritten in place, reads give the
// new bytes. So readers compute with any bytes, and call check() before they use the result.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::model {

// Whether the file may be written while it is mapped. Its size must not change in any case.
enum class FileWrites { refused, expected };

// Movable; the bytes keep their address. Any number of threads may read.
class MappedFile {
 public:
  // Errors: not_found, permission_denied, invalid_argument (a directory or a device), io_error, resource_exhausted (too
  // many mapped files). An empty file is not an error.
  static Result<MappedFile> open(const std::filesystem::path& path, FileWrites writes = FileWrites::refused);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const;
  int descriptor() const;  // of the open file, for as long as this object exists

  // Checks that all bytes read so far are those that the file had when it was opened. An error is permanent: a changed
  // file must be opened again. A file that was removed or replaced by another file counts as unchanged. Takes a
  // microsecond; any thread.
  // Errors: unavailable, naming the file, what happened to it and the remedy.
  Result<void> check() const;

  // Removes the whole pages inside [offset, offset + length) from the process's memory; later reads load them again.
  void release(Bytes offset, Bytes length) const;

 private:
  struct Mapping;
  explicit MappedFile(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace exogpu::model
