// A ring whose stages all compute on the calling thread: a whole model in one process, without a node.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "pipeline/compute.h"
#include "pipeline/driver.h"
#include "pipeline/ring.h"

namespace exogpu::pipeline {

// One thread at a time. Sequences retain their tokens, so the next request computes only what is new to it.
class LocalRing {
 public:
  // `computes`: at least one; together all layers of a model, in order.
  LocalRing(std::vector<std::unique_ptr<Compute>> computes, uint32_t context);
  LocalRing(const LocalRing&) = delete;
  LocalRing& operator=(const LocalRing&) = delete;

  // Computes until the last event, until `on_event` returns false, or until `cancel` is requested, which counts between
  // two steps. A step that remains in the queue is computed before those of the next request.
  // Errors: those of Driver::generate(). A later failure is an event.
  Result<void> generate(Request request, const std::function<bool(const TokenEvent&)>& on_event,
                        const std::stop_token& cancel = {});

 private:
  class CallerExecutor;
  using Task = std::move_only_function<void()>;

  RingHost host();

  std::deque<Task> tasks_;  // steps to compute, and what the ring does with their results
  std::unique_ptr<Ring> ring_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace exogpu::pipeline
