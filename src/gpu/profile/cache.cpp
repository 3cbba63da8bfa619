// The file: {"version": 3, "profiles": {KEY: PROFILE, ...}}, where PROFILE is as json.h has it.
#include "gpu/profile/cache.h"

#include <format>
#include <map>
#include <nlohmann/json.hpp>

#include "gpu/device_key.h"
#include "gpu/json_file.h"
#include "gpu/profile/json.h"

namespace exogpu::gpu {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kVersion = 3;

using Profiles = std::map<std::string, Profile>;

// An absent file holds no profiles, and so does one of another version.
Result<Profiles> read_file(const fs::path& file) {
  EXO_TRY(const Json json, read_json_file(file));
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
  return write_json_file(cache.file, json);
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
  return std::format("{}, {} threads", device_key(device), threads);
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
