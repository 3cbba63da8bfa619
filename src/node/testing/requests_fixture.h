// Requests of a node whose ring is a driver that keeps its steps: the test completes them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/testing/examples.h"
#include "node/requests.h"
#include "node/testing/fake_transport.h"
#include "node/testing/generation_log.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node::testing {

using cluster::testing::add;
using cluster::testing::example_id;
using Lines = std::vector<std::string>;

inline constexpr wire::PlanEpoch kEpoch{7};

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() {
    requests_.register_handlers(dispatch_);
    transport_.connected = {example_id(2), example_id(3)};
  }
  void serve() {
    const TinyFile file("llama");
    serve("abc", "tiny", kEpoch, file);
  }
  // All stages of a plan for this model are ready.
  void serve(const std::string& content, const std::string& name, wire::PlanEpoch epoch, const TinyFile& file) {
    wire::ServedModel model = cluster::testing::example_model(2);
    model.content = content;
    model.model = name;
    wire::PlanMade made;
    made.plan.epoch = epoch;
    made.plan.model = name;
    made.plan.content = content;
    made.stage_bytes = {1};
    made.plan.settings.context = 64;
    made.plan.stages = {{.device = {.node = example_id(1), .device = "cpu"}, .layers = {0, 2}}};
    add(state_, wire::ModelSet{model});
    add(state_, made);
    add(state_, wire::StageReported{.epoch = epoch, .stage = 0, .phase = wire::StagePhase::ready, .failure = {}});
    encoders_[content].encoder = PromptEncoder::load(file.gguf()).value();
    update();
  }
  void update() {
    requests_.library_changed();
    update_plans();
  }
  // Where only plans have changed.
  void update_plans() {
    requests_.update(state_, {}, [this](const std::string& content) { return encoders_[content]; }, now_);
  }
  // The first stage is here.
  void have_ring() {
    first_node_ = example_id(1);
    driver_.emplace(kEpoch, pipeline::ScheduleOptions{.sequences = 4, .context = 64},
                    [this](pipeline::Work work) { steps_.push_back(std::move(work.step)); });
  }
  // The ring computes until nothing is in flight: it samples 65, 66, ... for every span that requests a token.
  void compute() {
    while (!steps_.empty()) {
      for (const wire::Step& step : std::exchange(steps_, {})) {
        wire::StepDone done{.epoch = step.epoch, .number = step.number};
        for (const wire::Span& span : step.spans) {
          if (span.sample) done.tokens.push_back({.sequence = span.sequence, .token = next_token_++});
        }
        driver_->on_done(done);
      }
    }
  }
  std::shared_ptr<GenerationLog> ask(uint32_t tokens_max = 2, const std::string& model = "tiny",
                                     std::optional<std::chrono::milliseconds> wait = {}) {
    GenerationRequest request{.model = model, .prompt = std::vector<model::TokenId>{1, 2, 3}, .options = {}};
    request.wait = wait;
    request.options.tokens_max = tokens_max;
    request.options.ignore_end = true;
    auto log = std::make_shared<GenerationLog>();
    requests_.generate(std::move(request), log, cancel_.get_token());
    tasks_.run();
    return log;
  }
  static wire::Generate remote_request(uint64_t number, wire::PlanEpoch epoch = kEpoch) {
    return {.epoch = epoch, .request = number, .tokens = {1, 2, 3}, .prompt_tokens = 3, .tokens_max = 2};
  }

  LiveRates measure(std::chrono::steady_clock::time_point at) { return requests_.measure("abc", *driver_, at); }

  wire::ReplicatedState state_;
  std::map<std::string, EncoderStatus> encoders_;
  cluster::Time now_{std::chrono::hours(1)};
  TaskQueue tasks_;
  std::stop_source cancel_;
  FakeTransport transport_;
  Dispatch dispatch_;
  std::vector<wire::Step> steps_;
  wire::TokenId next_token_ = 65;
  std::optional<pipeline::Driver> driver_;
  std::optional<wire::NodeId> first_node_;
  Requests requests_{
      example_id(1),
      transport_,
      {.driver = [this](wire::PlanEpoch epoch) { return epoch == kEpoch && driver_ ? &*driver_ : nullptr; },
       .first_node = [this](wire::PlanEpoch) { return first_node_; }},
      {.post = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
       .in_background = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
       .wait = std::chrono::seconds(5)},
      [](const std::string&) {}};
};

}  // namespace exogpu::node::testing
