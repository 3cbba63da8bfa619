#include "cluster/circuits.h"

#include <algorithm>
#include <format>
#include <map>

#include "cluster/condition.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

struct Circuit {
  double most_w = 0;
  std::vector<const DeviceProfile*> devices{};
};

double speed(const DeviceProfile& device) { return device.rates.empty() ? 0 : device.rates.front().matvec_bytes_per_s; }

std::map<std::string, Circuit> circuits_of(const NodeRecords& nodes) {
  std::map<std::string, Circuit> circuits;
  for (const auto& [id, node] : nodes) {
    const OwnerRules& owner = node.condition.owner;
    if (owner.circuit.empty() || !owner.reserved.empty() || !takes_part(node)) continue;
    Circuit& circuit = circuits.try_emplace(owner.circuit, owner.circuit_w).first->second;
    circuit.most_w = std::min(circuit.most_w, owner.circuit_w);
    for (const DeviceProfile& device : node.facts.info.devices) circuit.devices.push_back(&device);
  }
  return circuits;
}

}  // namespace

std::vector<placement::DeviceRule> circuit_rules(const NodeRecords& nodes) {
  std::vector<placement::DeviceRule> rules;
  for (auto& [name, circuit] : circuits_of(nodes)) {
    std::ranges::stable_sort(circuit.devices, std::ranges::greater{},
                             [](const auto* device) { return speed(*device); });
    double used_w = 0;
    for (const DeviceProfile* device : circuit.devices) {
      if (used_w + device->active_w <= circuit.most_w) {
        used_w += device->active_w;
        continue;
      }
      rules.push_back(
          {.device = device->id,
           .rule = placement::Rule::power,
           .reason = std::format("it draws {:.0f} W while it computes, and of the {:.0f} W of the circuit {} "
                                 "faster devices use {:.0f} (--circuit)",
                                 device->active_w, circuit.most_w, name, used_w)});
    }
  }
  return rules;
}

}  // namespace exogpu::cluster
