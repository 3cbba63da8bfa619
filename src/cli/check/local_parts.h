// A model on several devices of this machine, each with some of its layers.
#pragma once

#include <string_view>

#include "base/result.h"
#include "cli/model_options.h"

namespace exogpu::cli {

// Loads the layers as `layers` gives them to devices: "cpu:0-5,vulkan0:6-11". Otherwise as load_model().
// Errors: also those of placement::parse_layers() and Chain::load().
Result<LoadedModel> load_parts(std::string_view layers, const ModelOptions& options);

}  // namespace exogpu::cli
