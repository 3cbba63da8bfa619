// Files that hold secrets: readable by their owner alone, and either whole or not there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::security {

// Makes `path` and its parents; `path` itself with access for the owner alone.
// Errors: permission_denied, io_error, and permission_denied when it exists and others may write to it.
Result<void> make_private_directory(const std::filesystem::path& path);

// The whole content of a regular file of at most `most` bytes.
// Errors: not_found, permission_denied, invalid_argument (not a file), resource_exhausted (longer), io_error.
Result<std::string> read_file(const std::filesystem::path& path, Bytes most);

// As read_file(), but refuses with permission_denied a file that others than its owner may read or write.
Result<std::string> read_secret(const std::filesystem::path& path, Bytes most);

// Writes a file of mode 0600. After a crash at any moment the old content is there or the new one, never a part.
Result<void> write_secret(const std::filesystem::path& path, std::string_view content);

// Moves a folder that was filled under another name to its place in one step, for good.
// Errors: already_exists when there is something at `to`.
Result<void> publish_directory(const std::filesystem::path& from, const std::filesystem::path& to);

// Keeps other programs that take the same lock out while it lives.
class FileLock {
 public:
  // Waits for it. Errors: io_error.
  static Result<FileLock> take(const std::filesystem::path& file);
  // Nothing when somebody else takes or shares it. Errors: io_error.
  static Result<std::optional<FileLock>> try_take(const std::filesystem::path& file);
  // Together with others that share it; keeps those out that take it.
  static Result<FileLock> share(const std::filesystem::path& file);
  // Whether somebody takes or shares it now.
  static bool held(const std::filesystem::path& file);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  static Result<std::optional<FileLock>> lock(const std::filesystem::path& file, int how);
  int fd_;
};

}  // namespace exogpu::security
