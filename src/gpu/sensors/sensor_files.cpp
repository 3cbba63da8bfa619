#include "gpu/sensors/sensor_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "gpu/sensors/sysfs.h"
#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// A machine may have hundreds of processors with a few files each; the sockets of the process need descriptors, too.
constexpr size_t kOpenMax = 200;

// -1: it cannot be read. Opening a pipe must not wait for a writer.
int open_regular(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status{};
  if (descriptor >= 0 && ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

std::optional<std::string> read_from_start(int descriptor) {
  std::array<char, 4096> buffer;
  const ssize_t got = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  if (got <= 0) return std::nullopt;
  return std::string(trim({buffer.data(), static_cast<size_t>(got)}));
}

}  // namespace

SensorFiles::SensorFiles(fs::path root, std::chrono::milliseconds remember)
    : root_(std::move(root)), remember_(remember) {}

SensorFiles::SensorFiles(SensorFiles&& other) noexcept
    : root_(std::move(other.root_)),
      remember_(other.remember_),
      remembered_at_(other.remembered_at_),
      open_(std::exchange(other.open_, {})),
      fixed_(std::move(other.fixed_)),
      folders_(std::move(other.folders_)) {}

SensorFiles::~SensorFiles() { forget(); }

void SensorFiles::forget() {
  for (const auto& [path, file] : open_) {
    if (file.descriptor >= 0) ::close(file.descriptor);
  }
  open_.clear();
  fixed_.clear();
  folders_.clear();
}

void SensorFiles::begin(Time now) {
  if (remembered_at_ && remember_.count() > 0 && now - *remembered_at_ < remember_) return;
  forget();
  remembered_at_ = now;
}

std::optional<std::string> SensorFiles::read(const fs::path& file) {
  const auto known = open_.find(file.native());
  if (known != open_.end()) {
    return known->second.descriptor < 0 ? std::nullopt : read_from_start(known->second.descriptor);
  }
  const int descriptor = open_regular(file);
  auto content = descriptor < 0 ? std::nullopt : read_from_start(descriptor);
  // Of a file that is missing, only that is remembered.
  if (descriptor < 0 || open_.size() < kOpenMax) {
    open_.emplace(file.native(), Open{descriptor});
  } else {
    ::close(descriptor);
  }
  return content;
}

std::optional<std::string> SensorFiles::text(const fs::path& file) { return read(file); }

std::optional<int64_t> SensorFiles::integer(const fs::path& file) {
  const auto content = read(file);
  return content ? integer_of(*content) : std::nullopt;
}

std::string SensorFiles::fixed_text(const fs::path& file) {
  const auto known = fixed_.find(file.native());
  if (known != fixed_.end()) return known->second.value_or("");
  return fixed_.emplace(file.native(), read_text(file)).first->second.value_or("");
}

std::optional<int64_t> SensorFiles::fixed_integer(const fs::path& file) { return integer_of(fixed_text(file)); }

const std::vector<fs::path>& SensorFiles::entries(const fs::path& folder, std::string_view prefix) {
  std::string key = folder.native() + '\0';
  key += prefix;
  const auto known = folders_.find(key);
  if (known != folders_.end()) return known->second;
  return folders_.emplace(std::move(key), gpu::entries(folder, prefix)).first->second;
}

}  // namespace exogpu::gpu
