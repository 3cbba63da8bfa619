#include "sim/worker.h"

#include <format>

namespace exogpu::sim {

using namespace cluster;

Worker::Worker(Life life, wire::NodeId self, Bytes room, WorkerSurroundings surroundings)
    : life_(life), room_(room), surroundings_(std::move(surroundings)) {
  holding_.self = self;
}

void Worker::look(const wire::ReplicatedState& state, bool obeys, Time now) {
  for (int i = 0; i < 16 && !holding_.acting; ++i) {
    const Action action = next_action(state, holding_, obeys, now);
    if (action.act == Act::none) {
      if (action.again) surroundings_.later(*action.again - now, [this](Time) { look_again(); });
      return;
    }
    if (action.act == Act::serve) {
      serves_ = true;
      return;
    }
    serves_ = false;
    if (action.act == Act::refuse) {
      refuse(state.plan->made.plan.epoch, action.why);
      return;
    }
    if (const std::string text = std::format("{} {}: {}", to_string(action.act), action.stage, action.why);
        text != said_) {
      surroundings_.trace(text);
      said_ = text;
    }
    begin(action, state, now);
  }
}

// What takes no time is done at once.
void Worker::begin(const Action& action, const wire::ReplicatedState& state, Time now) {
  Dice& dice = *surroundings_.dice;
  Bytes bytes = 0;
  double takes_s = 0;
  switch (action.act) {
    case Act::none:
    case Act::refuse:
    case Act::serve: return;
    case Act::drain: holding_.draining_since = now; return;
    case Act::take_on:
      if (surroundings_.goes_back && before_) {
        surroundings_.checks->took_on(life_, before_->epoch);
        before_.reset();
      }
      before_ = state.plan->made.plan;
      take_on(holding_, state.plan->made.plan);
      surroundings_.checks->took_on(life_, holding_.epoch_last);
      tell();
      return;
    case Act::adopt: {
      std::map<uint32_t, Bytes> moved;
      auto next = loaded_.begin();
      adopt(holding_, state.plan->made.plan);
      for (const auto& [index, stage] : holding_.stages) {
        if (stage.progress >= Progress::loaded && next != loaded_.end()) moved[index] = (next++)->second;
      }
      loaded_ = std::move(moved);
      surroundings_.checks->took_on(life_, holding_.epoch_last);
      tell();
      return;
    }
    case Act::fetch: takes_s = dice.between(0.01, 0.3); break;
    case Act::load:
      takes_s = dice.between(0.05, 0.6);
      bytes = state.plan->made.stage_bytes[action.stage];
      break;
    case Act::connect: takes_s = dice.between(0.001, 0.05); break;
    case Act::warm: takes_s = dice.between(0.01, 0.2); break;
    case Act::unload: takes_s = dice.between(0.01, 0.2); break;
  }
  holding_.acting = true;
  // Memory is taken when loading begins.
  if (action.act == Act::load) {
    loaded_[action.stage] = bytes;
    Bytes used = leaked_;
    for (const auto& [stage, size] : loaded_) used += size;
    surroundings_.checks->holds(life_, "gpu0", used, room_);
  }
  surroundings_.later(seconds(takes_s), [this, action, bytes](Time then) {
    done(action, bytes, then);
    look_again();
  });
}

void Worker::done(const Action& action, Bytes bytes, Time now) {
  holding_.acting = false;
  if (action.act == Act::unload) {
    if (surroundings_.never_frees) {
      for (const auto& [stage, size] : loaded_) leaked_ += size;
    }
    loaded_.clear();
    unload(holding_);
    tell();
    return;
  }
  HeldStage& stage = holding_.stages[action.stage];
  if (action.act == Act::connect) {
    const auto& stages = holding_.plan->stages;
    const wire::NodeId next = stages[(action.stage + 1) % stages.size()].device.node;
    if (next != holding_.self && !surroundings_.reaches(next)) {
      stage.failures = 1;
      stage.failed_at = now;
      stage.failure = "there is no way to the next stage";
      lost(holding_.plan->epoch, next);
      tell();
      return;
    }
  }
  if (surroundings_.dice->chance(surroundings_.failures)) {
    if (action.act == Act::load) loaded_.erase(action.stage);
    ++stage.failures;
    stage.failed_at = now;
    stage.failure = std::format("{} failed by chance, after {} bytes", to_string(action.act), bytes);
    stage.hopeless = surroundings_.dice->chance(0.1);
  } else {
    stage.failures = 0;
    stage.progress = static_cast<Progress>(static_cast<uint8_t>(stage.progress) + 1);
  }
  tell();
}

void Worker::tell() { report(holding_.epoch_last, status_of(holding_)); }

}  // namespace exogpu::sim
