#include "sim/ring.h"

#include <functional>
#include <utility>

namespace exogpu::sim {

using namespace wire;

uint64_t content_number(const std::string& content) {
  uint64_t hash = 1469598103934665603ULL;
  for (const char c : content) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

void RingPart::look(const cluster::Holding& holding, bool serves, Time now) {
  if (plan_ != holding.plan) {
    if (driver_) driver_->fail_all({ErrorCode::unavailable, "the cluster has a new plan; ask again"});
    driver_.reset();
    driven_.clear();
    moved_.reset();
    last_done_ = 0;
    broken_ = false;
    for (auto& [index, stage] : stages_) stage.last_step = 0;
    if (!surroundings_.keeps_caches || !holding.plan) stages_.clear();
    plan_ = holding.plan;
  }
  if (!plan_) return;
  // Shards that a plan leaves where they are begin with empty caches.
  for (const auto& [index, held] : holding.stages) {
    if (held.progress < cluster::Progress::loaded) {
      stages_.erase(index);
    } else if (!stages_.contains(index)) {
      stages_.emplace(index, Stage{.shard = MadeShard(content_number(plan_->content), plan_->stages[index].layers,
                                                      plan_->sequences)});
    }
  }
  draining_ = holding.draining_since.has_value();
  if (!serves || draining_ || driver_) return;
  driver_ = std::make_unique<pipeline::Driver>(
      plan_->epoch,
      pipeline::ScheduleOptions{.stages = static_cast<uint32_t>(plan_->stages.size()),
                                .sequences = plan_->sequences,
                                .context = plan_->context,
                                .batch_tokens = plan_->batch_tokens,
                                .n_vocab = kVocabulary,
                                .step_cost_tokens = plan_->step_cost_tokens},
      [this](pipeline::Work work) { begin(std::move(work)); });
  moved_ = now;
}

bool RingPart::busy(Time now) const {
  if (!moved_ || now - *moved_ >= kStill) return false;
  return driver_ ? !driver_->scheduler().idle() : true;
}

void RingPart::receive(NodeId from, const RingMessage& message, Time now) {
  std::visit([&](const auto& each) { on(from, each, now); }, message);
}

// As the node does it (Node::Impl::on_down): who has left hears nothing more, and a ring whose neighbours have lost
// each other is over.
void RingPart::peer_lost(NodeId peer) {
  std::erase_if(driven_, [&](const auto& entry) {
    if (entry.first.first != peer) return false;
    if (driver_) driver_->cancel(entry.second);
    return true;
  });
  if (!plan_) return;
  const size_t count = plan_->stages.size();
  for (size_t i = 0; i < count; ++i) {
    const NodeId one = plan_->stages[i].device.node, next = plan_->stages[(i + 1) % count].device.node;
    if ((one != self_ || next != peer) && (one != peer || next != self_)) continue;
    return lost(peer);
  }
}

// As pipeline::Ring does it: what is broken stays so, since what comes now does not follow what was.
void RingPart::lost(NodeId peer) {
  if (surroundings_.goes_on) return surroundings_.broken(plan_->epoch, peer);
  broken_ = true;
  if (driver_) driver_->fail_all({ErrorCode::unavailable, "a node of the ring is away"});
  surroundings_.broken(plan_->epoch, peer);
}

void RingPart::send(NodeId to, RingMessage message) {
  if (!surroundings_.send(to, std::move(message)) && plan_) lost(to);
}

void RingPart::begin(pipeline::Work work) {
  StepFrame frame{.step = std::move(work.step), .rows = {}};
  for (const TokenId token : work.tokens) frame.rows.push_back(MadeShard::embed(token));
  const auto stage = stages_.find(0);
  if (stage == stages_.end()) return;
  stage->second.queue.push_back(std::move(frame));
  pump(0);
}

void RingPart::on(NodeId from, const StepFrame& frame, Time now) {
  const auto stage = stages_.find(frame.step.stage);
  if (!plan_ || plan_->epoch != frame.step.epoch || stage == stages_.end() || frame.step.stage == 0 ||
      plan_->stages[frame.step.stage - 1].device.node != from) {
    ++refused_;
    return;
  }
  if (broken_) return;
  const uint64_t before = std::exchange(stage->second.last_step, frame.step.number);
  if (frame.step.number != before + 1 && !surroundings_.goes_on) return lost(from);
  moved_ = now;
  stage->second.queue.push_back(frame);
  pump(frame.step.stage);
}

void RingPart::pump(uint32_t index) {
  Stage& stage = stages_.at(index);
  if (stage.at_work || stage.queue.empty()) return;
  stage.at_work = true;
  const Duration takes = surroundings_.takes(stage.shard.layers(), stage.queue.front().rows.size());
  surroundings_.later(takes, [this, index, epoch = plan_->epoch](Time now) {
    const auto found = stages_.find(index);
    if (!plan_ || plan_->epoch != epoch || found == stages_.end() || !found->second.at_work) return;
    found->second.at_work = false;
    StepFrame frame = std::move(found->second.queue.front());
    found->second.queue.pop_front();
    moved_ = now;
    compute(index, std::move(frame));
    if (plan_ && plan_->epoch == epoch && stages_.contains(index)) pump(index);
  });
}

void RingPart::compute(uint32_t index, StepFrame frame) {
  MadeShard& shard = stages_.at(index).shard;
  Step& step = frame.step;
  std::vector<Row> out;
  std::vector<SampledToken> tokens;
  const bool last = index + 1 == plan_->stages.size();
  const auto run = [&]() -> Result<void> {
    for (const SequenceChange& change : step.changes) EXO_CHECK(shard.change(change));
    if (step.failure) return {};
    auto next = frame.rows.begin();
    for (const Span& span : step.spans) {
      EXO_TRY(const std::vector<Row> rows, shard.forward(span, {next, next + span.count}));
      next += span.count;
      out.insert(out.end(), rows.begin(), rows.end());
      if (!last || !span.sample) continue;
      EXO_TRY(const TokenId token, shard.sample(span.sequence, rows.back()));
      tokens.push_back({.sequence = span.sequence, .token = token});
    }
    return {};
  };
  if (const auto ran = run(); !ran && !step.failure) step.failure = ran.error();
  if (last) {
    send(plan_->stages.front().device.node,
         StepDone{.epoch = step.epoch, .number = step.number, .tokens = std::move(tokens), .failure = step.failure});
    return;
  }
  if (step.failure) out.clear();
  ++step.stage;
  const NodeId next = plan_->stages[step.stage].device.node;
  send(next, StepFrame{.step = std::move(step), .rows = std::move(out)});
}

void RingPart::on(NodeId from, const StepDone& done, Time now) {
  if (!driver_ || !plan_ || plan_->epoch != done.epoch || broken_) return;
  const uint64_t before = std::exchange(last_done_, done.number);
  if (done.number != before + 1 && !surroundings_.goes_on) return lost(from);
  moved_ = now;
  driver_->on_done(done);
}

Result<void> RingPart::drive(NodeId from, const Generate& wanted) {
  if (!driver_ || driver_->over() || draining_ || plan_->epoch != wanted.epoch) {
    return fail(pipeline::kRingEnded, "the cluster has a new plan; ask again");
  }
  pipeline::Request request{.tokens = wanted.tokens,
                            .sampling = wanted.sampling,
                            .tokens_max = wanted.tokens_max,
                            .end_tokens = wanted.end_tokens};
  EXO_TRY(const pipeline::RequestId id,
          driver_->generate(std::move(request), [this, from, number = wanted.request](const pipeline::Progress& heard) {
            Generated out{.request = number};
            if (heard.token) out.tokens.push_back(*heard.token);
            out.end = heard.end;
            out.failure = heard.failure;
            out.prompt_reused = heard.prompt_reused;
            out.interrupted = heard.interrupted;
            if (out.end || out.failure) driven_.erase({from, number});
            (void)surroundings_.send(from, std::move(out));
          }));
  driven_.insert_or_assign({from, wanted.request}, id);
  return {};
}

void RingPart::on(NodeId from, const Generate& wanted, Time now) {
  const bool idle = driver_ && driver_->scheduler().idle();
  const auto begun = drive(from, wanted);
  if (begun && idle) moved_ = now;
  if (begun) return;
  Generated refused{.request = wanted.request};
  refused.failure = begun.error();
  refused.interrupted = begun.error().code == pipeline::kRingEnded;
  (void)surroundings_.send(from, std::move(refused));
}

void RingPart::on(NodeId from, const CancelGenerate& message, Time) {
  const auto found = driven_.find({from, message.request});
  if (found == driven_.end()) return;
  const pipeline::RequestId id = found->second;
  driven_.erase(found);
  if (driver_) driver_->cancel(id);
}

}  // namespace exogpu::sim
