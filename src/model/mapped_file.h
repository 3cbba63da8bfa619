// A whole file, mapped read-only into memory. The one place in this room that speaks to the system about memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <utility>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::model {

// Movable; the bytes stay where they are when it moves. Any number of threads may read.
class MappedFile {
 public:
  // Errors: not_found, permission_denied, invalid_argument (a directory or a device), io_error. An empty file is no
  // error.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

  // Takes the whole pages inside [offset, offset + length) out of this process's memory; reading them again is allowed
  // and fetches them anew.
  void release(Bytes offset, Bytes length) const;

 private:
  MappedFile(void* address, size_t size) : address_(address), size_(size) {}
  void* address_ = nullptr;
  size_t size_ = 0;
};

}  // namespace exogpu::model
