// What the operating system reports about this machine.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "wire/election.h"

namespace exogpu::node {

// How well it would lead a cluster. `sys`: where Linux reports its hardware. Without information, a machine is taken
// to be on mains power and a wire.
wire::Fitness fitness_of(std::chrono::seconds up, const std::filesystem::path& sys = "/sys/class");

// Addresses of its interfaces, those of a network before the loopback, IPv4 first; at most wire::kAddressesMax.
std::vector<std::string> own_addresses();

}  // namespace exogpu::node
