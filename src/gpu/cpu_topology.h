// Which processors of Linux (hardware threads) share a core, and which belong to the fast cores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace exogpu::gpu {

// The cores that these processors belong to; 0 when unknown.
uint32_t count_cores(const std::vector<uint32_t>& processors, const std::filesystem::path& root = "/");

// Those of them on performance cores: by the kinds of cores that Intel's processors name, or by the capacity that the
// kernel knows of each. Empty when all are alike, or unknown.
std::vector<uint32_t> performance_processors(const std::vector<uint32_t>& processors,
                                             const std::filesystem::path& root = "/");

// A list as the kernel writes it: "0-3,8,10-11". What is no list ends it.
std::vector<uint32_t> processor_list(std::string_view text);

}  // namespace exogpu::gpu
