#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "model/mapping_guard.h"

namespace exogpu::model {
namespace {

std::unexpected<Error> system_error(const std::filesystem::path& path, int code) {
  switch (code) {
    case ENOENT: return fail(ErrorCode::not_found, "{}: no such file", path.string());
    case ENOTDIR: return fail(ErrorCode::not_found, "{}: a part of this path is not a folder", path.string());
    case EACCES:
    case EPERM:
      return fail(ErrorCode::permission_denied, "{}: no permission to read this file; change its access rights",
                  path.string());
    default: return fail(ErrorCode::io_error, "{}: {}", path.string(), std::generic_category().message(code));
  }
}

struct Descriptor {
  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  int fd;
};

constexpr const char* kRemedy =
    "put the whole file back and load it again; to replace a file in use, write the new one beside it and rename it to "
    "the old name";

}  // namespace

struct MappedFile::Mapping {
  std::filesystem::path path;
  FileWrites writes;
  Descriptor file;
  struct stat opened;
  void* address = nullptr;  // null for an empty file
  MappingGuard guard = nullptr;
  std::atomic<bool> changed = false;  // permanent, even if the file is restored later

  ~Mapping() {
    guard.reset();
    if (address != nullptr) munmap(address, size());
  }
  size_t size() const { return static_cast<size_t>(opened.st_size); }
};

MappedFile::MappedFile(std::unique_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
MappedFile::MappedFile(MappedFile&& other) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept = default;
MappedFile::~MappedFile() = default;

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, FileWrites writes) {
  // O_NONBLOCK: opening a pipe without a writer must not hang.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd < 0) return system_error(path, errno);
  struct stat status{};
  if (fstat(file.fd, &status) != 0) return system_error(path, errno);
  if (S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::invalid_argument, "{}: is a folder; name the model file in it", path.string());
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::invalid_argument, "{}: is not a regular file; a model must be a file on disk",
                path.string());
  }
  if (static_cast<uint64_t>(status.st_size) > std::numeric_limits<size_t>::max()) {
    return fail(ErrorCode::unsupported, "{}: is larger than this machine can address", path.string());
  }
  std::unique_ptr<Mapping> mapping(
      new Mapping{.path = path, .writes = writes, .file = std::move(file), .opened = status});
  if (status.st_size == 0) return MappedFile(std::move(mapping));
  void* address = mmap(nullptr, mapping->size(), PROT_READ, MAP_PRIVATE, mapping->file.fd, 0);
  if (address == MAP_FAILED) return system_error(path, errno);
  mapping->address = address;
  mapping->guard = guard_mapping(address, mapping->size());
  if (!mapping->guard) {
    return fail(ErrorCode::resource_exhausted, "{}: {} files are mapped already; close some", path.string(),
                kGuardedMappingsMax);
  }
  return MappedFile(std::move(mapping));
}

std::span<const std::byte> MappedFile::bytes() const {
  return {static_cast<const std::byte*>(mapping_->address), mapping_->size()};
}

int MappedFile::descriptor() const { return mapping_->file.fd; }

Result<void> MappedFile::check() const {
  Mapping& m = *mapping_;
  struct stat now{};
  if (fstat(m.file.fd, &now) == 0 && now.st_size != m.opened.st_size) {
    m.changed = true;
    return fail(ErrorCode::unavailable, "{}: had {} bytes when it was opened and has {} now; {}", m.path.string(),
                format_count(m.size()), format_count(static_cast<uint64_t>(now.st_size)), kRemedy);
  }
  const bool written = now.st_mtim.tv_sec != m.opened.st_mtim.tv_sec || now.st_mtim.tv_nsec != m.opened.st_mtim.tv_nsec;
  if (written && m.writes == FileWrites::refused) m.changed = true;
  if (m.changed) {
    return fail(ErrorCode::unavailable, "{}: was changed while it was in use; {}", m.path.string(), kRemedy);
  }
  if (m.guard && m.guard->damaged.load(std::memory_order_acquire)) {
    return fail(ErrorCode::unavailable, "{}: a part of it could not be read; check its disk, and {}", m.path.string(),
                kRemedy);
  }
  return {};
}

void MappedFile::release(Bytes offset, Bytes length) const {
  static const auto page = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  Bytes end = offset + length;
  Bytes first = (offset + page - 1) / page * page;
  // The rest of the file's last page belongs to nothing else.
  Bytes last = end == mapping_->size() ? end : end / page * page;
  if (first >= last) return;
  madvise(static_cast<std::byte*>(mapping_->address) + first, last - first, MADV_DONTNEED);
}

}  // namespace exogpu::model
