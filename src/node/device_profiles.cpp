#include "node/device_profiles.h"

#include <algorithm>
#include <cstdlib>

#include "gpu/layouts/limits.h"
#include "gpu/layouts/profile_options.h"
#include "gpu/profile/cache.h"
#include "model/tensor_type.h"

namespace exogpu::node {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

wire::DeviceKind kind_of(gpu::DeviceKind kind) {
  switch (kind) {
    case gpu::DeviceKind::discrete: return wire::DeviceKind::discrete;
    case gpu::DeviceKind::integrated: return wire::DeviceKind::integrated;
    case gpu::DeviceKind::cpu: return wire::DeviceKind::cpu;
  }
  return wire::DeviceKind::cpu;
}

// 4.5 for "q4_K"; 0 for a type that is not known.
double bits_per_weight(std::string_view type) {
  for (uint32_t id = 0; id < 64; ++id) {
    const model::TensorTypeInfo* info = model::tensor_type_info(static_cast<model::TensorType>(id));
    if (info != nullptr && lower(info->name) == lower(type)) return 8.0 * info->block_bytes / info->block_elements;
  }
  return 0;
}

}  // namespace

wire::DeviceProfile device_profile(const gpu::DeviceInfo& info, Bytes memory_free, const gpu::Profile& profile) {
  wire::DeviceProfile device;
  device.id.device = info.id;
  device.name = info.name;
  device.kind = kind_of(info.kind);
  device.uses_host_memory = info.kind != gpu::DeviceKind::discrete || info.software;
  device.memory_free = memory_free;
  device.memory_bytes_per_s = profile.bandwidth_bytes_per_s;
  device.step_s = profile.graph_overhead_s;
  device.fixed_columns = profile.fixed_columns;
  device.upload_bytes_per_s = profile.host_to_device_bytes_per_s;
  device.download_bytes_per_s = profile.device_to_host_bytes_per_s;
  for (const gpu::ProductRates& measured : profile.products) {
    wire::WeightRates rates = {.type = measured.type,
                               .bits_per_weight = bits_per_weight(measured.type),
                               .matvec_bytes_per_s = measured.matvec_bytes_per_s,
                               .matmul_flops_per_s = measured.matmul_flops_per_s};
    if (rates.bits_per_weight == 0) continue;
    const double one_column = 2 * rates.matvec_bytes_per_s * 8 / rates.bits_per_weight;
    if (rates.matmul_flops_per_s == 0) rates.matmul_flops_per_s = one_column;
    device.rates.push_back(std::move(rates));
  }
  return device;
}

std::vector<wire::TypeLimit> limits_of(const gpu::Device& device) {
  std::vector<wire::TypeLimit> limits;
  for (gpu::TypeLimit& limit : gpu::type_limits(device)) {
    limits.push_back({.type = std::move(limit.type),
                      .use = std::string(to_string(limit.shape)),
                      .held_as = std::move(limit.held_as),
                      .growth = limit.growth});
  }
  return limits;
}

Result<std::vector<wire::DeviceProfile>> profiles_of(std::span<const gpu::Device* const> devices, uint32_t threads) {
  gpu::ProfileCache cache;
  cache.file = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
  std::vector<wire::DeviceProfile> profiles;
  for (const gpu::Device* device : devices) {
    EXO_TRY(const gpu::CachedProfile cached,
            gpu::cached_profile(*device, gpu::profile_options(*device, threads), cache));
    profiles.push_back(device_profile(device->info(), device->memory().free, cached.profile));
    profiles.back().limits = limits_of(*device);
  }
  return profiles;
}

}  // namespace exogpu::node
