#include "node/status.h"

#include <algorithm>
#include <format>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "cluster/fold.h"
#include "cluster/names.h"

namespace exogpu::node {
namespace {

void add_predictions(ClusterSnapshot& snapshot, const ClusterKnowledge& known) {
  if (!known.predict) return;
  for (LibraryEntrySnapshot& entry : snapshot.library) {
    const auto prediction = known.predict(entry.model);
    if (!prediction) continue;
    entry.predicted = PredictedRun{.speed = prediction->speed, .reason = prediction->reason};
    for (const wire::DeviceRef& device : prediction->devices) {
      entry.predicted->devices.push_back(cluster::name_of(known.state.nodes, device));
    }
  }
}

}  // namespace

void Status::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::StageProgress>(
      [this](wire::NodeId from, wire::StageProgress report) { on_report(from, std::move(report)); });
}

void Status::set_changed() {
  if (!std::exchange(changed_, true)) wake_at_(updated_at_ + kInterval);
}

void Status::update(cluster::Time now) {
  if (!changed_ || now < updated_at_ + kInterval) return;
  changed_ = false;
  updated_at_ = now;
  const ClusterKnowledge known = knowledge_();
  std::erase_if(reports_,
                [&](const auto& entry) { return cluster::planned_in(known.state, entry.second.epoch) == nullptr; });
  ClusterSnapshot next = snapshot_of(known.state, known.leader, known.no_leader_reason, reports_);
  for (NodeSnapshot& node : next.nodes) node.role = known.role ? known.role(node.id) : std::nullopt;
  add_predictions(next, known);
  for (const auto& [node, pull] : known.pulls) {
    next.pulls.push_back({.source = pull.source,
                          .node = cluster::name_of(known.state.nodes, node),
                          .file = pull.file,
                          .files = pull.files,
                          .done = pull.done,
                          .total = pull.total});
  }
  const auto before = snapshot();
  for (ModelSnapshot& model : next.models) {
    if (model.serving) model.serving_since = std::chrono::system_clock::now();
    const auto same = std::ranges::find(before->models, model.content, &ModelSnapshot::content);
    if (same == before->models.end()) continue;
    if (model.serving && same->serving) model.serving_since = same->serving_since;
    model.live = same->live;
    model.used_at = same->used_at;
  }
  if (known.self && known.state.nodes.contains(*known.self))
    next.self = cluster::name_of(known.state.nodes, *known.self);
  next.weights = before->weights;
  next.model_file_error = before->model_file_error;
  next.identity_conflicts = before->identity_conflicts;
  publish(std::move(next));
}

void Status::publish(ClusterSnapshot next) {
  const MutexLock lock(mutex_);
  next.version = snapshot_->version;
  if (next == *snapshot_) return;
  ++next.version;
  snapshot_ = std::make_shared<const ClusterSnapshot>(std::move(next));
  published_.notify_all();
}

void Status::set_live(const std::map<std::string, LiveRates>& live, const WeightTraffic& weights,
                      const UnusedFor& unused) {
  constexpr std::chrono::seconds step{10};
  const auto now = std::chrono::system_clock::now();
  ClusterSnapshot next = *snapshot();
  for (ModelSnapshot& model : next.models) {
    const auto rates = live.find(model.content);
    model.live = rates == live.end() ? std::nullopt : std::optional(rates->second);
    const auto since = unused.find(model.content);
    if (since == unused.end()) continue;
    const auto used_at = now - std::chrono::duration_cast<std::chrono::system_clock::duration>(since->second);
    if (!model.used_at || used_at >= *model.used_at + step) model.used_at = used_at;
  }
  next.weights = weights;
  publish(std::move(next));
}

void Status::set_model_file_error(std::string error) {
  ClusterSnapshot next = *snapshot();
  next.model_file_error = std::move(error);
  publish(std::move(next));
}

void Status::add_identity_conflict(IdentityConflict conflict) {
  ClusterSnapshot next = *snapshot();
  std::erase_if(next.identity_conflicts, [&](const auto& earlier) { return earlier.node == conflict.node; });
  next.identity_conflicts.push_back(std::move(conflict));
  publish(std::move(next));
}

void Status::set_own_reports(StageReports reports) {
  if (reports == own_reports_) return;
  for (const auto& [stage, report] : reports) {
    const auto sent = own_reports_.find(stage);
    if (sent != own_reports_.end() && sent->second == report) continue;
    reports_[stage] = report;
    transport_->broadcast(report);
  }
  own_reports_ = std::move(reports);
  set_changed();
}

void Status::greet(wire::NodeId peer) {
  for (const auto& [stage, report] : own_reports_) (void)transport_->send_message(peer, report);
}

void Status::on_report(wire::NodeId from, wire::StageProgress report) {
  const ClusterKnowledge known = knowledge_();
  const wire::ModelRecord* model = cluster::planned_in(known.state, report.epoch);
  if (model == nullptr) return;
  const auto& stages = model->plan->made.plan.stages;
  if (report.stage >= stages.size() || stages[report.stage].device.node != from) return;
  const auto key = std::pair(report.epoch, report.stage);
  reports_.insert_or_assign(key, std::move(report));
  set_changed();
}

// --- any thread

std::shared_ptr<const ClusterSnapshot> Status::snapshot() const {
  const MutexLock lock(mutex_);
  return snapshot_;
}

std::shared_ptr<const ClusterSnapshot> Status::wait(uint64_t version, std::chrono::milliseconds timeout) const {
  const auto end = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  while (!stopped_ && snapshot_->version <= version && published_.wait_until(lock, end)) {
  }
  return snapshot_;
}

void Status::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  published_.notify_all();
}

Result<wire::NodeId> Status::find_node(std::string_view name) const {
  const auto now = snapshot();
  std::set<std::string_view> names;
  for (const NodeSnapshot& node : now->nodes) {
    if (node.name == name || node.id.text() == name) return node.id;
    names.insert(node.name);
  }
  std::string all;
  for (const std::string_view each : names) all += std::format("{}{}", all.empty() ? "" : ", ", each);
  return fail(ErrorCode::not_found, "there is no node \"{}\"; here are: {}", printable(std::string(name)), all);
}

}  // namespace exogpu::node
