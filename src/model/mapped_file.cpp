#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>

namespace exogpu::model {
namespace {

std::unexpected<Error> system_error(const std::filesystem::path& path, int code) {
  switch (code) {
    case ENOENT: return fail(ErrorCode::not_found, "{}: no such file", path.string());
    case ENOTDIR: return fail(ErrorCode::not_found, "{}: a part of this path is not a directory", path.string());
    case EACCES:
    case EPERM:
      return fail(ErrorCode::permission_denied, "{}: no permission to read this file; change its access rights",
                  path.string());
    default: return fail(ErrorCode::io_error, "{}: {}", path.string(), std::generic_category().message(code));
  }
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return system_error(path, errno);
  struct stat status{};
  if (fstat(file.fd, &status) != 0) return system_error(path, errno);
  if (S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::invalid_argument, "{}: is a directory; name the model file in it", path.string());
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::invalid_argument, "{}: is not a regular file; a model must be a file on disk",
                path.string());
  }
  if (status.st_size == 0) return MappedFile(nullptr, 0);
  if (static_cast<uint64_t>(status.st_size) > std::numeric_limits<size_t>::max()) {
    return fail(ErrorCode::unsupported, "{}: is larger than this machine can address", path.string());
  }
  auto size = static_cast<size_t>(status.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) return system_error(path, errno);
  return MappedFile(address, size);
}

MappedFile::~MappedFile() {
  if (address_) munmap(address_, size_);
}

void MappedFile::release(Bytes offset, Bytes length) const {
  static const auto page = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  Bytes end = offset + length;
  Bytes first = (offset + page - 1) / page * page;
  // The last page of the file belongs to nobody else, though it is not filled.
  Bytes last = end == size_ ? end : end / page * page;
  if (first >= last) return;
  madvise(static_cast<std::byte*>(address_) + first, last - first, MADV_DONTNEED);
}

}  // namespace exogpu::model
