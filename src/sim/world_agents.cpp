// The agents of a world: their actions, and the messages between them.
#include <algorithm>
#include <ctime>
#include <format>

#include "cluster/fold.h"
#include "sim/cpu_time.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

namespace {

ByteVector encoded(const Message& message) {
  return std::visit([](const auto& each) { return encode(each); }, message);
}

Result<Message> decoded(const Message& like, std::span<const std::byte> bytes) {
  return std::visit(
      [&]<typename M>(const M&) -> Result<Message> {
        EXO_TRY(M message, decode<M>(bytes));
        return message;
      },
      like);
}

}  // namespace

void World::send_output(uint32_t number, const Output& out) {
  std::shared_ptr<const Message> last, read;
  size_t bytes = 0;
  for (const Send& send : out.sends) {
    if (send.message != last) {  // the same message to several is encoded once
      last = send.message;
      const ByteVector written = encoded(*last);
      bytes = written.size();
      read = last;
      if (scenario_.codec) {
        auto message = decoded(*last, written);
        if (!message) checks_.fail("a message of its own is refused: " + message.error().message);
        if (message) read = std::make_shared<const Message>(*std::move(message));
      }
    }
    const uint32_t to = number_of(send.to);
    ++outcome_.messages;
    outcome_.message_bytes += bytes;
    count(number, to, bytes);
    for (const Duration wait : network_.carry(number, to, dice_)) {
      after(wait, [this, number, to, read] { deliver(number, to, read); });
    }
  }
}

void World::observe_role(uint32_t number) {
  SimNode& node = *nodes_[number];
  checks_.observe(node.current(number), *node.agent);
  if (node.agent->role() == node.role && node.agent->term() == node.term) return;
  node.role = node.agent->role();
  node.term = node.agent->term();
  if (!options_.trace) return;
  const char* what = node.role == Role::leading ? "leads" : node.role == Role::following ? "obeys" : "seeks";
  trace(std::format("n{} {}, term {} (n{})", number, what, node.term.counter, number_of(node.term.leader)));
}

void World::observe_state(uint32_t number) {
  SimNode& node = *nodes_[number];
  const ReplicatedState& state = node.agent->state();
  checks_.observe_state(node.current(number), state);
  if (scenario_.library > 0) check_removed(number);
  for (const auto& [content, model] : state.models) {
    for (size_t i = 0; model.plan && i < model.plan->made.stage_bytes.size(); ++i) {
      const PlannedStage& stage = model.plan->made.plan.stages[i];
      if (stage.device.node != node.id) continue;
      node.part_bytes[{content, stage.layers.begin, stage.layers.end}] = model.plan->made.stage_bytes[i];
    }
  }
  if (!options_.trace) return;
  const auto alive = std::ranges::count_if(state.nodes, [](const auto& each) { return each.second.online; });
  std::string models;
  for (const auto& [content, model] : state.models) {
    models += std::format("; {} {} {}", model.served.model,
                          model.plan ? std::format("plan {:x}", model.plan->made.plan.epoch.value()) : "no plan",
                          serving(model) ? "serving" : model.no_plan_reason);
  }
  trace(std::format("n{} is at {}.{}: {} nodes{}", number, state.at.term.counter, state.at.index, alive, models));
}

void World::drive(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive || now_ < node.stalled_until) return;
  for (int round = 0; round < 2; ++round) {
    const Output out = node.agent->take();
    if (out.persist_counter) {
      node.counter_saved = *out.persist_counter;
      ++outcome_.elections;
    }
    send_output(number, out);
    observe_role(number);
    if (out.state_changed) observe_state(number);
    const bool obeys = node.agent->role() != Role::electing;
    if (std::exchange(node.obeys, obeys) != obeys || out.state_changed) {
      node.workers->follow(node.agent->state(), obeys, now_);
    }
    update_clients(number);
    update_drivers(number);
  }
  set_wake(number);
}

void World::set_wake(uint32_t number) {
  SimNode& node = *nodes_[number];
  Time wake_at = node.agent->wake();
  if (const auto workers = node.workers->wake()) wake_at = std::min(wake_at, *workers);
  wake_at = std::max(wake_at, now_);
  if (wake_at >= node.wake_at) return;
  node.wake_at = wake_at;
  after(wake_at - now_, [this, number, wake_at, incarnation = node.incarnation] {
    SimNode& woken = *nodes_[number];
    if (!woken.alive || woken.incarnation != incarnation || woken.wake_at != wake_at) return;
    wake(number);
  });
}

void World::wake(uint32_t number) {
  SimNode& node = *nodes_[number];
  node.wake_at = Time::max();
  if (!node.alive || now_ < node.stalled_until) return;
  if (now_ >= node.agent->wake()) {
    const double before = cpu_s();
    node.agent->tick(now_);
    agents_cpu_s_ += cpu_s() - before;
  }
  if (const auto due = node.workers->wake(); due && now_ >= *due) node.workers->tick(now_);
  drive(number);
}

void World::deliver(uint32_t from, uint32_t to, const std::shared_ptr<const Message>& message) {
  SimNode& node = *nodes_[to];
  if (!node.alive || channel_[to * nodes_.size() + from] == 0) return;
  if (now_ < node.stalled_until) {  // it lies in the system's buffers meanwhile
    after(node.stalled_until - now_, [this, from, to, message] { deliver(from, to, message); });
    return;
  }
  if (!has(InjectedBug::none)) {
    Message copy = *message;
    if (!tampered(to, copy)) node.agent->receive(nodes_[from]->id, copy, now_);
  } else {
    node.agent->receive(nodes_[from]->id, *message, now_);
  }
  drive(to);
}

// Whether the message is lost.
bool World::tampered(uint32_t to, Message& message) {
  SimNode& node = *nodes_[to];
  if (has(InjectedBug::heartbeats_dropped)) {
    return healed_ && to == 0 && !std::holds_alternative<LinkPing>(message);
  }
  if (has(InjectedBug::event_changed) && !tampered_) {
    auto* entries = std::get_if<LogEntries>(&message);
    if (entries && entries->before == node.agent->state().at && in_seconds(now_) > 2) {
      for (Entry& entry : entries->entries) {
        if (!std::holds_alternative<NodeReported>(entry.event)) continue;
        entry.event = TermBegan{};
        tampered_ = true;
        break;
      }
    }
  }
  if (has(InjectedBug::term_forgotten) && !tampered_ && in_seconds(now_) > 2 && node.agent->role() == Role::following &&
      node.agent->term().counter > 1) {
    const auto* beat = std::get_if<Heartbeat>(&message);
    if (beat) {
      // The new one learns of the term that is now, so a yet older heartbeat is made up.
      tampered_ = true;
      Agent fresh(facts_of(to), {}, now_);
      *node.agent = std::move(fresh);
      for (uint32_t other = 0; other < nodes_.size(); ++other) {
        if (channel_[to * nodes_.size() + other] != 0) node.agent->link_up(nodes_[other]->id, now_);
      }
      Heartbeat old = *beat;
      --old.term.counter;
      old.number = 1;
      old.acked = 0;
      message = old;
    }
  }
  return false;
}

void World::count(uint32_t from, uint32_t to, size_t bytes) {
  for (const uint32_t node : {from, to}) {
    ++counted_messages_[node];
    counted_bytes_[node] += bytes + kCarriedBytes;
  }
}

}  // namespace exogpu::sim
