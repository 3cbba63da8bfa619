// Profiles kept in a file, so that a device is measured once in a while and not at every start.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "gpu/profile/profile.h"

namespace exogpu::gpu {

struct ProfileCache {
  std::filesystem::path file;  // empty: nothing is kept
  std::chrono::sys_seconds now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::chrono::days max_age{30};
};

// Where profiles are kept, from the variables XDG_CACHE_HOME and HOME: "exogpu/profiles.json" in the user's cache
// folder. Empty when neither is an absolute path.
std::filesystem::path profile_cache_file(const char* xdg_cache_home, const char* home);

// What a profile holds for: another driver, another ggml or another number of threads gives other rates.
std::string profile_key(const Device& device, uint32_t threads);

struct CachedProfile {
  Profile profile;
  bool measured = false;  // now, instead of being read
  std::string note;       // what went wrong with the file, if anything; the profile is good all the same
};

// The profile kept for this device, or, when there is none, it is too old, or `fresh`, what is measured now, which is
// then kept. A file that cannot be read or written is a note, never an error.
// Errors: those of measure().
Result<CachedProfile> cached_profile(const Device& device, const ProfileOptions& options, const ProfileCache& cache,
                                     bool fresh = false);

// The same with another way to measure.
using Measure = std::function<Result<Profile>()>;
Result<CachedProfile> cached_profile(const std::string& key, const ProfileCache& cache, bool fresh,
                                     const Measure& measure);

}  // namespace exogpu::gpu
