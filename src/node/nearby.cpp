#include "node/nearby.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <format>
#include <map>
#include <ranges>

#include "net/mdns/discovery.h"

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// After there is enough, for what is on its way.
constexpr milliseconds kSettleTime{300};

}  // namespace

Result<std::vector<net::DiscoveredNode>> discover_nodes(
    milliseconds timeout, const std::function<bool(const std::vector<net::DiscoveredNode>&)>& enough) {
  boost::asio::io_context io(1);
  std::map<wire::NodeId, net::DiscoveredNode> nodes;
  const auto seen = [&](const net::DiscoveredNode& node) { nodes[node.announcement.node] = node; };
  EXO_TRY(const auto discovery, net::Discovery::start(io.get_executor(), std::nullopt,
                                                      {.on_found = seen,
                                                       .on_changed = seen,
                                                       .on_gone = [&](wire::NodeId node) { nodes.erase(node); },
                                                       .on_trouble = {}}));
  const auto all = [&] { return nodes | std::views::values | std::ranges::to<std::vector>(); };
  auto until = Clock::now() + timeout;
  bool first = true;
  while (Clock::now() < until) {
    io.restart();
    io.run_for(milliseconds(50));
    if (!first || !enough || !enough(all())) continue;
    first = false;
    until = Clock::now() + kSettleTime;
  }
  return all();
}

std::vector<net::DiscoveredNode> admitting_nodes(wire::ClusterId cluster) {
  const auto does = [&](const net::DiscoveredNode& node) {
    return node.announcement.cluster == cluster && node.announcement.lets_in;
  };
  auto nodes = discover_nodes(milliseconds(3500), [&](const auto& seen) { return std::ranges::any_of(seen, does); });
  if (!nodes) return {};
  std::erase_if(*nodes, [&](const auto& node) { return !does(node); });
  return *std::move(nodes);
}

std::string names_of(const std::vector<net::DiscoveredNode>& nodes) {
  std::string names;
  for (const net::DiscoveredNode& node : nodes) {
    names += std::format("{}{} ({} port {})", names.empty() ? "" : ", ", node.announcement.name, node.addresses.front(),
                         node.announcement.port);
  }
  return names;
}

}  // namespace exogpu::node
