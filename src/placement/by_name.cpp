#include "placement/by_name.h"

#include <charconv>
#include <format>

namespace exogpu::placement {
namespace {

std::string known_devices(const wire::ClusterView& view) {
  std::string known;
  for (size_t i = 0; i < view.devices.size() && i < 20; ++i)
    known += (i == 0 ? "" : ", ") + label(view, view.devices[i].id);
  return view.devices.size() > 20 ? known + ", ..." : known;
}

Result<uint32_t> layer_number(std::string_view text, std::string_view whole, std::string_view usage) {
  uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > 1'000'000)
    return fail(ErrorCode::invalid_argument, "{}: \"{}\" is no layer; write {}", whole, text, usage);
  return number;
}

// "0-11" or "4", both ends included.
Result<wire::LayerRange> layer_range(std::string_view text, const std::string& whole, std::string_view usage) {
  wire::LayerRange range;
  const size_t dash = text.find('-');
  EXO_TRY(range.begin, layer_number(text.substr(0, dash), whole, usage));
  range.end = range.begin;
  if (dash != std::string_view::npos) {
    EXO_TRY(range.end, layer_number(text.substr(dash + 1), whole, usage));
  }
  if (range.end < range.begin)
    return fail(ErrorCode::invalid_argument, "{}: the last layer comes before the first", whole);
  ++range.end;
  return range;
}

struct NamedLayers {
  std::string_view device;
  wire::LayerRange layers;
};

Result<NamedLayers> parse_stage(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "--layers {}: write DEVICE:FIRST-LAST, for example cpu:0-11", text);
  NamedLayers stage{.device = text.substr(0, colon), .layers = {}};
  EXO_TRY(stage.layers, layer_range(text.substr(colon + 1), std::format("--layers {}", text),
                                    "DEVICE:FIRST-LAST, for example cpu:0-11"));
  return stage;
}

Result<std::vector<NamedLayers>> parse_stages(std::string_view text) {
  std::vector<NamedLayers> stages;
  while (true) {
    const size_t comma = text.find(',');
    EXO_TRY(stages.emplace_back(), parse_stage(text.substr(0, comma)));
    if (comma == std::string_view::npos) return stages;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<wire::LayerRange> parse_together(std::string_view text) {
  return layer_range(text, std::format("--together {}", text), "FIRST-LAST, for example 0-11");
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

Result<void> check_layers(std::string_view text) {
  EXO_CHECK(parse_stages(text));
  return {};
}

Result<std::vector<AssignedLayers>> parse_layers(const wire::ClusterView& view, std::string_view text) {
  EXO_TRY(const std::vector<NamedLayers> named, parse_stages(text));
  std::vector<AssignedLayers> stages;
  for (const NamedLayers& each : named) {
    EXO_TRY(const wire::DeviceRef device, find_device(view, each.device));
    stages.push_back({.device = device, .layers = each.layers});
  }
  return stages;
}

}  // namespace exogpu::placement
