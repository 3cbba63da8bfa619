// What a node does with the samples of its machine.
#include <algorithm>
#include <format>
#include <utility>

#include "base/log.h"
#include "node/alert_facts.h"
#include "node/day_hours.h"
#include "node/node_impl.h"
#include "telemetry/machine_source.h"
#include "worker/step_comparison.h"

namespace exogpu::node {
namespace {

uint64_t unix_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

// The memory that this node's stages which are ready take on a device, of all models.
Bytes shard_bytes(const wire::ReplicatedState& state, const wire::DeviceRef& device) {
  Bytes sum = 0;
  for (const auto& [content, model] : state.models) {
    if (!model.plan) continue;
    const wire::PlanMade& made = model.plan->made;
    for (size_t i = 0; i < made.plan.stages.size(); ++i) {
      const bool ready = model.plan->stages[i].phase == wire::StagePhase::ready;
      if (ready && made.plan.stages[i].device == device) sum += made.stage_bytes[i];
    }
  }
  return sum;
}

}  // namespace

void Node::Impl::make_telemetry() {
  telemetry_.emplace(
      self(), resources_.incarnation, *peers_,
      TelemetryHost{.leader = [this] { return agent_->leader(); },
                    .busy = [this] { return !busy().empty(); },
                    .on_sample = [this](telemetry::Sample& sample) { on_sample(sample); },
                    .facts = [this](bool leads, auto nodes) { return alert_facts(leads, std::move(nodes)); },
                    .on_alert =
                        [this](const wire::Alert& alert, bool begun) {
                          log::warning("telemetry", "{} {}: {}{}{}: {}", alert.name, begun ? "begins" : "has ended",
                                       alert.node, alert.subject.empty() ? "" : "/", alert.subject, alert.summary);
                          remember_event(begun && alert.severity == wire::Severity::critical ? log::Level::error
                                         : begun                                             ? log::Level::warning
                                                                                             : log::Level::info,
                                         std::format("{}: {}{}{}: {}", begun ? "alert" : "no longer", alert.node,
                                                     alert.subject.empty() || alert.node.empty() ? "" : "/",
                                                     alert.subject, alert.summary));
                          if (options_.on_alert) options_.on_alert(alert, begun);
                        },
                    .unix_ms = unix_ms});
}

void Node::Impl::start_sampler() {
  telemetry::MachineOptions machine{.name = options_.name, .cache = options_.cache};
  machine.sources.root = options_.sensor_root;
  for (const gpu::Device& device : resources_.machine.devices()) {
    const auto has = [&](const wire::DeviceProfile& each) { return has_member(each.id.device, device.info().id); };
    if (std::ranges::any_of(resources_.devices, has)) machine.devices.push_back(device.info());
  }
  const auto source = std::make_shared<telemetry::MachineSource>(std::move(machine));
  sampler_.emplace(
      [source, change = options_.adjust_readings](telemetry::Time now) {
        telemetry::Sample sample = source->read(now);
        if (change) adjust(sample, change);
        return sample;
      },
      [this](telemetry::Sample sample) {
        loop_.post([this, sample = std::move(sample)]() mutable { telemetry_->on_sample(std::move(sample)); });
      });
}

void Node::Impl::on_sample(telemetry::Sample& sample) {
  for (size_t i = 1; i < sample.subjects.size(); ++i) {
    const Bytes bytes = shard_bytes(agent_->state(), {.node = self(), .device = sample.subjects[i].id});
    sample.values[i][wire::Metric::shard_bytes] = static_cast<double>(bytes);
  }
  link_history_.observe(*status_->snapshot(), sample.at);
  on_heat(sample);
  cluster::SensorReadings readings = sensor_readings(sample);
  heat_->add_to(readings);
  bool changed = condition_.update(readings, sample.at);
  changed = compare_steps(sample.at) || changed;
  changed = look_at_owner() || changed;
  if (changed) report_condition();
  if (memory_->update(sample.memory, sample.at)) on_memory();
}

bool Node::Impl::compare_steps(telemetry::Time now) {
  for (const auto& [device, pacer] : heat_->pacers()) {
    const wire::DeviceRef ref{.node = self(), .device = device};
    worker::compare_steps(speeds_, agent_->state(), ref, pacer->take_records(), now);
  }
  for (const auto& [content, worker] : workers_->all()) {
    if (auto* driver = worker->driver(); driver != nullptr && worker->plan())
      worker::compare_trips(link_speeds_, agent_->state(), *worker->plan(), driver->take_trips(), now);
  }
  const std::vector<wire::MeasuredSpeed> speeds = speeds_.reported();
  const std::vector<wire::MeasuredLink> links = link_speeds_.reported();
  const bool devices_changed = speeds_.update(now) != speeds;
  return link_speeds_.update(now) != links || devices_changed;
}

bool Node::Impl::look_at_owner() {
  wire::OwnerRules now = rules_at(options_.limits, options_.circuit, local_hour(std::chrono::system_clock::now()));
  return std::exchange(owner_, now) != now;
}

telemetry::AlertFacts Node::Impl::alert_facts(bool leads, std::vector<telemetry::NodeTelemetry> nodes) const {
  telemetry::AlertFacts facts = node::alert_facts(*status_->snapshot(), std::move(nodes), !leads);
  if (!verifier_) return facts;
  for (const wire::DeviceRef& device : verifier_->differing(std::chrono::steady_clock::now()))
    facts.differing.push_back({.node = peers_->name_of(device.node), .device = device.device});
  return facts;
}

telemetry::TelemetrySnapshot Node::Impl::telemetry(const telemetry::HistoryQuery& query) const {
  telemetry::TelemetrySnapshot snapshot = telemetry_->snapshot(query);
  set_names(*status_->snapshot(), snapshot.nodes);
  return snapshot;
}

void Node::Impl::remember_event(log::Level level, std::string text) { events_.add(level, std::move(text), unix_ms()); }

NodeMetrics Node::Impl::metrics() const {
  return {.self = self(),
          .requests = request_counter_->counts(),
          .cluster = cluster_counter_.counts(),
          .verification = verifier_ ? verifier_->counts() : VerificationCounts{}};
}

std::shared_ptr<GenerationListener> Node::Impl::counted(const std::string& model,
                                                        std::shared_ptr<GenerationListener> listener) {
  return request_counter_->listen(model, std::move(listener));
}

}  // namespace exogpu::node
