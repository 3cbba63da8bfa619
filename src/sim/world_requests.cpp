// Requests in a world: who asks for what, and the connections that carry tokens and activations.
#include <algorithm>
#include <format>
#include <utility>

#include "cluster/plan_for.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;

namespace {

constexpr Duration kTick = std::chrono::milliseconds(500);  // of a node
constexpr Duration kOpenAgain = std::chrono::milliseconds(20);

template <typename M>
Result<M> through_codec(const M& message, size_t& bytes) {
  const ByteVector written = encode(message);
  bytes = written.size();
  return decode<M>(written);
}

Result<StepFrame> through_codec(const StepFrame& frame, size_t& bytes) {
  EXO_TRY(Step step, through_codec(frame.step, bytes));
  bytes += frame.rows.size() * 4096;  // as a small model's
  return StepFrame{.step = std::move(step), .rows = frame.rows};
}

}  // namespace

void World::start_requests(uint32_t number) {
  SimNode& node = *nodes_[number];
  const auto later = [this, number, life = node.lives](Duration wait, std::function<void(Time)> what) {
    // What a process that stands still should have done, it does when it goes on.
    auto due = std::make_shared<std::function<void()>>();
    *due = [this, number, life, what = std::move(what), weak = std::weak_ptr(due)] {
      SimNode& of = *nodes_[number];
      if (!of.alive || of.lives != life) return;
      if (now_ >= of.stalled_until) return what(now_);
      after(of.stalled_until - now_, [again = weak.lock()] { (*again)(); });
    };
    after(wait, [due] { (*due)(); });
  };
  const auto send = [this, number](NodeId to, RingMessage message) {
    return send_ring(number, number_of(to), std::move(message));
  };
  node.ring = std::make_unique<RingPart>(
      node.id,
      RingSurroundings{.later = later,
                       .send = send,
                       .broken = [this, number](PlanEpoch epoch, NodeId peer) { lost_of_ring(number, epoch, peer); },
                       .replayed = [this](uint64_t tokens) { answer_checks_.replayed(tokens); },
                       .takes =
                           [this, number](const LayerRange& layers, size_t rows) {
                             const SimNode& of = *nodes_[number];
                             const double bytes = (layers.end - layers.begin) * scenario_.layer_mb * 1e6;
                             const double read_s = std::clamp(bytes / (of.rate * of.heat), 0.2e-3, 8e-3);
                             return seconds(read_s + static_cast<double>(rows) * 20e-6);
                           },
                       .keeps_caches = options_.mistake == Mistake::caches_kept,
                       .goes_on = options_.mistake == Mistake::step_dropped});
  node.clients = std::make_unique<Clients>(
      node.id, ClientSurroundings{
                   .send = send,
                   .trace = [this, number](const std::string& text) { trace(std::format("n{} {}", number, text)); },
                   .excuse = [this, number](const std::string& model) { return excuse(number, model); },
                   .checks = &answer_checks_,
                   .hopeless = options_.mistake == Mistake::given_up_early ? Duration{} : kHopeless,
                   .forgets_last = options_.mistake == Mistake::token_forgotten,
                   .careless = options_.mistake == Mistake::given_up_early});
  if (scenario_.requests.per_s <= 0) return;
  const auto tick = std::make_shared<std::function<void(Time)>>();
  *tick = [this, number, later, weak = std::weak_ptr(tick)](Time) {
    nodes_[number]->clients->resume();
    drive(number);
    later(kTick, [again = weak.lock()](Time now) { (*again)(now); });
  };
  later(kTick, [tick](Time now) { (*tick)(now); });
}

void World::look_at_requests(uint32_t number) {
  SimNode& node = *nodes_[number];
  node.ring->look(node.worker->holding(), node.worker->serves(), now_);
  node.clients->look(node.agent->state(), node.agent->role() != cluster::Role::seeking, now_);
  const bool busy = node.ring->busy(now_) || node.clients->open();
  node.was_busy = node.was_busy || busy;
  node.agent->set_busy(options_.mistake == Mistake::busy_kept ? node.was_busy : busy);
}

void World::lost_of_ring(uint32_t number, PlanEpoch epoch, NodeId peer) {
  SimNode& node = *nodes_[number];
  node.agent->plan_broken(epoch, std::format("n{} has no way to n{}", number, number_of(peer)),
                          wire::pair_of(node.agent->self(), peer), now_);
}

std::string World::excuse(uint32_t number, const std::string& model) const {
  const ReplicatedState& state = nodes_[number]->agent->state();
  if (!state.model || state.model->content != model) return "another model is served";
  return cluster::impossible(state);
}

// --- who asks

void World::throw_requests() {
  const double per_s = scenario_.requests.per_s;
  if (per_s <= 0) return;
  double at_s = 1;
  while ((at_s += dice_.exponential(1 / per_s)) < scenario_.faults_s) {
    after(seconds(at_s), [this] { ask(static_cast<uint32_t>(dice_.below(nodes_.size()))); });
  }
  // And some when all is well again.
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    after(seconds(scenario_.faults_s + scenario_.settle_s * dice_.between(0.1, 0.5)), [this, i] { ask(i); });
  }
}

void World::ask(uint32_t number) {
  SimNode& node = *nodes_[number];
  if (!node.alive || now_ < node.stalled_until) return;
  const auto length = static_cast<uint32_t>(1 + dice_.below(scenario_.requests.prompt_max));
  // As often as not it begins as others do.
  const uint64_t begins = dice_.chance(0.5) ? 1 : dice_.bits();
  std::vector<TokenId> prompt;
  for (uint32_t i = 0; i < length; ++i) {
    const uint64_t bits = i < length * 3 / 4 ? random_bits(begins, i) : dice_.bits();
    prompt.push_back(static_cast<TokenId>(bits % kVocabulary));
  }
  const auto tokens = static_cast<uint32_t>(1 + dice_.below(scenario_.requests.tokens_max));
  (void)node.clients->ask(++requests_, node.life(number), scenario_.layers, dice_.bits(), std::move(prompt), tokens);
  drive(number);
}

// --- what is said

// A connection keeps the order and loses nothing, until it breaks; then all is lost that is on its way.
bool World::send_ring(uint32_t from, uint32_t to, RingMessage message) {
  if (from == to) {
    hand_over(from, to, message);
    return true;
  }
  if (channel_[from * nodes_.size() + to] == 0) return false;
  size_t bytes = 0;
  if (scenario_.codec) {
    auto read = std::visit(
        [&](const auto& each) -> Result<RingMessage> {
          EXO_TRY(auto again, through_codec(each, bytes));
          return again;
        },
        message);
    if (!read) checks_.fail("a message of its own is refused: " + read.error().message);
    if (read) message = *std::move(read);
  }
  ++outcome_.messages;
  outcome_.message_bytes += bytes;
  count(from, to, bytes);
  if (options_.mistake != Mistake::none && tampered(message)) return true;
  auto& stream = streams_[{from, to}];
  Time at = now_ + network_.carry_surely(from, to, dice_);
  if (!stream.empty()) at = std::max(at, stream.back().at);
  stream.push_back({.at = at, .connection = connection(from, to), .message = std::move(message)});
  if (stream.size() == 1) after(at - now_, [this, from, to] { arrive(from, to); });
  return true;
}

void World::arrive(uint32_t from, uint32_t to) {
  auto& stream = streams_[{from, to}];
  while (!stream.empty()) {
    const Pending& first = stream.front();
    const SimNode& node = *nodes_[to];
    if (first.connection != connection(from, to) || !node.alive) {
      stream.pop_front();
      continue;
    }
    Time at = first.at;
    if (!network_.open(from, to)) at = std::max(at, now_ + kOpenAgain);
    at = std::max(at, node.stalled_until);
    if (at > now_) {
      after(at - now_, [this, from, to] { arrive(from, to); });
      return;
    }
    const RingMessage message = std::move(stream.front().message);
    stream.pop_front();
    // What it causes may be sent on this way only by another node's doing, and later.
    if (channel_[to * nodes_.size() + from] != 0) hand_over(from, to, message);
  }
}

void World::hand_over(uint32_t from, uint32_t to, const RingMessage& message) {
  SimNode& node = *nodes_[to];
  const bool busy = node.ring->busy(now_);
  if (const auto* generated = std::get_if<Generated>(&message)) {
    node.clients->on_generated(nodes_[from]->id, *generated);
  } else {
    node.ring->receive(nodes_[from]->id, message, now_);
  }
  if (from != to && busy != node.ring->busy(now_)) drive(to);
}

// Whether the message is lost.
bool World::tampered(RingMessage& message) {
  if (tampered_) return false;
  if (auto* generated = std::get_if<Generated>(&message)) {
    const bool last = generated->end.has_value();
    tampered_ = (options_.mistake == Mistake::token_dropped && !generated->tokens.empty() && !last) ||
                (options_.mistake == Mistake::end_dropped && last);
    return tampered_;
  }
  auto* frame = std::get_if<StepFrame>(&message);
  if (frame && options_.mistake == Mistake::step_dropped && !frame->step.changes.empty()) {
    tampered_ = true;
    return true;
  }
  if (frame && options_.mistake == Mistake::row_changed && !frame->rows.empty()) {
    frame->rows.back() ^= 1;
    tampered_ = true;
  }
  return false;
}

}  // namespace exogpu::sim
