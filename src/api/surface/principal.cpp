#include "api/surface/principal.h"

#include <algorithm>
#include <format>

#include "base/utf8.h"

namespace exogpu::api {

// Greedy, with a return to the last star.
bool fits(std::string_view pattern, std::string_view name) {
  size_t at = 0, star = pattern.npos, behind_star = 0;
  size_t in = 0;
  while (in < name.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      behind_star = in;
    } else if (at < pattern.size() && pattern[at] == name[in]) {
      ++at;
      ++in;
    } else if (star != pattern.npos) {
      at = star + 1;
      in = ++behind_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == pattern.npos;
}

bool Principal::may_use(std::string_view model) const {
  if (!key || key->models.empty()) return true;
  return std::ranges::any_of(key->models, [&](const std::string& pattern) { return fits(pattern, model); });
}

bool Principal::may_use_device(std::string_view device) const {
  if (!key || key->devices.empty()) return true;
  return std::ranges::any_of(key->devices, [&](const std::string& pattern) { return fits(pattern, device); });
}

Parsed<void> check_model(const Principal& principal, std::string_view model) {
  if (principal.may_use(model)) return {};
  return std::unexpected(ApiError{.status = 403,
                                  .message = std::format("the API key {} may not use the model {}", principal.key->name,
                                                         printable(std::string(model))),
                                  .param = "model",
                                  .code = "model_not_allowed"});
}

Parsed<void> check_devices(const Principal& principal, std::string_view model, const node::ClusterSnapshot& cluster) {
  if (!principal.key || principal.key->devices.empty()) return {};
  const auto refusal = [&](const std::string& why) {
    return std::unexpected(ApiError{.status = 403,
                                    .message = std::format("the API key {} may not use the model {}: {}",
                                                           principal.key->name, printable(std::string(model)), why),
                                    .param = "model",
                                    .code = "device_not_allowed"});
  };
  const auto served = std::ranges::find(cluster.models, model, &node::ModelSnapshot::name);
  if (served == cluster.models.end() || !served->plan) {
    return refusal("it is not loaded, and the key is for some devices only; load it with the key first");
  }
  for (const node::StageSnapshot& stage : served->plan->stages) {
    const std::string device = stage.node + "/" + stage.device;
    if (!principal.may_use_device(device)) return refusal("it runs on " + device + ", too");
  }
  return {};
}

std::vector<std::string> forbidden_devices(const Principal& principal, const node::ClusterSnapshot& cluster) {
  std::vector<std::string> out;
  if (!principal.key || principal.key->devices.empty()) return out;
  for (const node::NodeSnapshot& node : cluster.nodes) {
    for (const node::DeviceSnapshot& device : node.devices) {
      std::string name = node.name + "/" + device.id;
      if (!principal.may_use_device(name)) out.push_back(std::move(name));
    }
  }
  return out;
}

}  // namespace exogpu::api
