#include "cli/devices/layouts.h"

#include <format>
#include <map>
#include <utility>

#include "cli/rates.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

std::string state_text(gpu::LayoutState state) {
  switch (state) {
    case gpu::LayoutState::right: return "right";
    case gpu::LayoutState::wrong: return "WRONG";
    case gpu::LayoutState::unsupported: return "-";
    case gpu::LayoutState::unknown: return "?";
  }
  return "?";
}

void add_device(Rows& rows, const DeviceLayouts& device) {
  std::map<std::pair<std::string, std::string>, std::map<gpu::WeightShape, gpu::LayoutState>> lines;
  for (const auto& [which, verdict] : device.known.verdicts)
    lines[{which.type, which.layout}][which.shape] = verdict.state;
  bool first = true;
  for (const auto& [of, states] : lines) {
    std::vector<std::string> row = {first ? device.device : "", of.first, of.second};
    for (const gpu::WeightShape shape : gpu::kWeightShapes) {
      const auto found = states.find(shape);
      row.push_back(found == states.end() ? "" : state_text(found->second));
    }
    if (const auto rates = device.known.rates.find({of.second, of.first}); rates != device.known.rates.end()) {
      row.push_back(rate_text(rates->second.matvec_bytes_per_s, "B/s"));
      row.push_back(rate_text(rates->second.matmul_flops_per_s, "FLOP/s"));
    }
    rows.push_back(std::move(row));
    first = false;
  }
}

}  // namespace

std::string layouts_table(const std::vector<DeviceLayouts>& devices) {
  Rows rows = {{"ID", "WEIGHTS", "LAYOUT", "MATRIX", "SHORT ROWS", "EXPERTS", "BATCH", "LOOKED UP", "ONE TOKEN READS",
                "MANY TOKENS COMPUTE"}};
  for (const DeviceLayouts& device : devices) add_device(rows, device);
  return rows.size() > 1 ? format_table(rows) : "";
}

std::vector<std::string> layouts_not_used(const std::vector<DeviceLayouts>& devices) {
  std::vector<std::string> lines;
  for (const DeviceLayouts& device : devices) {
    for (const auto& [which, verdict] : device.known.verdicts) {
      if (verdict.state == gpu::LayoutState::wrong)
        lines.push_back(
            std::format("{}: {} is wrong and not used: {}", device.device, to_string(which), verdict.reason));
      if (verdict.state == gpu::LayoutState::unknown)
        lines.push_back(
            std::format("{}: {} could not be checked: {}", device.device, to_string(which), verdict.reason));
    }
  }
  return lines;
}

}  // namespace exogpu::cli
