#include "sim/ring.h"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

namespace exogpu::sim {

using namespace wire;

namespace {

// Fewer than a plan has sequences, so that some are not kept.
constexpr size_t kSentBytesMax = size_t{512} * 1024;

// Whether a loaded shard of the one plan does for the other, as node::Stages sees it.
bool same_part(const StagePlan& a, const StagePlan& b) { return a.content == b.content && a.settings == b.settings; }

}  // namespace

uint64_t content_number(const std::string& content) {
  uint64_t hash = 1469598103934665603ULL;
  for (const char c : content) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  return hash;
}

void RingPart::end_driver() {
  if (!driver_) return;
  driver_->fail_all({ErrorCode::unavailable, "the cluster has a new plan; ask again"});
  auto held = driver_->scheduler().held();
  if (held.epoch == plan_->epoch) left_ = {.plan = *plan_, .held = std::move(held)};
  surroundings_.replayed(driver_->scheduler().tokens_replayed());
  driver_.reset();
}

// Shards that the plan leaves where they are come along, with what they hold.
void RingPart::take_on(const std::optional<StagePlan>& plan) {
  end_driver();
  driven_.clear();
  moved_.reset();
  last_done_ = 0;
  broken_ = false;
  auto before = std::exchange(stages_, {});
  for (uint32_t i = 0; plan && plan_ && same_part(*plan, *plan_) && i < plan->stages.size(); ++i) {
    const auto same = std::ranges::find_if(before, [&](const auto& entry) {
      return plan->stages[i].device.node == self_ && entry.second.shard.layers() == plan->stages[i].layers;
    });
    if (same == before.end()) continue;
    Stage& stage = stages_.emplace(i, std::move(same->second)).first->second;
    stage.queue.clear();
    stage.at_work = false;
    stage.last_step = 0;
    before.erase(same);
  }
  plan_ = plan;
}

void RingPart::look(const cluster::Holding& holding, bool serves, Time now) {
  if (plan_ != holding.plan) take_on(holding.plan);
  if (!plan_) return;
  for (const auto& [index, held] : holding.stages) {
    if (held.progress < cluster::Progress::loaded) {
      stages_.erase(index);
    } else if (!stages_.contains(index)) {
      stages_.emplace(index, Stage{.shard = MadeShard(content_number(plan_->content), plan_->stages[index].layers,
                                                      plan_->settings.sequences)});
    }
  }
  draining_ = holding.draining_since.has_value();
  if (!serves || draining_ || driver_) return;
  const auto anew = left_ ? pipeline::stages_anew(left_->plan, *plan_) : std::nullopt;
  driver_ = std::make_unique<pipeline::Driver>(
      plan_->epoch,
      pipeline::ScheduleOptions{.stages = static_cast<uint32_t>(plan_->stages.size()),
                                .sequences = plan_->settings.sequences,
                                .context = plan_->settings.context,
                                .batch_tokens = plan_->settings.batch_tokens,
                                .n_vocab = kVocabulary,
                                .step_cost_tokens = plan_->step_cost_tokens},
      [this](pipeline::Work work) { begin(std::move(work)); },
      anew ? std::optional(pipeline::KeptTokens{.held = left_->held, .anew = *anew}) : std::nullopt);
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

// As pipeline::Stage does it.
Result<void> RingPart::begin(uint32_t index, const Step& first) {
  Stage& stage = stages_.at(index);
  const bool anew = !first.keep || first.keep->anew.contains(index);
  const bool keeps = !anew && stage.epoch != PlanEpoch() && stage.epoch == first.keep->epoch;
  if (!keeps) stage.sent = pipeline::SentRows(sizeof(Row), kSentBytesMax);
  stage.epoch = first.epoch;
  if (surroundings_.keeps_caches) return {};
  bool lacks = !anew && !keeps;
  for (uint32_t i = 0; i < plan_->settings.sequences; ++i) {
    const uint32_t tokens = keeps ? first.keep->tokens.at(i) : 0;
    lacks |= stage.shard.length(SeqId(i)) < tokens;
    EXO_CHECK(stage.shard.change({.sequence = SeqId(i), .what = Truncate{tokens}}));
    stage.sent.truncate(SeqId(i), tokens);
  }
  if (!lacks) return {};
  return fail(ErrorCode::failed_precondition, "what the ring before held is gone");
}

Result<void> RingPart::compute(uint32_t index, StepFrame& frame, std::vector<Row>& out,
                               std::vector<SampledToken>& tokens) {
  Stage& stage = stages_.at(index);
  const auto& only = frame.step.replay;
  const bool last = index + 1 == plan_->stages.size();
  if (only && index + 1 != only->begin && !only->contains(index)) return {};
  auto next = frame.rows.begin();
  for (const Span& span : frame.step.spans) {
    std::vector<Row> rows(span.count);
    if (only && index + 1 == only->begin) {
      if (!stage.sent.read(span.sequence, span.position, std::as_writable_bytes(std::span(rows)))) {
        return fail(ErrorCode::failed_precondition, "the activations of a lost stage are not kept any more");
      }
    } else {
      EXO_TRY(rows, stage.shard.forward(span, {next, next + span.count}));
      next += span.count;
      stage.sent.add(span.sequence, span.position, std::as_bytes(std::span(rows)));
    }
    out.insert(out.end(), rows.begin(), rows.end());
    if (!last || !span.sample) continue;
    EXO_TRY(const TokenId token, stage.shard.sample(span.sequence, rows.back()));
    SampledToken& sampled = tokens.emplace_back();
    sampled.sequence = span.sequence;
    sampled.token = token;
  }
  return {};
}

void RingPart::compute(uint32_t index, StepFrame frame) {
  Stage& stage = stages_.at(index);
  Step& step = frame.step;
  const auto check = [&](const Result<void>& done) {
    if (!done && !step.failure) step.failure = done.error();
  };
  if (step.number == 1) check(begin(index, step));
  for (const SequenceChange& change : step.changes) {
    check(stage.shard.change(change));
    if (const auto* cut = std::get_if<Truncate>(&change.what)) stage.sent.truncate(change.sequence, cut->end);
    if (const auto* copy = std::get_if<CopyPrefix>(&change.what)) {
      stage.sent.copy_prefix(copy->from, change.sequence, copy->length);
    }
  }
  std::vector<Row> out;
  std::vector<SampledToken> tokens;
  if (!step.failure) check(compute(index, frame, out, tokens));
  if (index + 1 == plan_->stages.size()) {
    send(plan_->stages.front().device.node,
         StepDone{.epoch = step.epoch, .number = step.number, .tokens = std::move(tokens), .failure = step.failure});
    return;
  }
  ++step.stage;
  if (!step.carries()) out.clear();
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
  EXO_TRY(
      const pipeline::RequestId id,
      driver_->generate(std::move(request), [this, from, number = wanted.request](const pipeline::TokenEvent& event) {
        if (event.is_last()) driven_.erase({from, number});
        (void)surroundings_.send(from, to_message(number, event));
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
