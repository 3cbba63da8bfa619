#include "node/join_by_code.h"

#include <boost/asio/io_context.hpp>
#include <format>
#include <map>
#include <utility>
#include <vector>

#include "net/mdns/discovery.h"
#include "net/tcp/join.h"
#include "security/identity_store.h"

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// After the first device that shows a code was seen, for a second one.
constexpr milliseconds kOthers{300};

Result<security::Identity> pair(const security::PairingCode& code, const Address& at) {
  boost::asio::io_context io(1);
  std::optional<Result<security::Identity>> paired;
  net::pair_with(io.get_executor(), at.host, at.port, code,
                 [&](Result<security::Identity> answer) { paired = std::move(answer); });
  io.run();
  if (!paired) return fail(ErrorCode::internal, "pairing ended without an answer");
  return *std::move(paired);
}

Result<net::DiscoveredNode> find_shown(milliseconds patience) {
  boost::asio::io_context io(1);
  std::map<wire::NodeId, net::DiscoveredNode> nodes;
  const auto seen = [&](const net::DiscoveredNode& node) { nodes[node.said.node] = node; };
  EXO_TRY(const auto discovery, net::Discovery::start(io.get_executor(), std::nullopt,
                                                      {.on_found = seen,
                                                       .on_changed = seen,
                                                       .on_gone = [&](wire::NodeId node) { nodes.erase(node); },
                                                       .on_trouble = {}}));
  std::vector<net::DiscoveredNode> showing;
  auto until = Clock::now() + patience;
  while (Clock::now() < until) {
    io.restart();
    io.run_for(milliseconds(50));
    const bool first = showing.empty();
    showing.clear();
    for (const auto& [id, node] : nodes) {
      if (node.said.pairing) showing.push_back(node);
    }
    if (first && !showing.empty()) until = Clock::now() + kOthers;
  }
  if (showing.size() == 1) return showing.front();
  std::string names;
  for (const auto& [id, node] : nodes) {
    if (!showing.empty() && !node.said.pairing) continue;
    names += std::format("{}{} ({} port {})", names.empty() ? "" : ", ", node.said.name, node.addresses.front(),
                         node.said.port);
  }
  if (!showing.empty()) {
    return fail(ErrorCode::failed_precondition, "several devices show a code: {}; name one with --node HOST:PORT",
                names);
  }
  return fail(ErrorCode::not_found,
              "no device on this network shows a code; run `exogpu pair` on one of the cluster, or name it with --node "
              "HOST:PORT. {}",
              names.empty() ? "No node of exogpu was found at all" : "Found, but showing none: " + names);
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
