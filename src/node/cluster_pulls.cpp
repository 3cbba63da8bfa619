#include "node/cluster_pulls.h"

#include <algorithm>
#include <format>

#include "cluster/names.h"
#include "node/pull_place.h"

namespace exogpu::node {

namespace {

constexpr std::chrono::milliseconds kStopLook{100};

}  // namespace

// What a pull on this node says, for all nodes. On the thread of the pulls.
class ClusterPulls::Reporter final : public PullListener {
 public:
  Reporter(ClusterPulls& pulls, wire::PullReport report) : pulls_(&pulls), report_(std::move(report)) {}

  void on_progress(const PullProgress& progress) override {
    const auto now = std::chrono::steady_clock::now();
    const bool begins = progress.file != report_.file || report_.files == 0;
    report_.file = static_cast<uint32_t>(progress.file);
    report_.files = static_cast<uint32_t>(progress.files);
    report_.done = progress.done;
    report_.total = progress.total;
    if (!begins && progress.done < progress.total && now < reported_at_ + kReportEvery) return;
    reported_at_ = now;
    publish();
  }
  void on_end(const Result<std::string>& name) override {
    report_.ended = true;
    if (name) {
      report_.model = *name;
    } else {
      report_.failure = name.error();
    }
    publish();
  }

 private:
  void publish() const {
    pulls_->host_.post([pulls = pulls_, report = report_] { pulls->publish(report); });
  }

  ClusterPulls* pulls_;
  wire::PullReport report_;
  std::chrono::steady_clock::time_point reported_at_{};
};

ClusterPulls::ClusterPulls(wire::NodeId self, Transport& transport, ClusterPullsHost host)
    : self_(self), transport_(&transport), host_(std::move(host)) {}

void ClusterPulls::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::PullQuery>([this](wire::NodeId from, const wire::PullQuery& message) { on_query(from, message); });
  dispatch.on<wire::PullRoom>([this](wire::NodeId from, const wire::PullRoom& message) { on_room(from, message); });
  dispatch.on<wire::PullModel>([this](wire::NodeId from, const wire::PullModel& message) { start(from, message); });
  dispatch.on<wire::PullCancel>(
      [this](wire::NodeId from, const wire::PullCancel& message) { stop({from, message.request}); });
  dispatch.on<wire::PullReport>([this](wire::NodeId from, const wire::PullReport& report) { on_report(from, report); });
}

// --- the thread that waits

void ClusterPulls::put(Wait& wait, wire::PullReport report) {
  const MutexLock lock(wait.mutex);
  wait.last = std::move(report);
  wait.is_new = true;
  wait.changed.notify_all();
}

Result<std::string> ClusterPulls::pull(const std::string& source, Bytes bytes, const Progress& progress,
                                       const std::stop_token& stop) {
  const auto wait = std::make_shared<Wait>();
  const uint64_t request = next_++;
  host_.post(
      [this, request, wait, source, bytes] { begin(request, {.wait = wait, .source = source, .bytes = bytes}); });
  while (!stop.stop_requested()) {
    wire::PullReport report;
    {
      MutexLock lock(wait->mutex);
      if (!wait->is_new) (void)wait->changed.wait_until(lock, std::chrono::steady_clock::now() + kStopLook);
      if (!std::exchange(wait->is_new, false)) continue;
      report = wait->last;
    }
    if (report.files > 0) {
      progress({.file = report.file, .files = report.files, .done = report.done, .total = report.total});
    }
    if (report.failure) return std::unexpected(*report.failure);
    if (report.ended) return report.model;
  }
  host_.post([this, request] { cancel(request); });
  return fail(ErrorCode::cancelled, "nobody waits for it any more; what has arrived stays for the next time");
}

// --- what was asked of this node

void ClusterPulls::begin(uint64_t request, Asked asked) {
  if (const auto own = host_.bytes_free()) asked.rooms.emplace(self_, *own);
  for (const wire::NodeId peer : transport_->connected_nodes()) {
    if (transport_->send_message(peer, wire::PullQuery{.request = request})) asked.unanswered.insert(peer);
  }
  asked.until = host_.now() + kAnswerMax;
  Asked& kept = asked_.emplace(request, std::move(asked)).first->second;
  if (kept.unanswered.empty()) choose(request, kept);
}

void ClusterPulls::on_query(wire::NodeId from, const wire::PullQuery& message) {
  (void)transport_->send_message(from, wire::PullRoom{.request = message.request, .bytes_free = host_.bytes_free()});
}

void ClusterPulls::on_room(wire::NodeId from, const wire::PullRoom& message) {
  const auto asked = asked_.find(message.request);
  if (asked == asked_.end() || asked->second.unanswered.erase(from) == 0 || asked->second.puller) return;
  if (message.bytes_free) asked->second.rooms.emplace(from, *message.bytes_free);
  if (asked->second.unanswered.empty()) choose(message.request, asked->second);
}

void ClusterPulls::choose(uint64_t request, Asked& asked) {
  const auto node = node_to_pull(host_.state(), asked.rooms, asked.bytes, self_);
  if (!node) return end(request, node.error());
  asked.puller = *node;
  const wire::PullModel message{.request = request, .source = asked.source};
  if (*node == self_) return start(self_, message);
  if (const auto sent = transport_->send_message(*node, message); !sent) end(request, sent.error());
}

void ClusterPulls::end(uint64_t request, const Error& why) {
  const auto asked = asked_.extract(request);
  if (asked.empty()) return;
  put(*asked.mapped().wait, {.asker = self_, .request = request, .source = {}, .ended = true, .failure = why});
}

void ClusterPulls::cancel(uint64_t request) {
  const auto asked = asked_.extract(request);
  if (asked.empty() || !asked.mapped().puller) return;
  const wire::NodeId puller = *asked.mapped().puller;
  if (puller == self_) return stop({self_, request});
  (void)transport_->send_message(puller, wire::PullCancel{.request = request});
}

void ClusterPulls::tick(cluster::Time now) {
  std::vector<uint64_t> due;
  for (const auto& [request, asked] : asked_) {
    if (!asked.puller && now >= asked.until) due.push_back(request);
  }
  for (const uint64_t request : due) choose(request, asked_.at(request));
}

void ClusterPulls::on_link_down(wire::NodeId peer) {
  const size_t gone = std::erase_if(reports_, [&](const auto& each) { return each.first.first == peer; });
  std::vector<uint64_t> lost, answered;
  for (auto& [request, asked] : asked_) {
    if (asked.puller == peer) lost.push_back(request);
    if (asked.unanswered.erase(peer) > 0 && asked.unanswered.empty() && !asked.puller) answered.push_back(request);
  }
  for (const uint64_t request : answered) choose(request, asked_.at(request));
  const std::string name = cluster::name_of(host_.state().nodes, peer);
  for (const uint64_t request : lost) {
    end(request, {ErrorCode::unavailable,
                  std::format("node {}, which pulls the model, is gone; ask again, and another node does it", name)});
  }
  if (gone > 0 && host_.on_change) host_.on_change();
}

// --- what this node pulls

void ClusterPulls::start(wire::NodeId asker, const wire::PullModel& message) {
  const Job job(asker, message.request);
  const auto [known, is_new] = jobs_.try_emplace(job);
  if (!is_new) return;
  wire::PullReport report{.asker = asker, .request = message.request, .source = message.source};
  publish(report);
  host_.fetch(message.source, std::make_shared<Reporter>(*this, std::move(report)), known->second.get_token());
}

// Also those of nodes that went away go on: what was asked for is wanted all the same.
void ClusterPulls::stop(const Job& job) {
  const auto known = jobs_.find(job);
  if (known != jobs_.end()) known->second.request_stop();
}

void ClusterPulls::publish(const wire::PullReport& report) {
  if (report.ended) jobs_.erase({report.asker, report.request});
  transport_->broadcast(report);
  on_report(self_, report);
}

void ClusterPulls::on_report(wire::NodeId from, const wire::PullReport& report) {
  const std::pair key(from, Job(report.asker, report.request));
  if (report.ended) {
    reports_.erase(key);
  } else if (reports_.size() < kReportsMax || reports_.contains(key)) {
    reports_.insert_or_assign(key, report);
  }
  if (host_.on_change) host_.on_change();
  const auto asked = report.asker == self_ ? asked_.find(report.request) : asked_.end();
  if (asked == asked_.end() || asked->second.puller != from) return;
  put(*asked->second.wait, report);
  if (report.ended) asked_.erase(asked);
}

std::vector<std::pair<wire::NodeId, wire::PullReport>> ClusterPulls::reports() const {
  std::vector<std::pair<wire::NodeId, wire::PullReport>> list;
  for (const auto& [key, report] : reports_) list.emplace_back(key.first, report);
  return list;
}

}  // namespace exogpu::node
