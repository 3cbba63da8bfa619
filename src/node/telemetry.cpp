#include "node/telemetry.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace exogpu::node {
namespace {

using telemetry::Time;

int64_t steady_ms(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

bool same_thing(const wire::Alert& a, const wire::Alert& b) {
  return std::tie(a.name, a.node, a.subject) == std::tie(b.name, b.node, b.subject);
}

bool has(const std::vector<wire::Alert>& alerts, const wire::Alert& alert) {
  return std::ranges::any_of(alerts, [&](const wire::Alert& each) { return same_thing(each, alert); });
}

}  // namespace

void Telemetry::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::TelemetryRegistration>([this](wire::NodeId from, const wire::TelemetryRegistration& message) {
    const MutexLock lock(mutex_);
    collection_.on_registration(from, message, telemetry::Clock::now());
  });
  dispatch.on<wire::TelemetryHeartbeat>([this](wire::NodeId from, const wire::TelemetryHeartbeat& message) {
    const MutexLock lock(mutex_);
    collection_.on_heartbeat(from, message, telemetry::Clock::now(), host_.unix_ms());
  });
  dispatch.on<wire::TelemetryWatch>([this](wire::NodeId from, const wire::TelemetryWatch& message) {
    watchers_[from] = telemetry::Clock::now() + std::chrono::seconds(message.seconds);
  });
  dispatch.on<wire::AlertsReported>(
      [this](wire::NodeId from, wire::AlertsReported message) { on_alerts(from, std::move(message)); });
}

std::set<wire::NodeId> Telemetry::receivers(Time now) {
  std::erase_if(watchers_, [&](const auto& watcher) { return watcher.second <= now; });
  std::set<wire::NodeId> wanted;
  for (const auto& [node, until] : watchers_) wanted.insert(node);
  if (const auto leader = host_.leader(); leader && *leader != self_) wanted.insert(*leader);
  std::set<wire::NodeId> connected;
  for (const wire::NodeId node : transport_->connected_nodes()) {
    if (wanted.contains(node)) connected.insert(node);
  }
  return connected;
}

void Telemetry::send(wire::NodeId to, const telemetry::Report& report) {
  bool sent = true;
  if (report.registration) sent = transport_->send_message(to, *report.registration).has_value();
  if (report.heartbeat) sent = sent && transport_->send_message(to, *report.heartbeat).has_value();
  // A receiver that missed something gets all of it next time.
  if (!sent) welcomed_.erase(to);
}

void Telemetry::report(const telemetry::Sample& sample) {
  const uint64_t unix_ms = host_.unix_ms();
  const std::set<wire::NodeId> nodes = receivers(sample.at);
  std::erase_if(welcomed_, [&](wire::NodeId node) { return !nodes.contains(node); });
  const telemetry::Report report = reporter_.update(sample, host_.busy() || !watchers_.empty(), unix_ms);
  for (const wire::NodeId node : nodes) {
    if (welcomed_.insert(node).second) {
      send(node, reporter_.welcome(unix_ms));
    } else {
      send(node, report);
    }
  }
}

void Telemetry::watch(Time now) {
  const int64_t asked = asked_at_ms_.load();
  const bool wanted = asked != 0 && steady_ms(now) - asked < std::chrono::milliseconds(kWatchFor).count();
  if (!wanted || leads()) {
    watched_at_.reset();
    watching_since_.reset();
  } else if (!watched_at_ || now - *watched_at_ >= kWatchAgainAfter) {
    watched_at_ = now;
    if (!watching_since_) watching_since_ = now;
    transport_->broadcast(wire::TelemetryWatch{.seconds = static_cast<uint32_t>(kWatchFor.count())});
  }
  const bool complete = leads() || (watching_since_ && now - *watching_since_ >= 2 * telemetry::kSampleEvery);
  const MutexLock lock(mutex_);
  complete_ = complete;
}

void Telemetry::on_sample(telemetry::Sample sample) {
  host_.on_sample(sample);
  {
    const MutexLock lock(mutex_);
    collection_.on_sample(self_, sample);
    collection_.advance(sample.at);
  }
  report(sample);
  watch(sample.at);
  if (++samples_ % 2 == 0) judge(sample.at);
}

void Telemetry::judge(Time now) {
  const bool leading = leads();
  const bool became_leader = leading && !led_;
  led_ = leading;
  if (became_leader) rules_.adopt(std::exchange(of_leader_, {}));
  std::vector<telemetry::NodeTelemetry> nodes;
  if (leading) {
    const MutexLock lock(mutex_);
    nodes = collection_.nodes(now, {});
  }
  const bool changed = rules_.update(host_.facts(leading, std::move(nodes)), now, host_.unix_ms());
  if (leading && (changed || became_leader)) transport_->broadcast(wire::AlertsReported{.alerts = rules_.alerts()});
  if (changed) publish_alerts();
}

void Telemetry::on_alerts(wire::NodeId from, wire::AlertsReported message) {
  if (from != host_.leader() || from == self_) return;
  of_leader_ = std::move(message.alerts);
  publish_alerts();
}

void Telemetry::publish_alerts() {
  std::vector<wire::Alert> now = leads() ? std::vector<wire::Alert>() : of_leader_;
  for (const wire::Alert& alert : rules_.alerts()) {
    if (!has(now, alert)) now.push_back(alert);
  }
  std::vector<wire::Alert> before;
  {
    const MutexLock lock(mutex_);
    before = std::exchange(alerts_, now);
  }
  if (!host_.on_alert) return;
  for (const wire::Alert& alert : now) {
    if (!has(before, alert)) host_.on_alert(alert, true);
  }
  for (const wire::Alert& alert : before) {
    if (!has(now, alert)) host_.on_alert(alert, false);
  }
}

void Telemetry::on_link_up(wire::NodeId peer) {
  if (watched_at_) {
    (void)transport_->send_message(peer, wire::TelemetryWatch{.seconds = static_cast<uint32_t>(kWatchFor.count())});
  }
  if (leads()) (void)transport_->send_message(peer, wire::AlertsReported{.alerts = rules_.alerts()});
}

void Telemetry::on_link_down(wire::NodeId peer) {
  welcomed_.erase(peer);
  watchers_.erase(peer);
  const MutexLock lock(mutex_);
  collection_.on_lost(peer);
}

telemetry::TelemetrySnapshot Telemetry::snapshot(const telemetry::HistoryQuery& query) const {
  const Time now = telemetry::Clock::now();
  if (query.all) asked_at_ms_ = steady_ms(now);
  telemetry::TelemetrySnapshot snapshot;
  snapshot.step_s = query.coarse ? 10 : 0.5;
  const MutexLock lock(mutex_);
  snapshot.complete = complete_;
  snapshot.nodes = collection_.nodes(now, query);
  if (!query.all) std::erase_if(snapshot.nodes, [this](const auto& node) { return node.node != self_; });
  return snapshot;
}

std::vector<wire::Alert> Telemetry::alerts() const {
  const MutexLock lock(mutex_);
  return alerts_;
}

}  // namespace exogpu::node
