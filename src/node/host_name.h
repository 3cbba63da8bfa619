// What this machine is called.
#pragma once

#include <string>

namespace exogpu::node {

// By the system; text that can be shown, "node" when it has none.
std::string host_name();

}  // namespace exogpu::node
