// --temperature-max, --power-max, --quiet-hours, --battery-floor, --shared-hours and --circuit of `exogpu serve`.
#pragma once

#include <CLI/CLI.hpp>

#include "node/node.h"

namespace exogpu::cli {

// `options` must live until the command line is parsed.
void add_heat_options(CLI::App& command, node::NodeOptions& options, const char* group);

}  // namespace exogpu::cli
