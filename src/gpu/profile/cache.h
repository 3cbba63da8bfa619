// Profiles stored in a file, so that a device is not measured at every start.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "gpu/profile/profile.h"

namespace exogpu::gpu {

struct ProfileCache {
  std::filesystem::path file;  // empty: nothing is stored
  std::chrono::sys_seconds now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::chrono::days max_age{30};
};

// The default file, from the variables XDG_CACHE_HOME and HOME: "exogpu/profiles.json" in the user's cache
// folder. Empty when neither is an absolute path.
std::filesystem::path profile_cache_file(const char* xdg_cache_home, const char* home);

// What a profile is valid for: another driver, version of ggml or number of threads has other rates.
std::string profile_key(const Device& device, uint32_t threads);

struct CachedProfile {
  Profile profile;
  bool measured = false;  // now; otherwise it was read from the file
  std::string note;       // a problem with the file, if any; the profile is valid nevertheless
};

// The stored profile of this device. Without one, with one that is too old, or with `fresh`, measures the device and
// stores the result, unless the measurement was disturbed. A file that cannot be read or written is a note, never an
// error. Errors: those of measure().
Result<CachedProfile> cached_profile(const Device& device, const ProfileOptions& options, const ProfileCache& cache,
                                     bool fresh = false);

// Likewise with another function that measures.
using Measure = std::function<Result<Profile>()>;
Result<CachedProfile> cached_profile(const std::string& key, const ProfileCache& cache, bool fresh,
                                     const Measure& measure);

}  // namespace exogpu::gpu
