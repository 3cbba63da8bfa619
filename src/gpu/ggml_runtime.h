// ggml in this process: its backends are loaded once, and its messages are stored instead of printed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::gpu {

// Loads every backend ggml finds beside its library; later calls return at once. Any thread may call.
//
// `vulkan_devices`, when not empty ("0,1"), is what ggml's Vulkan backend shall see of the loader's list, devices
// rendered by the CPU included; without it ggml shows GPUs only. It acts on the first call alone, and never over a
// GGML_VK_VISIBLE_DEVICES that the user has set. Without `vulkan_drivers`, likewise on the first call alone, Vulkan's
// loader finds no driver, which saves their time and memory.
// `folder`: where the backends are, on the first call alone; empty: where ggml looks for them.
// Errors: unavailable when ggml has no CPU backend, which means that it is not installed completely; those of
// load_forced_cpu_variant().
Result<void> load_backends(std::string_view vulkan_devices = {}, bool vulkan_drivers = true,
                           const std::string& folder = {});

bool backends_loaded();

// Whether ggml's own messages go to standard error as they come. Off until asked for.
void set_ggml_verbose(bool verbose);

// The last few warnings and errors that ggml reported, oldest first, joined by "; "; empty when there were none.
// ggml often reports the reason of a failing call only there.
std::string ggml_last_errors();
void clear_ggml_last_errors();

// The version of the ggml library in this process: "1.0.0 (commit)".
std::string ggml_version_text();

}  // namespace exogpu::gpu
