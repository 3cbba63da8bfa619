#include "sim/clients.h"

#include <format>
#include <utility>

#include "cluster/fold.h"
#include "cluster/plan_for.h"
#include "sim/fake_backend.h"

namespace exogpu::sim {

using namespace wire;

Clients::Clients(NodeId self, pipeline::RequestServer& server, ClientsHost host)
    : host_(std::move(host)),
      client_(self, server,
              {.first_node = [this] { return first_; },
               .send = host_.send,
               .on_generated = [this](const Generated& message) { continuations_.on_generated(message); },
               .on_interrupted = [this] { continuations_.interrupt_all(); }}),
      continuations_(
          {.submit = [this](Generate request) { return submit(std::move(request)); },
           .cancel = [this](uint64_t request) { client_.cancel(request); },
           .on_event = [this](pipeline::AnswerId id, const pipeline::TokenEvent& event) { on_event(id, event); }}) {}

bool Clients::ask(uint64_t number, const NodeIncarnation& node, uint32_t layers, uint64_t seed,
                  std::vector<TokenId> prompt, uint32_t tokens) {
  if (!model_) return false;
  host_.trace(std::format("asks for {} tokens, request {}", tokens, number));
  const pipeline::testing::FakeModel model{
      .content = content_number(*model_), .layers = layers, .vocabulary = kVocabulary};
  host_.checks->asked(number, node, pipeline::testing::ExpectedAnswer(model, seed, prompt), tokens);
  models_.emplace(number, *model_);
  pipeline::Request request;
  request.tokens = std::move(prompt);
  request.sampling.seed = seed;
  request.tokens_max = tokens;
  continuations_.begin(pipeline::AnswerId(number), *model_, std::move(request));
  return true;
}

Result<void> Clients::submit(Generate request) {
  // A request is refused again and again until there is a plan; only one that is sent counts as continued.
  if (first_ && request.tokens.size() > request.prompt_tokens) {
    host_.checks->continued();
    if (std::exchange(host_.forgets_last, false)) {
      request.tokens.pop_back();
      ++request.tokens_max;
    }
  }
  return client_.submit(std::move(request));
}

void Clients::follow_plan(const ReplicatedState& state) {
  const StagePlan& plan = state.plan->made.plan;
  // A plan for another model than the one that is now requested is about to be replaced.
  const bool current = state.model && state.model->content == plan.content && encoder_ == plan.content;
  if (current && cluster::serving(state)) {
    if (epoch_ == plan.epoch) return;
    epoch_ = plan.epoch;
    first_ = plan.stages.front().device.node;
    model_ = plan.content;
    continuations_.serve(plan.epoch, plan.content);
  } else if (epoch_ || first_) {
    epoch_.reset();
    first_.reset();
    continuations_.pause({ErrorCode::unavailable, "the stages are not ready"});
    continuations_.interrupt_all();
  }
}

void Clients::update(const ReplicatedState& state, bool obeys, Time now) {
  if (!obeys) {  // what was served may still be
    if (without_since_) without_since_ = now;
    return;
  }
  if (state.plan) {
    without_since_.reset();
    return follow_plan(state);
  }
  if (!without_since_) {
    without_since_ = now;
    epoch_.reset();
    first_.reset();
    continuations_.pause({ErrorCode::unavailable, state.no_plan_reason});
    continuations_.interrupt_all();
  }
  if (!model_ || now - *without_since_ < host_.no_plan_wait) return;
  // A node may just have come online again.
  const std::string why = host_.careless ? state.no_plan_reason : cluster::impossible_reason(state);
  if (why.empty()) {
    without_since_ = now;
    return;
  }
  host_.trace("gives up: " + why);
  model_.reset();
  continuations_.fail_waiting({ErrorCode::unavailable, why});
}

void Clients::on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event) {
  const uint64_t number = id.value();
  if (event.token) host_.checks->received(number, event.token->token);
  if (!event.is_last()) return;
  const auto model = models_.extract(number);
  host_.trace(std::format("request {} {}", number, event.failure ? "fails: " + event.failure->message : "ends"));
  if (event.failure) {
    host_.checks->failed(number, event.failure->message, host_.excuse(model ? model.mapped() : ""));
  } else {
    host_.checks->ended(number);
  }
}

}  // namespace exogpu::sim
