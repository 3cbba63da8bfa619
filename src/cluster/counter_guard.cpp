#include "cluster/counter_guard.h"

#include <algorithm>

namespace exogpu::cluster {
namespace {

using namespace wire;

// The greatest counters of a message.
struct Counters {
  uint64_t term = 0, index = 0;
  PlanEpoch epoch;

  void add(const Term& of) { term = std::max(term, of.counter); }
  void add(const Position& at) {
    add(at.term);
    index = std::max(index, at.index);
  }
  void add(PlanEpoch of) { epoch = std::max(epoch, of); }

  void operator()(const ElectionProbe& message) {
    add(message.term);
    add(message.at);
  }
  void operator()(const Heartbeat& message) { add(message.term); }
  void operator()(const HeartbeatAck& message) {
    add(message.term);
    add(message.at);
    add(message.epoch);
  }
  void operator()(const LinkPing&) {}
  void operator()(const LogEntries& message) {
    add(message.term);
    add(message.before);
    for (const Entry& entry : message.entries) {
      add(entry.term);
      if (const auto* made = std::get_if<PlanMade>(&entry.event)) add(made->plan.epoch);
    }
  }
  void operator()(const LogSnapshot& message) {
    add(message.term);
    add(message.state.at);
    add(message.state.epoch_last);
    for (const auto& [content, model] : message.state.models) {
      if (model.plan) add(model.plan->made.plan.epoch);
    }
  }
  void operator()(const LogProposal&) {}  // a proposal brings no plan
};

// An epoch begins with its term's counter (next_epoch()).
uint64_t counter_of(PlanEpoch epoch) { return epoch.value() >> 32; }

}  // namespace

uint64_t CounterGuard::limit(Time now) const {
  uint64_t ahead = kTermsAheadAtStart;
  if (settled_at_) {
    const auto since = std::chrono::duration_cast<std::chrono::seconds>(now - *settled_at_).count();
    ahead = kTermsAhead + kTermsAheadPerSecond * static_cast<uint64_t>(std::max<int64_t>(0, since));
  }
  return std::max(highest_, known_ + ahead);
}

bool CounterGuard::believes(const Message& message, Time now) const {
  Counters of;
  std::visit(of, message);
  // A term of very many plans reaches into the next one's epochs.
  const uint64_t term_max = std::max(highest_, of.term);
  return of.term <= limit(now) && of.index <= kLogIndexMax && counter_of(of.epoch) <= term_max + 1;
}

void CounterGuard::observe(uint64_t counter) { highest_ = std::max(highest_, counter); }

void CounterGuard::settle(Time now) {
  if (settled_at_) return;
  known_ = highest_;
  settled_at_ = now;
}

}  // namespace exogpu::cluster
