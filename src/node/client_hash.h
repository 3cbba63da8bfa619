// Hashes under which nodes know the clients of the API, so that no key travels between them.
#pragma once

#include <string>
#include <string_view>

#include "wire/ids.h"

namespace exogpu::node {

// For fair queueing: of whatever tells clients apart, the same at every node.
wire::ClientId client_id(std::string_view identity);

// For access to what a client has created: 32 bytes.
std::string client_hash(std::string_view identity);

}  // namespace exogpu::node
