#include "node/join_by_code.h"

#include <boost/asio/io_context.hpp>
#include <format>
#include <utility>
#include <vector>

#include "net/tcp/join.h"
#include "node/nearby.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;

Result<security::Membership> pair(const security::PairingCode& code, const Address& at) {
  boost::asio::io_context io(1);
  std::optional<Result<security::Membership>> paired;
  net::pair_with(io.get_executor(), at.host, at.port, code,
                 [&](Result<security::Membership> answer) { paired = std::move(answer); });
  io.run();
  if (!paired) return fail(ErrorCode::internal, "pairing ended without an answer");
  return *std::move(paired);
}

Result<net::DiscoveredNode> find_shown(milliseconds patience) {
  const auto showing_of = [](std::vector<net::DiscoveredNode> nodes) {
    std::erase_if(nodes, [](const net::DiscoveredNode& node) { return !node.said.pairing; });
    return nodes;
  };
  // A second one may show a code, too.
  EXO_TRY(const auto nodes, nodes_nearby(patience, [&](const auto& seen) { return !showing_of(seen).empty(); }));
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
    EXO_TRY(const net::DiscoveredNode found, find_shown(options.patience));
    name = found.said.name;
    for (const std::string& address : found.addresses) addresses.push_back({.host = address, .port = found.said.port});
  }
  Error last{ErrorCode::unavailable, "it has no address"};
  for (const Address& address : addresses) {
    auto joined = pair(code, address);
    if (joined) {
      EXO_CHECK(security::IdentityStore(options.state).adopt(*joined, true));
      return name;
    }
    last = joined.error();
    if (last.code != ErrorCode::unavailable && last.code != ErrorCode::deadline_exceeded) break;
  }
  return fail(last.code, "{}: {}", name, last.message);
}

}  // namespace exogpu::node
