// How long the steps of a ring are between its stages.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace exogpu::pipeline {

// From when the first stage was given a step until its result was back, without the time for which stages computed it:
// on links, and on the threads that send and receive.
struct TripRecord {
  size_t tokens = 0;
  double between_s = 0;
};

// Of the node where the ring begins. Only steps that were alone in the ring count: others wait for each other.
class TripTimes {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr size_t kRecordsMax = 32;  // until they are taken

  void begun(size_t tokens, Time now);
  // The oldest one. `stage_us`: what each stage took for it.
  void done(const std::vector<uint32_t>& stage_us, Time now);
  std::vector<TripRecord> take();

 private:
  size_t in_flight_ = 0;
  struct Alone {
    size_t tokens = 0;
    Time begun{};
  };
  std::optional<Alone> alone_;
  std::vector<TripRecord> records_;
};

}  // namespace exogpu::pipeline
