// What a node reports of itself: to the cluster, and to those who look at its status.
#include <utility>

#include "node/node_impl.h"

namespace exogpu::node {

void Node::Impl::report_stages() {
  agent_->change([&](cluster::Agent& agent, cluster::Time at) {
    for (const auto& [content, worker] : workers_->all()) {
      agent.set_stages(content, worker->epoch(), worker->stages(), at);
    }
    agent.set_busy(busy(), at);
  });
}

// Once what has ended is over at the ring as well.
void Node::Impl::report_busy_soon() {
  if (std::exchange(timers_.busy_due, true)) return;
  loop_.post([this] {
    timers_.busy_due = false;
    agent_->change([this](cluster::Agent& agent, cluster::Time at) { agent.set_busy(busy(), at); });
  });
}

void Node::Impl::report_condition() {
  agent_->change([this](cluster::Agent& agent, cluster::Time at) {
    wire::NodeCondition condition = condition_.current(workers_->local_plans());
    condition.memory = memory_->condition();
    condition.speeds = speeds_.reported();
    condition.links = link_speeds_.reported();
    condition.owner = owner_;
    condition.limits = options_.limits;
    agent.set_condition(condition, at);
  });
}

std::map<std::string, LiveRates> Node::Impl::live_rates(cluster::Time now) {
  std::map<std::string, LiveRates> rates;
  for (const auto& [content, worker] : workers_->all()) {
    if (const auto* driver = worker->driver()) rates.emplace(content, requests_->measure(content, *driver, now));
  }
  return rates;
}

StageReports Node::Impl::own_reports() const {
  StageReports reports;
  for (const auto& [content, worker] : workers_->all()) {
    if (!worker->plan()) continue;
    const wire::PlanEpoch epoch = worker->plan()->epoch;
    for (const auto& [stage, resident] : worker->local_plan().stages) {
      wire::StageProgress report{.epoch = epoch, .stage = stage, .activity = worker->doing().why};
      const auto found = worker->progress().find(stage);
      if (found != worker->progress().end()) {
        report.done = found->second.done;
        report.total = found->second.total;
      }
      if (resident.progress == cluster::StageReadiness::warm && stage < worker->plan()->stages.size()) {
        const wire::PlannedStage& planned = worker->plan()->stages[stage];
        const std::string notes = shards_->notes_of(content, planned.device.device, planned.layers);
        if (!notes.empty()) report.activity = notes;
      }
      reports.emplace(std::pair(epoch, stage), std::move(report));
    }
  }
  return reports;
}

}  // namespace exogpu::node
