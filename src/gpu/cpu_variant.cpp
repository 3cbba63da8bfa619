#include "gpu/cpu_variant.h"

#include <ggml-backend.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLibraryStem = "libggml-cpu-";

std::string& forced_variant() {
  static std::string name;
  return name;
}

// The library that holds the CPU kernels in use; empty when it is unknown.
fs::path cpu_library() {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) return {};
#ifdef _WIN32
  return {};
#else
  void* function = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_get_features");
  Dl_info info = {};
  if (function == nullptr || dladdr(function, &info) == 0 || info.dli_fname == nullptr) return {};
  return info.dli_fname;
#endif
}

std::string variant_of(const fs::path& library) {
  const std::string stem = library.stem().string();
  return stem.starts_with(kLibraryStem) ? stem.substr(kLibraryStem.size()) : std::string();
}

std::string variants_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (std::string name = variant_of(entry.path()); !name.empty()) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
  return all;
}

}  // namespace

void force_cpu_variant(std::string name) { forced_variant() = std::move(name); }

std::string cpu_variant() { return variant_of(cpu_library()); }

Result<void> load_forced_cpu_variant() {
  const std::string& name = forced_variant();
  const fs::path best = cpu_library();
  if (name.empty() || name == variant_of(best)) return {};
  const fs::path library = best.parent_path() / (std::string(kLibraryStem) + name + best.extension().string());
  if (std::error_code error; variant_of(best).empty() || name.contains('/') || !fs::exists(library, error)) {
    return fail(ErrorCode::not_found, "ggml has no CPU variant \"{}\" here; it has: {}", name,
                variants_in(best.parent_path()));
  }
  ggml_backend_unload(ggml_backend_dev_backend_reg(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU)));
  if (ggml_backend_load(library.c_str()) != nullptr) return {};
  ggml_backend_load(best.c_str());
  return fail(ErrorCode::unsupported, "this processor cannot run ggml's CPU variant \"{}\"; leave it out to use {}",
              name, variant_of(best));
}

}  // namespace exogpu::gpu
