// The results of a worker's actions, and its connections to the next stages.
#include <algorithm>
#include <format>

#include "worker/relevant_state.h"
#include "worker/worker.h"

namespace exogpu::worker {

using cluster::Act;
using cluster::StageReadiness;
using cluster::Time;

namespace {

// How long a stage waits for the next one's node to be connected; and where the link broke a moment ago and the node is
// still the same, so that both ends are running and connect at once. A link that is not open then works one way only,
// or not at all, and an answer may be waiting.
constexpr std::chrono::seconds kConnectMax{5};
constexpr std::chrono::milliseconds kReconnectMax{250};
constexpr std::chrono::seconds kMoment{3};
constexpr std::chrono::milliseconds kFileCheck{500};

}  // namespace

void Worker::record(Time now) {
  Ended ended = *std::exchange(ended_, std::nullopt);
  local_plan_.acting = false;
  changes_.stages = true;
  switch (acting_.act) {
    case Act::unload:
      cluster::unload(local_plan_);
      ring_over_ = false;
      return;
    case Act::adopt:
      for (auto& [index, stage] : local_plan_.stages) stage.progress = std::min(stage.progress, ended.reached[index]);
      ring_over_ = false;
      return;
    default: record_stage(std::move(ended), now);
  }
}

void Worker::record_stage(Ended ended, Time now) {
  cluster::LocalStage& stage = local_plan_.stages.at(acting_.stage);
  if (!ended.how) {
    if (!abandoned_) record_failure(stage, ended.how.error(), now);
    return;
  }
  stage.failures = 0;
  stage.missing = false;
  stage.failure.clear();
  stage.progress = static_cast<StageReadiness>(static_cast<uint8_t>(stage.progress) + 1);
  if (acting_.act == Act::fetch) headers_.take(std::move(ended.file), local_plan_.plan->content);
}

void Worker::record_failure(cluster::LocalStage& stage, const Error& why, Time now) {
  std::string failure = why.message;
  if (acting_.act != Act::connect) {
    failure = std::format("{}/{}: {}", name_, local_plan_.plan->stages[acting_.stage].device.device, failure);
  }
  ++stage.failures;
  stage.failed_at = now;
  stage.missing = acting_.act == Act::fetch && (why.code == ErrorCode::not_found || why.code == ErrorCode::unavailable);
  if (stage.missing) {
    // No node that has it is online, which is no fault of the device and may change at any time.
    stage.failures = std::min(stage.failures, cluster::kFailuresMax - 1);
  } else {
    stage.permanent = !may_mend(why.code);
  }
  // Another copy of the file will do.
  if (acting_.act != Act::connect && !stages_.check(acting_.stage)) stage.progress = StageReadiness::nothing;
  if (std::exchange(stage.failure, failure) != failure) host_.on_note(failure);
}

// --- files that change

// A ring that computes from a file which was changed fails every step. It stays, so that each request learns why, until
// another copy of what it reads is here: its host has none otherwise.
void Worker::check_files(Time now) {
  if (SharedGguf file = replacement_.take_result(now)) replacements_.insert_or_assign(replacing_, std::move(file));
  if (stages_.ring() == nullptr || ring_over_ || local_plan_.acting || !stages_.reads_files()) return;
  wake_by(now + kFileCheck);
  std::optional<Error> changed;
  for (const auto& [index, stage] : local_plan_.stages) {
    const auto unchanged = stages_.check(index);
    if (unchanged) continue;
    changed = unchanged.error();
    if (replacements_.contains(index)) continue;
    replacing_ = index;
    if (const auto again = replacement_.fetch(*local_plan_.plan, local_plan_.plan->stages[index].layers, now))
      wake_by(*again);
    return;
  }
  if (!changed) return replacements_.clear();
  end_ring(*changed);
  broken(local_plan_.plan->epoch, *changed);
}

// --- connections

void Worker::connect(uint32_t stage, Time now) {
  const auto& stages = local_plan_.plan->stages;
  const wire::NodeId to = stages[(stage + 1) % stages.size()].device.node;
  connecting_ = {.to = to, .until = now + (broke_just_now(to, now) ? kReconnectMax : kConnectMax)};
  check_connection(now);
}

uint64_t Worker::incarnation_of(wire::NodeId node) const {
  const auto known = state_.nodes.find(node);
  return known == state_.nodes.end() ? 0 : known->second.facts.incarnation;
}

bool Worker::broke_just_now(wire::NodeId node, Time now) const {
  const auto lost = lost_.find(node);
  return lost != lost_.end() && now < lost->second.at + kMoment && lost->second.incarnation == incarnation_of(node);
}

void Worker::check_connection(Time now) {
  if (!connecting_) return;
  const wire::NodeId to = connecting_->to;
  if (to == local_plan_.self || host_.connected(to)) {
    connecting_.reset();
    ended_ = Ended{};
    return;
  }
  if (now < connecting_->until) return wake_by(connecting_->until);
  connecting_.reset();
  const auto node = state_.nodes.find(to);
  const Error why{ErrorCode::unavailable,
                  std::format("node {} has no connection to node {}", name_,
                              node == state_.nodes.end() ? to.short_text() : node->second.facts.info.self.name)};
  ended_ = Ended{.how = std::unexpected(why)};
  broken(local_plan_.plan->epoch, why, to);
}

}  // namespace exogpu::worker
