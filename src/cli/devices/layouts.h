// What is known of the layouts of weights on devices, for people.
#pragma once

#include <string>
#include <vector>

#include "gpu/layouts/book.h"

namespace exogpu::cli {

struct DeviceLayouts {
  std::string device;  // its id
  gpu::LayoutKnowledge known;
};

// A line for each layout and type: what each shape gives ("right", "WRONG", "-" where the backend has no kernel), and
// the rates where they were measured. Empty when nothing is known.
std::string layouts_table(const std::vector<DeviceLayouts>& devices);

// A line for each case that is not used because it is wrong or could not be checked, with the reason.
std::vector<std::string> layouts_not_used(const std::vector<DeviceLayouts>& devices);

}  // namespace exogpu::cli
