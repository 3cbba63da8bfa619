// Files with secrets: readable only by their owner, and written completely or not at all.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/units.h"

namespace exogpu::security {

// Creates `path` and its parents; only the owner has access to `path` itself.
// Errors: permission_denied (also if `path` exists and others may write to it), io_error.
Result<void> make_private_directory(const std::filesystem::path& path);

// The content of a regular file of at most `most` bytes.
// Errors: not_found, permission_denied, invalid_argument (not a file), resource_exhausted (larger), io_error.
Result<std::string> read_file(const std::filesystem::path& path, Bytes most);

// Like read_file(), but refuses with permission_denied a file that others may read or write.
Result<std::string> read_secret(const std::filesystem::path& path, Bytes most);

// Writes a file with mode 0600. After a crash at any time the file has its old or its new content, complete.
Result<void> write_secret(const std::filesystem::path& path, std::string_view content);

// Renames a complete folder to its final name in one step, and makes that durable.
// Errors: already_exists, if `to` exists.
Result<void> publish_directory(const std::filesystem::path& from, const std::filesystem::path& to);

// Holds a lock on a file, against other programs, while it exists.
class FileLock {
 public:
  // Waits until no process has the lock, then holds it exclusively. Errors: io_error.
  static Result<FileLock> take(const std::filesystem::path& file);
  // Does not wait; empty if a process has the lock. Errors: io_error.
  static Result<std::optional<FileLock>> try_take(const std::filesystem::path& file);
  // Waits for a shared lock, which excludes exclusive locks only.
  static Result<FileLock> share(const std::filesystem::path& file);
  // Whether a process has the lock now, exclusive or shared.
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
