#include "sim/clients.h"

#include <format>
#include <utility>

#include "cluster/fold.h"
#include "sim/fake_backend.h"

namespace exogpu::sim {

using namespace wire;

Clients::Clients(uint32_t index, std::string content, NodeId self, pipeline::RequestServer& server, ClientsHost host)
    : index_(index),
      content_(std::move(content)),
      self_(self),
      host_(std::move(host)),
      client_(self, server,
              {.first_node = [this] { return first_; },
               .send = host_.send,
               .on_generated =
                   [this](Generated message) {
                     message.request &= (uint64_t{1} << kIndexShift) - 1;
                     continuations_.on_generated(message);
                   },
               .on_interrupted = [this] { continuations_.interrupt_all(); }}),
      continuations_(
          {.submit = [this](Generate request) { return submit(std::move(request)); },
           .cancel =
               [this](uint64_t request) {
                 host_.fairness->cancelled(self_, numbered(request));
                 client_.cancel(numbered(request));
               },
           .on_event = [this](pipeline::AnswerId id, const pipeline::TokenEvent& event) { on_event(id, event); }}) {}

bool Clients::ask(ClientRequest request, const NodeIncarnation& node, uint32_t layers) {
  if (!takes_requests_) return false;
  host_.trace(std::format("asks for {} tokens for client {}, request {}", request.tokens, request.client.value(),
                          request.number));
  const pipeline::testing::FakeModel model{
      .content = content_number(content_), .layers = layers, .vocabulary = kVocabulary, .recurrent = host_.recurrent};
  host_.checks->asked(request.number, node, pipeline::testing::ExpectedAnswer(model, request.seed, request.prompt),
                      request.tokens);
  pipeline::Request submitted;
  submitted.tokens = std::move(request.prompt);
  submitted.sampling.seed = request.seed;
  submitted.tokens_max = request.tokens;
  submitted.client = request.client;
  continuations_.begin(pipeline::AnswerId(request.number), std::move(submitted));
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
  request.request = numbered(request.request);
  if (first_) host_.fairness->submitted(self_, request, request.client);
  if (host_.confuses_clients) request.client = {};
  return client_.submit(std::move(request));
}

void Clients::pause(const std::string& why) {
  epoch_.reset();
  first_.reset();
  continuations_.pause({ErrorCode::unavailable, why});
}

void Clients::follow_plan(const ModelRecord& model) {
  const StagePlan& plan = model.plan->made.plan;
  if (encoder_ && cluster::serving(model)) {
    if (epoch_ == plan.epoch) return;
    epoch_ = plan.epoch;
    first_ = plan.stages.front().device.node;
    takes_requests_ = true;
    continuations_.serve(plan.epoch);
  } else if (epoch_ || first_) {
    pause("the stages are not ready");
    continuations_.interrupt_all();
  }
}

void Clients::update(const ReplicatedState& state, bool obeys, Time now) {
  if (!obeys) {  // what was served may still be
    if (without_since_) without_since_ = now;
    return;
  }
  const auto found = state.models.find(content_);
  if (found != state.models.end() && found->second.plan) {
    without_since_.reset();
    return follow_plan(found->second);
  }
  const std::string no_plan_reason =
      found == state.models.end() ? std::string(cluster::kNotServed) : found->second.no_plan_reason;
  if (!without_since_) {
    without_since_ = now;
    pause(no_plan_reason);
    // As a node's gate does it: what is in flight for a model that was removed may end.
    if (found != state.models.end()) continuations_.interrupt_all();
  }
  if (!takes_requests_ || now - *without_since_ < host_.no_plan_wait) return;
  // A node may just have come online again.
  const std::string why = host_.careless ? no_plan_reason : host_.excuse();
  if (why.empty()) {
    without_since_ = now;
    return;
  }
  host_.trace("gives up: " + why);
  takes_requests_ = false;
  continuations_.fail_waiting({ErrorCode::unavailable, why});
}

void Clients::on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event) {
  const uint64_t number = id.value();
  if (event.token) host_.checks->received(number, event.token->token);
  if (!event.is_last()) return;
  host_.trace(std::format("request {} {}", number, event.failure ? "fails: " + event.failure->message : "ends"));
  if (event.failure) {
    host_.checks->failed(number, event.failure->message, host_.excuse());
  } else {
    host_.checks->ended(number);
  }
}

}  // namespace exogpu::sim
