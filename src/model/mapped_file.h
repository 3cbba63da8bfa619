// A whole file, mapped read-only into memory. The one place in this room that speaks to the system about memory.
//
// A mapping survives what happens to its file. Where the system can no longer provide a page, since the file was cut
// short or its disk fails, a read on any thread gives zeros (see mapping_guard.h). A file that is written to in place
// shows the new bytes. So a reader computes with whatever it gets and asks check() before it uses the result.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::model {

// Whether somebody may write to a file while it is mapped. Its size must stay the same in any case.
enum class FileWrites { refused, expected };

// Movable; the bytes stay where they are when it moves. Any number of threads may read.
class MappedFile {
 public:
  // Errors: not_found, permission_denied, invalid_argument (a directory or a device), io_error, resource_exhausted (too
  // many mapped files). An empty file is no error.
  static Result<MappedFile> open(const std::filesystem::path& path, FileWrites writes = FileWrites::refused);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const;

  // That all that was read so far is what the file held when it was opened. An error stays: a file that was changed is
  // only good again when it is opened again. A file that was removed or replaced by another of its name is unchanged.
  // Takes a microsecond, from any thread.
  // Errors: unavailable, naming the file, what happened to it and the remedy.
  Result<void> check() const;

  // Takes the whole pages inside [offset, offset + length) out of this process's memory; reading them again is allowed
  // and fetches them again.
  void release(Bytes offset, Bytes length) const;

 private:
  struct Mapping;
  explicit MappedFile(std::unique_ptr<Mapping> mapping);
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace exogpu::model
