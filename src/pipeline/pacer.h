// How hard the stages of one device work: what their node allows, and what they did.
//
// The node watches the device's heat and sets the limits. The thread that computes begins and ends steps here and rests
// between two of them, so that they take the allowed share of the time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "pipeline/compute.h"

namespace exogpu::pipeline {

struct PaceLimits {
  double pace = 1;      // above 0, at most 1: the share of the time that steps may take
  double threads = 1;   // likewise: of the threads of a CPU
  bool at_ease = true;  // nothing slows the device down: how fast it is now is how fast it can be
  friend bool operator==(const PaceLimits&, const PaceLimits&) = default;
};

// What the stages of a device did in some time.
struct DeviceWork {
  double busy_s = 0;             // in which a step was computed
  uint64_t tokens = 0;           // of the steps that ended
  std::optional<double> rate{};  // 0..1, how fast these were, of what such steps took at ease; absent: not known
};

// What a step has to compute.
struct StepSize {
  size_t tokens = 0;
  size_t sequences = 0;  // of which the tokens are
  size_t outputs = 0;    // tokens behind which another is sampled or scored
  double context = 0;    // tokens to which a token attends, the sum over the sequences of their means
};
// Nothing of a step that failed before it came, or of a replay, in which only some stages compute.
StepSize size_of(const wire::Step& step);

// A step as it was computed by a device that did nothing else and had nothing that slows it down.
struct StepRecord {
  std::string content;  // of its model
  wire::LayerRange layers;
  StepSize size;
  double took_s = 0;
};

// Any thread, any number of stages at a time.
class Pacer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  void set(const PaceLimits& limits) EXO_EXCLUDES(mutex_);
  PaceLimits limits() const EXO_EXCLUDES(mutex_);
  // The work since the last call; of a step in progress, the time so far.
  DeviceWork take(Time now) EXO_EXCLUDES(mutex_);

  // The first ones since the last call, at most kRecordsMax.
  static constexpr size_t kRecordsMax = 32;
  std::vector<StepRecord> take_records() EXO_EXCLUDES(mutex_);

  void begin(Time now) EXO_EXCLUDES(mutex_);
  // Of the step that began at `began`.
  void end(const ComputeInfo& info, const StepSize& size, Time began, Time now) EXO_EXCLUDES(mutex_);
  // After a step that took so long, by the limits of this moment.
  Duration rest(Duration took) const EXO_EXCLUDES(mutex_);

 private:
  // Steps that take about as long: those of the same layers with about as many tokens.
  using Kind = std::array<uint32_t, 5>;

  void record(const ComputeInfo& info, const StepSize& size, double took_s) EXO_REQUIRES(mutex_);

  mutable Mutex mutex_;
  PaceLimits limits_ EXO_GUARDED_BY(mutex_);
  uint32_t computing_ EXO_GUARDED_BY(mutex_) = 0;  // steps in progress
  bool at_a_time_ EXO_GUARDED_BY(mutex_) = false;  // since the device rested, steps were computed beside each other
  std::vector<StepRecord> records_ EXO_GUARDED_BY(mutex_);
  Time computing_since_ EXO_GUARDED_BY(mutex_){};  // or counted up to here
  DeviceWork work_ EXO_GUARDED_BY(mutex_);
  double took_s_ EXO_GUARDED_BY(mutex_) = 0, usual_s_ EXO_GUARDED_BY(mutex_) = 0;  // of steps that ended, and at ease
  std::map<Kind, double> usual_ EXO_GUARDED_BY(mutex_);                            // seconds for each unit of work
};

// By the id of the device in its node; each has one for as long as the node lives.
using Pacers = std::map<std::string, std::shared_ptr<Pacer>>;

}  // namespace exogpu::pipeline
