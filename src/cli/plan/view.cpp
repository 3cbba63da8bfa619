#include "cli/plan/view.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <format>

#include "gpu/profile/cache.h"
#include "model/tensor_type.h"

namespace exogpu::cli {
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

std::string known_devices(const wire::ClusterView& view) {
  std::string known;
  for (size_t i = 0; i < view.devices.size() && i < 20; ++i)
    known += (i == 0 ? "" : ", ") + placement::label(view, view.devices[i].id);
  return view.devices.size() > 20 ? known + ", ..." : known;
}

Result<uint32_t> layer_number(std::string_view text, std::string_view whole) {
  uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > 1'000'000)
    return fail(ErrorCode::invalid_argument,
                "--layers {}: \"{}\" is no layer; write DEVICE:FIRST-LAST, for example cpu:0-11", whole, text);
  return number;
}

Result<placement::HandStage> parse_stage(const wire::ClusterView& view, std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "--layers {}: write DEVICE:FIRST-LAST, for example cpu:0-11", text);
  placement::HandStage stage;
  EXO_TRY(stage.device, find_device(view, text.substr(0, colon)));
  const std::string_view range = text.substr(colon + 1);
  const size_t dash = range.find('-');
  EXO_TRY(stage.layers.begin, layer_number(range.substr(0, dash), text));
  stage.layers.end = stage.layers.begin;
  if (dash != std::string_view::npos) {
    EXO_TRY(stage.layers.end, layer_number(range.substr(dash + 1), text));
  }
  if (stage.layers.end < stage.layers.begin)
    return fail(ErrorCode::invalid_argument, "--layers {}: the last layer comes before the first", text);
  ++stage.layers.end;
  return stage;
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

Result<wire::ClusterView> view_of(const gpu::Machine& machine) {
  gpu::ProfileCache cache;
  cache.file = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
  wire::ClusterView view;
  for (const gpu::Device& device : machine.devices()) {
    EXO_TRY(const gpu::CachedProfile kept, gpu::cached_profile(device, {}, cache));
    view.devices.push_back(device_profile(device.info(), device.memory().free, kept.profile));
  }
  return view;
}

Result<wire::DeviceRef> find_device(const wire::ClusterView& view, std::string_view name) {
  std::vector<const wire::DeviceProfile*> matches;
  for (const wire::DeviceProfile& device : view.devices) {
    if (name == device.node_name + "/" + device.id.device || name == device.id.device || name == device.node_name)
      matches.push_back(&device);
  }
  if (matches.size() == 1) return matches.front()->id;
  if (matches.empty())
    return fail(ErrorCode::not_found, "there is no device \"{}\"; here are: {}", name, known_devices(view));
  return fail(ErrorCode::invalid_argument, "\"{}\" names several devices; here are: {}", name, known_devices(view));
}

Result<std::vector<placement::HandStage>> parse_layers(const wire::ClusterView& view, std::string_view text) {
  std::vector<placement::HandStage> stages;
  while (true) {
    const size_t comma = text.find(',');
    EXO_TRY(placement::HandStage stage, parse_stage(view, text.substr(0, comma)));
    stages.push_back(std::move(stage));
    if (comma == std::string_view::npos) return stages;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace exogpu::cli
