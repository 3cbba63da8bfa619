#include "node/client_hash.h"

#include <cstring>
#include <span>

#include "security/hash.h"

namespace exogpu::node {

std::string client_hash(std::string_view identity) {
  const security::Sha256 hash = security::sha256(std::as_bytes(std::span(identity)));
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

wire::ClientId client_id(std::string_view identity) {
  uint64_t number = 0;
  std::memcpy(&number, client_hash(identity).data(), sizeof(number));
  return wire::ClientId(number);
}

}  // namespace exogpu::node
