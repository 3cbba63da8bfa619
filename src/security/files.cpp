#include "security/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "security/hash.h"

namespace exogpu::security {
namespace {

using std::filesystem::path;

std::unexpected<Error> system_error(const path& file, std::string_view what, int code) {
  const std::string reason = std::generic_category().message(code);
  switch (code) {
    case ENOENT: return fail(ErrorCode::not_found, "{}: no such file", file.string());
    case EACCES:
    case EPERM:
    case EROFS:
      return fail(ErrorCode::permission_denied,
                  "{}: cannot {} ({}); change the access rights, or name another state folder with --state DIR",
                  file.string(), what, reason);
    default: return fail(ErrorCode::io_error, "{}: cannot {}: {}", file.string(), what, reason);
  }
}

// Some file systems report ENOENT for a folder that cannot be created in them.
std::unexpected<Error> cannot_make(const path& directory, int code) {
  if (code != ENOENT) return system_error(directory, "create this folder", code);
  return fail(ErrorCode::io_error, "{}: this folder cannot be made there; name another state folder with --state DIR",
              directory.string());
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> sync_directory(const path& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return system_error(directory, "write", errno);
  return {};
}

Result<std::string> read(const path& file, Bytes most, bool secret) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_error(file, "read", errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return system_error(file, "read", errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::invalid_argument, "{}: not a file", file.string());
  if (secret && (status.st_mode & 077) != 0) {
    return fail(ErrorCode::permission_denied,
                "{}: others than its owner may read or write this secret; run: chmod 600 {}", file.string(),
                file.string());
  }
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(file, "read", errno);
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(n));
    if (content.size() > most) {
      return fail(ErrorCode::resource_exhausted, "{}: larger than {}, so it is not a file of exogpu", file.string(),
                  format_bytes(most));
    }
  }
}

Result<void> write_all(int fd, const path& file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(file, "write", errno);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd) != 0) return system_error(file, "write", errno);
  return {};
}

}  // namespace

Result<void> make_private_directory(const path& directory) {
  std::error_code error;
  if (directory.has_parent_path()) std::filesystem::create_directories(directory.parent_path(), error);
  if (error) return cannot_make(directory, error.value());
  if (::mkdir(directory.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return cannot_make(directory, errno);
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) return system_error(directory, "read", errno);
  if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::invalid_argument, "{}: not a folder", directory.string());
  if ((status.st_mode & 022) != 0) {
    return fail(ErrorCode::permission_denied, "{}: others than its owner may write to this folder; run: chmod 700 {}",
                directory.string(), directory.string());
  }
  return {};
}

Result<std::string> read_file(const path& file, Bytes most) { return read(file, most, false); }
Result<std::string> read_secret(const path& file, Bytes most) { return read(file, most, true); }

Result<void> write_secret(const path& file, std::string_view content) {
  std::array<std::byte, 8> random;
  EXO_CHECK(random_bytes(random));
  const path temporary = file.string() + ".new-" + to_hex(random);
  {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return system_error(temporary, "write", errno);
    if (auto written = write_all(fd.get(), temporary, content); !written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return system_error(file, "write", code);
  }
  return sync_directory(file.has_parent_path() ? file.parent_path() : path("."));
}

Result<void> publish_directory(const path& from, const path& to) {
  EXO_CHECK(sync_directory(from));
  if (::rename(from.c_str(), to.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
      return fail(ErrorCode::already_exists, "{}: already exists", to.string());
    }
    return system_error(to, "create this folder", errno);
  }
  return sync_directory(to.has_parent_path() ? to.parent_path() : path("."));
}

Result<FileLock> FileLock::take(const path& file) {
  EXO_TRY(std::optional<FileLock> taken, lock(file, LOCK_EX));
  return *std::move(taken);
}

Result<FileLock> FileLock::share(const path& file) {
  EXO_TRY(std::optional<FileLock> shared, lock(file, LOCK_SH));
  return *std::move(shared);
}

Result<std::optional<FileLock>> FileLock::try_take(const path& file) { return lock(file, LOCK_EX | LOCK_NB); }

bool FileLock::held(const path& file) {
  const FileLock other(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  return other.fd_ >= 0 && ::flock(other.fd_, LOCK_EX | LOCK_NB) != 0;
}

// Empty if it would have to wait and `how` forbids that.
Result<std::optional<FileLock>> FileLock::lock(const path& file, int how) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  FileLock made(fd);
  while (fd >= 0) {
    if (::flock(fd, how) == 0) return made;
    if (errno == EWOULDBLOCK) return std::nullopt;
    if (errno != EINTR) break;
  }
  return fail(ErrorCode::io_error, "{}: cannot lock the file: {}", file.string(),
              std::generic_category().message(errno));
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);  // closing unlocks
}

}  // namespace exogpu::security
