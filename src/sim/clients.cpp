#include "sim/clients.h"

#include <format>
#include <utility>

#include "cluster/fold.h"
#include "cluster/plan_for.h"

namespace exogpu::sim {

using namespace wire;

Clients::Clients(NodeId self, ClientSurroundings surroundings)
    : self_(self),
      surroundings_(std::move(surroundings)),
      continuations_(
          {.submit = [this](Generate wanted) { return submit(std::move(wanted)); },
           .cancel =
               [this](uint64_t request) {
                 const auto asked = asked_of_.extract(request);
                 if (asked) (void)surroundings_.send(asked.mapped(), CancelGenerate{.request = request});
               },
           .on_event = [this](pipeline::AnswerId id, const pipeline::TokenEvent& event) { on_event(id, event); }}) {}

bool Clients::ask(uint64_t number, const Life& life, uint32_t layers, uint64_t seed, std::vector<TokenId> prompt,
                  uint32_t tokens) {
  if (!model_) return false;
  surroundings_.trace(std::format("asks for {} tokens, request {}", tokens, number));
  surroundings_.checks->asked(number, life, RightAnswer(content_number(*model_), layers, seed, prompt), tokens);
  models_.emplace(number, *model_);
  pipeline::Request request;
  request.tokens = std::move(prompt);
  request.sampling.seed = seed;
  request.tokens_max = tokens;
  continuations_.begin(pipeline::AnswerId(number), *model_, std::move(request));
  return true;
}

Result<void> Clients::submit(Generate wanted) {
  if (!first_) return fail(pipeline::kRingEnded, "there is no plan");
  const uint64_t request = wanted.request;
  if (wanted.tokens.size() > wanted.prompt_tokens) {
    surroundings_.checks->gone_on();
    if (std::exchange(surroundings_.forgets_last, false)) {
      wanted.tokens.pop_back();
      ++wanted.tokens_max;
    }
  }
  asked_of_[request] = *first_;
  if (surroundings_.send(*first_, std::move(wanted))) return {};
  asked_of_.erase(request);
  return fail(pipeline::kRingEnded, "there is no way to the first stage's node");
}

void Clients::look(const ReplicatedState& state, bool obeys, Time now) {
  if (!obeys) {  // what was served may still be
    if (without_since_) without_since_ = now;
    return;
  }
  if (state.plan) {
    without_since_.reset();
    const StagePlan& plan = state.plan->made.plan;
    // A plan for another model than the one that is wanted by now is about to be replaced.
    if (cluster::serving(state) && state.model && state.model->content == plan.content) {
      if (epoch_ == plan.epoch) return;
      epoch_ = plan.epoch;
      first_ = plan.stages.front().device.node;
      model_ = plan.content;
      continuations_.serve(plan.epoch, plan.content);
    } else if (epoch_ || first_) {
      epoch_.reset();
      first_.reset();
      continuations_.pause({ErrorCode::unavailable, "the stages are not ready"});
    }
    return;
  }
  if (!without_since_) {
    without_since_ = now;
    epoch_.reset();
    first_.reset();
    continuations_.pause({ErrorCode::unavailable, state.why_not});
    continuations_.interrupt_all();
  }
  if (!model_ || now - *without_since_ < surroundings_.hopeless) return;
  // Somebody may have come back just now.
  const std::string why = surroundings_.careless ? state.why_not : cluster::impossible(state);
  if (why.empty()) {
    without_since_ = now;
    return;
  }
  surroundings_.trace("gives up: " + why);
  model_.reset();
  continuations_.give_up({ErrorCode::unavailable, why});
}

void Clients::on_generated(NodeId from, const Generated& message) {
  const auto asked = asked_of_.find(message.request);
  if (asked == asked_of_.end() || asked->second != from) return;
  if (message.end || message.failure) asked_of_.erase(asked);
  continuations_.on_generated(message);
}

void Clients::peer_lost(NodeId peer) {
  for (const auto& [request, node] : asked_of_) {
    if (node != peer) continue;
    continuations_.interrupt_all();
    return;
  }
}

void Clients::on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event) {
  const uint64_t number = id.value();
  if (event.token) surroundings_.checks->told(number, event.token->token);
  if (!event.is_last()) return;
  const auto model = models_.extract(number);
  surroundings_.trace(
      std::format("request {} {}", number, event.failure ? "fails: " + event.failure->message : "ends"));
  if (event.failure) {
    surroundings_.checks->failed(number, event.failure->message, surroundings_.excuse(model ? model.mapped() : ""));
  } else {
    surroundings_.checks->ended(number);
  }
}

}  // namespace exogpu::sim
