#include "node/join_by_code.h"

#include <format>
#include <utility>
#include <vector>

#include "node/host_name.h"
#include "node/nearby.h"
#include "node/pairing_call.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;

Result<net::DiscoveredNode> find_shown(milliseconds timeout) {
  const auto showing_of = [](std::vector<net::DiscoveredNode> nodes) {
    std::erase_if(nodes,
                  [](const net::DiscoveredNode& node) { return node.announcement.pairing != wire::CodeFrom::member; });
    return nodes;
  };
  // A second one may show a code, too.
  EXO_TRY(const auto nodes, discover_nodes(timeout, [&](const auto& seen) { return !showing_of(seen).empty(); }));
  const auto showing = showing_of(nodes);
  if (showing.size() == 1) return showing.front();
  if (!showing.empty()) {
    return fail(ErrorCode::failed_precondition, "several devices show a code: {}; name one with --node HOST:PORT",
                names_of(showing));
  }
  return fail(ErrorCode::not_found,
              "no device on this network shows a code; run `exogpu pair` on one of the cluster, or name it with --node "
              "HOST:PORT. {}",
              nodes.empty() ? "No node of exogpu was found at all; `exogpu doctor` may tell why"
                            : "Found, but showing none: " + names_of(nodes));
}

}  // namespace

Result<std::string> join_by_code(const security::PairingCode& code, const JoinByCode& options) {
  std::string name;
  std::vector<Address> addresses;
  if (options.at) {
    name = options.at->host;
    addresses.push_back(*options.at);
  } else {
    EXO_TRY(const net::DiscoveredNode found, find_shown(options.timeout));
    name = found.announcement.name;
    for (const std::string& address : found.addresses)
      addresses.push_back({.host = address, .port = found.announcement.port});
  }
  const net::PairingCall call{.code = code, .from = wire::CodeFrom::member, .name = host_name()};
  const auto joined = call_for_pairing(call, addresses).membership;
  if (!joined) return fail(joined.error().code, "{}: {}", name, joined.error().message);
  EXO_CHECK(security::IdentityStore(options.state, options.key_passphrase).adopt(*joined, true));
  return name;
}

}  // namespace exogpu::node
