#include "hub/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "model/library.h"

namespace exogpu::hub {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr size_t kBlock = 1 * MiB;

std::unexpected<Error> system_error(const fs::path& file, std::string_view what, int code) {
  const std::string reason = std::generic_category().message(code);
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return fail(ErrorCode::resource_exhausted,
                  "{}: the disk is full; the downloaded part stays, so free some space and pull again", file.string());
    case EACCES:
    case EPERM:
    case EROFS:
      return fail(ErrorCode::permission_denied, "{}: cannot {} ({}); name another folder with --models", file.string(),
                  what, reason);
    default: return fail(ErrorCode::io_error, "{}: cannot {} ({})", file.string(), what, reason);
  }
}

Result<void> sync_folder_of(const fs::path& file) {
  const int fd = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(file, "write", errno);
  const int status = ::fsync(fd), code = errno;
  ::close(fd);
  if (status != 0) return system_error(file, "write", code);
  return {};
}

// Adds the bytes of `fd` from `at` up to `end` to the hash.
Result<void> hash_from(int fd, const fs::path& file, Bytes at, Bytes end, Sha256& hash,
                       const std::function<void(Bytes)>& progress) {
  std::vector<std::byte> block(kBlock);
  while (at < end) {
    const ssize_t n = ::pread(fd, block.data(), std::min<Bytes>(block.size(), end - at), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(file, "read", errno);
    if (n == 0) return fail(ErrorCode::io_error, "{}: became shorter while it was read", file.string());
    hash.update(std::span(block).first(static_cast<size_t>(n)));
    at += static_cast<Bytes>(n);
    if (progress) progress(at);
  }
  return {};
}

std::optional<PartFacts> read_facts(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(64 * KiB, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("version", Json()) != Json(kVersion)) return std::nullopt;
  const auto string = [&](const char* key) {
    const Json value = json.value(key, Json());
    return value.is_string() ? value.get<std::string>() : "";
  };
  PartFacts facts = {.url = string("url"), .validator = string("validator"), .sha256 = string("sha256"), .bytes = {}};
  if (const Json bytes = json.value("bytes", Json()); bytes.is_number_unsigned()) facts.bytes = bytes.get<uint64_t>();
  return facts;
}

Result<void> write_facts(const fs::path& path, const PartFacts& facts) {
  const Json json = {{"version", kVersion},
                     {"url", facts.url},
                     {"validator", facts.validator},
                     {"sha256", facts.sha256},
                     {"bytes", facts.bytes ? Json(*facts.bytes) : Json(nullptr)}};
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  out.close();
  if (!out) return system_error(path, "write", errno);
  return {};
}

fs::path with_ending(const fs::path& file, std::string_view ending) { return file.string() + std::string(ending); }

}  // namespace

PartFile::PartFile(fs::path file, int fd)
    : file_(std::move(file)),
      path_(with_ending(file_, model::kUnfinishedEnding)),
      facts_path_(with_ending(file_, model::kUnfinishedFactsEnding)),
      fd_(fd) {}

PartFile::PartFile(PartFile&& other) noexcept
    : file_(std::move(other.file_)),
      path_(std::move(other.path_)),
      facts_path_(std::move(other.facts_path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      hashed_(other.hashed_),
      hash_(std::move(other.hash_)),
      facts_(std::move(other.facts_)) {}

PartFile::~PartFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::optional<PartFile>> PartFile::open(const fs::path& file) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return system_error(file.parent_path(), "create this folder", error.value());
  const fs::path path = with_ending(file, model::kUnfinishedEnding);
  while (true) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return system_error(path, "write", errno);
    PartFile part(file, fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::nullopt;
      return system_error(path, "lock", errno);
    }
    // The previous owner of the lock may have renamed or removed the file: then the lock is on another file.
    struct stat ours{}, there{};
    if (::fstat(fd, &ours) != 0) return system_error(path, "read", errno);
    if (::stat(path.c_str(), &there) != 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) continue;
    part.size_ = static_cast<Bytes>(ours.st_size);
    if (part.size_ > 0) part.facts_ = read_facts(part.facts_path_);
    return part;
  }
}

Result<void> PartFile::begin(PartFacts facts) {
  if (::ftruncate(fd_, 0) != 0) return system_error(path_, "write", errno);
  size_ = hashed_ = 0;
  hash_.reset();
  EXO_CHECK(write_facts(facts_path_, facts));
  facts_ = std::move(facts);
  return {};
}

Result<void> PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path_, "write", errno);
    const auto written = static_cast<size_t>(n);
    if (hashed_ == size_) {
      hash_.update(bytes.first(written));
      hashed_ += written;
    }
    size_ += written;
    bytes = bytes.subspan(written);
  }
  return {};
}

Result<std::string> PartFile::sha256(const std::function<void(Bytes)>& progress) {
  EXO_CHECK(hash_from(fd_, path_, hashed_, size_, hash_, progress));
  hashed_ = 0;
  std::string text = hash_.hex();
  hash_.reset();
  return text;
}

Result<void> PartFile::publish() {
  if (::fsync(fd_) != 0) return system_error(path_, "write", errno);
  std::error_code error;
  fs::rename(path_, file_, error);
  if (error) return system_error(file_, "write", error.value());
  fs::remove(facts_path_, error);
  return sync_folder_of(file_);
}

Result<void> PartFile::discard() {
  std::error_code error;
  fs::remove(path_, error);
  if (error) return system_error(path_, "remove", error.value());
  fs::remove(facts_path_, error);
  facts_.reset();
  return {};
}

Result<std::string> sha256_of(const fs::path& file, const std::function<void(Bytes)>& progress) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(file, "read", errno);
  struct stat status{};
  Sha256 hash;
  Result<void> done = {};
  if (::fstat(fd, &status) == 0) {
    done = hash_from(fd, file, 0, static_cast<Bytes>(status.st_size), hash, progress);
  } else {
    done = system_error(file, "read", errno);
  }
  ::close(fd);
  if (!done) return std::unexpected(std::move(done).error());
  return hash.hex();
}

}  // namespace exogpu::hub
