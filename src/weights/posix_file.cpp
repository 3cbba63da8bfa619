#include "weights/posix_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace exogpu::weights {
namespace {

// Calls `step` until all bytes are written.
template <typename Step>
Result<void> write_all(const std::filesystem::path& path, std::span<const std::byte> bytes, Step step) {
  while (!bytes.empty()) {
    const ssize_t n = step(bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(path, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

std::unexpected<Error> file_error(const std::filesystem::path& path, std::string_view what, int code) {
  const std::string reason = std::generic_category().message(code);
  switch (code) {
    case ENOENT: return fail(ErrorCode::not_found, "{}: no such file", path.string());
    case EACCES:
    case EPERM:
    case EROFS:
      return fail(ErrorCode::permission_denied,
                  "{}: cannot {} ({}); change the access rights, or name another cache folder", path.string(), what,
                  reason);
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorCode::resource_exhausted,
                  "{}: cannot {}: {}; free some of the disk, or name a cache folder on another", path.string(), what,
                  reason);
    default: return fail(ErrorCode::io_error, "{}: cannot {}: {}", path.string(), what, reason);
  }
}

Result<PosixFile> PosixFile::open(const std::filesystem::path& path, Mode mode) {
  const int flags = mode == Mode::read         ? O_RDONLY
                    : mode == Mode::read_write ? O_RDWR | O_CREAT
                                               : O_WRONLY | O_CREAT | O_APPEND;
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return file_error(path, mode == Mode::read ? "read" : "write", errno);
  return PosixFile(path, fd);
}

PosixFile::~PosixFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> PosixFile::write_at(uint64_t offset, std::span<const std::byte> bytes) const {
  return write_all(path_, bytes, [&](std::span<const std::byte> rest) {
    const auto at = static_cast<off_t>(offset + (bytes.size() - rest.size()));
    return ::pwrite(fd_, rest.data(), rest.size(), at);
  });
}

Result<void> PosixFile::read_at(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t n = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(path_, "read", errno);
    if (n == 0) return fail(ErrorCode::corrupt, "{}: ends too early", path_.string());
    into = into.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<void> PosixFile::append(std::span<const std::byte> bytes) const {
  return write_all(path_, bytes,
                   [&](std::span<const std::byte> rest) { return ::write(fd_, rest.data(), rest.size()); });
}

Result<void> PosixFile::resize(Bytes bytes) const {
  if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return file_error(path_, "resize", errno);
  return {};
}

Result<Bytes> PosixFile::size() const {
  struct stat status{};
  if (::fstat(fd_, &status) != 0) return file_error(path_, "read", errno);
  return static_cast<Bytes>(status.st_size);
}

Result<void> PosixFile::sync() const {
  if (::fdatasync(fd_) != 0) return file_error(path_, "write", errno);
  return {};
}

Result<bool> PosixFile::try_lock() const {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return file_error(path_, "lock", errno);
}

bool PosixFile::is_at_path() const {
  struct stat mine{}, there{};
  return ::fstat(fd_, &mine) == 0 && ::stat(path_.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
         mine.st_dev == there.st_dev;
}

void PosixFile::touch() const { ::futimens(fd_, nullptr); }

Result<void> sync_folder(const std::filesystem::path& folder) {
  EXO_TRY(const PosixFile file, PosixFile::open(folder, PosixFile::Mode::read));
  return file.sync();
}

Bytes bytes_on_disk(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<Bytes>(status.st_blocks) * 512 : 0;
}

}  // namespace exogpu::weights
