// The file: {"version": 3, "profiles": {KEY: PROFILE, ...}}, where PROFILE is as json.h has it.
#include "gpu/profile/cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "gpu/ggml_runtime.h"
#include "gpu/profile/json.h"

namespace exogpu::gpu {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kVersion = 3;
constexpr std::uintmax_t kFileMax = 4 * MiB;

using Profiles = std::map<std::string, Profile>;

// An absent file holds no profiles, and so does one of another version.
Result<Profiles> read_file(const fs::path& file) {
  std::error_code error;
  fs::file_status status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) return Profiles{};
  if (status.type() != fs::file_type::regular) {
    return fail(ErrorCode::io_error, "{}: cannot read the file", file.string());
  }
  if (fs::file_size(file, error) > kFileMax) {
    return fail(ErrorCode::corrupt, "{}: is larger than {}", file.string(), format_bytes(kFileMax));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(ErrorCode::io_error, "{}: cannot be read", file.string());
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::corrupt, "{}: not a JSON object", file.string());
  if (json.value("version", Json()) != Json(kVersion)) return Profiles{};
  Json entries = json.value("profiles", Json());
  if (!entries.is_object()) return fail(ErrorCode::corrupt, "{}: holds no profiles", file.string());
  Profiles profiles;
  for (const auto& [key, value] : entries.items()) {
    auto profile = profile_from_json(value);
    if (!profile) return fail(ErrorCode::corrupt, "{}: {}", file.string(), profile.error().message);
    profiles.emplace(key, *std::move(profile));
  }
  return profiles;
}

Result<void> write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(ErrorCode::io_error, "{}", std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(descriptor) != 0) return fail(ErrorCode::io_error, "{}", std::strerror(errno));
  return {};
}

// Whole or not at all: written beside the file and moved over it.
Result<void> write_file(const fs::path& file, const std::string& text) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return fail(ErrorCode::io_error, "{}: {}", file.parent_path().string(), error.message());
  fs::path beside = file;
  beside += std::format(".{}.tmp", ::getpid());
  int descriptor = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return fail(ErrorCode::io_error, "{}: {}", beside.string(), std::strerror(errno));
  Result<void> written = write_all(descriptor, text);
  ::close(descriptor);
  if (written) {
    fs::rename(beside, file, error);
    if (error) written = fail(ErrorCode::io_error, "{}", error.message());
  }
  if (written) return {};
  fs::remove(beside, error);
  return fail(ErrorCode::io_error, "{}: {}", file.string(), written.error().message);
}

// A profile from the future was saved while the clock was wrong.
bool is_current(const Profile& profile, const ProfileCache& cache) {
  return profile.measured_at <= cache.now + std::chrono::days(1) && cache.now - profile.measured_at <= cache.max_age;
}

Result<void> store(const ProfileCache& cache, Profiles profiles, const std::string& key, const Profile& profile) {
  profiles.insert_or_assign(key, profile);
  std::erase_if(profiles, [&](const auto& entry) { return !is_current(entry.second, cache); });
  Json entries = Json::object();
  for (const auto& [name, value] : profiles) entries[name] = to_json(value);
  Json json = {{"version", kVersion}, {"profiles", std::move(entries)}};
  return write_file(cache.file, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

fs::path profile_cache_file(const char* xdg_cache_home, const char* home) {
  fs::path folder = xdg_cache_home == nullptr ? "" : xdg_cache_home;
  if (!folder.is_absolute()) {
    folder = home == nullptr ? "" : home;
    if (!folder.is_absolute()) return {};
    folder /= ".cache";
  }
  return folder / "exogpu" / "profiles.json";
}

std::string profile_key(const Device& device, uint32_t threads) {
  const DeviceInfo& info = device.info();
  std::string key = std::format("{}, {}, {}, {}, driver {}, ggml {}, {} threads", info.backend, info.name,
                                info.pci_address, info.uuid, info.driver_version, ggml_version_text(), threads);
  // The file cannot store these characters unchanged, so the key would never be found again.
  for (char& c : key) {
    if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return key;
}

Result<CachedProfile> cached_profile(const std::string& key, const ProfileCache& cache, bool fresh,
                                     const Measure& measure) {
  CachedProfile result;
  Profiles profiles;
  if (cache.file.empty()) {
    result.note = "the profile is not saved: neither XDG_CACHE_HOME nor HOME names a folder";
  } else if (auto read = read_file(cache.file)) {
    profiles = *std::move(read);
  } else {
    result.note = std::format("{}; measured again", read.error().message);
  }
  auto found = profiles.find(key);
  if (!fresh && found != profiles.end() && is_current(found->second, cache)) {
    result.profile = found->second;
    return result;
  }
  EXO_TRY(result.profile, measure());
  result.measured = true;
  if (cache.file.empty()) return result;
  if (result.profile.disturbed) {
    result.note =
        "other programs kept the CPU busy while its speed was measured; it is measured again at the next start";
    return result;
  }
  if (auto written = store(cache, std::move(profiles), key, result.profile); !written) {
    result.note = std::format("the profile is not saved: {}", written.error().message);
  }
  return result;
}

Result<CachedProfile> cached_profile(const Device& device, const ProfileOptions& options, const ProfileCache& cache,
                                     bool fresh) {
  return cached_profile(profile_key(device, profile_threads(device, options)), cache, fresh,
                        [&] { return measure(device, options, cache.now); });
}

}  // namespace exogpu::gpu
