#include "worker/model_workers.h"

#include <algorithm>

namespace exogpu::worker {

using cluster::Time;

ModelWorkers::ModelWorkers(wire::NodeId self, std::string name, StageBackend& backend, WorkerHost host)
    : self_(self), name_(std::move(name)), backend_(backend), host_(std::move(host)) {}

Worker& ModelWorkers::make(const std::string& content) {
  std::unique_ptr<Worker>& worker = workers_[content];
  if (worker) return *worker;
  WorkerHost host = host_;
  host.may_load = [this, content] { return may_load(content); };
  worker = std::make_unique<Worker>(self_, name_, content, epochs_[content], backend_, std::move(host));
  return *worker;
}

// The host may make further workers meanwhile.
std::vector<Worker*> ModelWorkers::pointers() const {
  std::vector<Worker*> out;
  for (const auto& [content, worker] : workers_) out.push_back(worker.get());
  return out;
}

void ModelWorkers::follow(const wire::ReplicatedState& state, bool obeys, Time now) {
  obeys_ = obeys;
  for (const auto& [content, model] : state.models) make(content);
  for (Worker* worker : pointers()) worker->follow(state, obeys, now);
  share_memory(now);
}

void ModelWorkers::tick(Time now) {
  remove_finished();
  for (Worker* worker : pointers()) worker->tick(now);
  share_memory(now);
}

void ModelWorkers::set_memory_short(bool is_short, Time now) {
  memory_short_ = is_short;
  share_memory(now);
}

// Models that wait for memory get that of plans that have ended.
void ModelWorkers::share_memory(Time now) {
  const std::vector<Worker*> workers = pointers();
  const bool needed = memory_short_ || std::ranges::any_of(workers, &Worker::waits_for_memory);
  for (Worker* worker : workers) worker->set_memory_needed(needed && !worker->waits_for_memory(), now);
  for (Worker* worker : workers) {
    if (worker->waits_for_memory()) worker->tick(now);
  }
}

bool ModelWorkers::may_load(const std::string& content) const {
  return std::ranges::none_of(workers_,
                              [&](const auto& each) { return each.first != content && each.second->holds_more(); });
}

void ModelWorkers::remove_finished() {
  if (!obeys_) return;
  std::erase_if(workers_, [&](const auto& each) {
    if (!each.second->over()) return false;
    epochs_[each.first] = each.second->epoch();
    return true;
  });
}

std::optional<Time> ModelWorkers::wake() const {
  std::optional<Time> next;
  for (const auto& [content, worker] : workers_) {
    const auto at = worker->wake();
    if (at) next = next ? std::min(*next, *at) : at;
  }
  return next;
}

void ModelWorkers::link_lost(wire::NodeId peer, const Error& why, Time now) {
  for (Worker* worker : pointers()) worker->link_lost(peer, why, now);
}

void ModelWorkers::stop(const Error& why) {
  for (Worker* worker : pointers()) worker->stop(why);
}

Worker* ModelWorkers::find(const std::string& content) const {
  const auto found = workers_.find(content);
  return found == workers_.end() ? nullptr : found->second.get();
}

Worker* ModelWorkers::find(wire::PlanEpoch epoch) const {
  const auto found = std::ranges::find_if(
      workers_, [&](const auto& each) { return each.second->plan() && each.second->plan()->epoch == epoch; });
  return found == workers_.end() ? nullptr : found->second.get();
}

pipeline::Ring* ModelWorkers::ring(wire::PlanEpoch epoch) const {
  Worker* worker = find(epoch);
  return worker == nullptr ? nullptr : worker->ring();
}

pipeline::Driver* ModelWorkers::driver(wire::PlanEpoch epoch) const {
  Worker* worker = find(epoch);
  return worker == nullptr ? nullptr : worker->driver();
}

std::vector<const cluster::LocalPlan*> ModelWorkers::local_plans() const {
  std::vector<const cluster::LocalPlan*> out;
  for (const auto& [content, worker] : workers_) out.push_back(&worker->local_plan());
  return out;
}

std::set<std::string> ModelWorkers::busy() const {
  std::set<std::string> out;
  for (const auto& [content, worker] : workers_) {
    if (worker->busy()) out.insert(content);
  }
  return out;
}

}  // namespace exogpu::worker
