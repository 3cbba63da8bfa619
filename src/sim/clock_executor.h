// Does the steps of a stage on the simulator's clock.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "pipeline/pacer.h"
#include "pipeline/step_executor.h"
#include "sim/network.h"

namespace exogpu::sim {

struct ClockExecutorHost {
  std::function<void(Duration, std::function<void()>)> later;  // while the node's process lives
  std::function<Time()> now;
  std::function<Duration(const pipeline::StageInput&)> takes;
  // With each push; `waiting`: steps of the stage that are not done.
  std::function<void(const pipeline::StageInput&, size_t waiting)> on_push;
  std::shared_ptr<pipeline::Pacer> pacer;  // by which it rests between two steps
};

class ClockExecutor final : public pipeline::StepExecutor {
 public:
  ClockExecutor(const pipeline::ComputeInfo& info, pipeline::StepWork work, ClockExecutorHost host)
      : info_(info), work_(std::move(work)), host_(std::move(host)), alive_(std::make_shared<ClockExecutor*>(this)) {}
  ~ClockExecutor() override { stop(); }

  void push(pipeline::StageInput input) override;
  void stop() override;

 private:
  void begin();
  void finish();
  void rest();

  pipeline::ComputeInfo info_;
  pipeline::StepWork work_;
  ClockExecutorHost host_;
  std::deque<pipeline::StageInput> waiting_;
  std::optional<pipeline::StageInput> current_;
  Duration takes_{};  // the current step
  bool rests_ = false;
  std::shared_ptr<ClockExecutor*> alive_;
};

}  // namespace exogpu::sim
