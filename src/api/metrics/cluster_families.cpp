#include <algorithm>
#include <map>

#include "api/metrics/families.h"

namespace exogpu::api {
namespace {

const node::NodeSnapshot* own_node(const MetricsInput& input) {
  const auto found = std::ranges::find(input.cluster.nodes, input.node.self, &node::NodeSnapshot::id);
  return found == input.cluster.nodes.end() ? nullptr : &*found;
}

void add_links(PrometheusText& out, const MetricsInput& input, const node::NodeSnapshot& self) {
  std::map<wire::NodeId, std::string_view> names;
  for (const node::NodeSnapshot& node : input.cluster.nodes) {
    if (node.online) names.emplace(node.id, node.name);
  }
  const auto each = [&](std::string_view name, std::string_view help, const auto& value_of) {
    out.begin(name, "gauge", help);
    for (size_t i = 0; i < std::min(self.links.size(), kSeriesMax); ++i) {
      const node::LinkSnapshot& link = self.links[i];
      const auto to = names.find(link.to);
      const std::optional<double> value = value_of(link);
      if (to != names.end() && value) out.add(*value, {{"to", to->second}});
    }
  };
  using Link = node::LinkSnapshot;
  using Value = std::optional<double>;
  each("exogpu_link_delay_seconds", "Delay of the link, one way.", [](const Link& l) -> Value { return l.delay_s; });
  each("exogpu_link_jitter_seconds", "Difference of consecutive round trips.",
       [](const Link& l) -> Value { return l.jitter_s; });
  each("exogpu_link_loss_ratio", "Share of the bytes that were sent again.",
       [](const Link& l) -> Value { return l.loss; });
  each("exogpu_link_rate_bytes_per_second", "Measured rate of the link.", [](const Link& l) { return l.bytes_per_s; });
  each("exogpu_link_avoided", "Whether plans avoid the link since it broke repeatedly.",
       [](const Link& l) -> Value { return l.avoided ? 1 : 0; });
}

void add_alerts(PrometheusText& out, const std::vector<wire::Alert>& alerts) {
  out.begin("exogpu_alert", "gauge", "An alert of the cluster that holds now; every node has the same ones.");
  for (size_t i = 0; i < std::min(alerts.size(), kSeriesMax); ++i) {
    const wire::Alert& alert = alerts[i];
    out.add(1, {{"name", alert.name},
                {"severity", to_string(alert.severity)},
                {"node", alert.node},
                {"subject", alert.subject}});
  }
}

}  // namespace

void add_cluster(PrometheusText& out, const MetricsInput& input) {
  const node::ClusterSnapshot& cluster = input.cluster;
  const node::NodeSnapshot* self = own_node(input);
  out.begin("exogpu_cluster_term", "gauge", "Counter of the term in which the leader leads.");
  out.add(static_cast<double>(cluster.term));
  out.begin("exogpu_cluster_has_leader", "gauge", "Whether this node obeys a leader.");
  out.add(cluster.leader ? 1 : 0);
  out.begin("exogpu_cluster_leads", "gauge", "Whether this node leads.");
  out.add(self != nullptr && self->leader ? 1 : 0);
  out.begin("exogpu_cluster_leader_changes_total", "counter", "Leaders that this node began to obey since its start.");
  out.add(static_cast<double>(input.node.cluster.leader_changes));
  out.begin("exogpu_cluster_plans_total", "counter", "Plans since this node's start, by why they were made.");
  for (const char* reason : {"first", "replanned", "node_lost", "device_failed"}) {
    const auto found = input.node.cluster.plans.find(reason);
    out.add(found == input.node.cluster.plans.end() ? 0 : static_cast<double>(found->second), {{"reason", reason}});
  }
  out.begin("exogpu_cluster_nodes", "gauge", "Nodes of the cluster.");
  const auto online = std::ranges::count_if(cluster.nodes, &node::NodeSnapshot::online);
  out.add(static_cast<double>(online), {{"state", "online"}});
  out.add(static_cast<double>(std::ssize(cluster.nodes) - online), {{"state", "offline"}});
  out.begin("exogpu_weights_sent_bytes_total", "counter", "Weights sent to other nodes.");
  out.add(static_cast<double>(cluster.weights.sent));
  out.begin("exogpu_weights_received_bytes_total", "counter", "Weights received from other nodes.");
  out.add(static_cast<double>(cluster.weights.received));
  if (self != nullptr) add_links(out, input, *self);
  add_alerts(out, input.alerts);
}

}  // namespace exogpu::api
