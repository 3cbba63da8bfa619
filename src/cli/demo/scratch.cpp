#include "cli/demo/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace exogpu::cli {
namespace {

constexpr std::string_view kPrefix = "exogpu-demo-";

// The locked folder, open; -1 when it cannot be opened or another process has locked it. Children inherit the lock.
int lock_folder(const std::filesystem::path& folder) {
  const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);  // NOLINT: inherited on purpose
  if (opened < 0) return -1;
  struct stat status = {};
  if (fstat(opened, &status) == 0 && status.st_uid == geteuid() && flock(opened, LOCK_EX | LOCK_NB) == 0) return opened;
  close(opened);
  return -1;
}

// Removes the folders of processes that were killed.
void remove_abandoned(const std::filesystem::path& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator each(parent, error), end; !error && each != end; each.increment(error)) {
    if (!each->path().filename().string().starts_with(kPrefix)) continue;
    const int lock = lock_folder(each->path());
    if (lock < 0) continue;
    std::error_code ignored;
    std::filesystem::remove_all(each->path(), ignored);
    close(lock);
  }
}

}  // namespace

Result<Scratch> Scratch::make() {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  if (error) return fail(ErrorCode::io_error, "the folder for temporary files: {}; set TMPDIR", error.message());
  remove_abandoned(parent);
  // Another process may take a folder that is not locked yet for an abandoned one.
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string name = (parent / kPrefix).string() + "XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      return fail(ErrorCode::io_error, "{}: cannot be made: {}", name, std::strerror(errno));
    }
    const int lock = lock_folder(name);
    if (lock >= 0 && std::filesystem::exists(name, error)) return Scratch(name, lock);
    if (lock >= 0) close(lock);
  }
  return fail(ErrorCode::io_error, "{}: a folder made there cannot be locked", parent.string());
}

Scratch::Scratch(Scratch&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}

Scratch::~Scratch() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  close(lock_);
}

}  // namespace exogpu::cli
