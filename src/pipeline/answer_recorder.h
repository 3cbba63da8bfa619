// Records a share of a ring's answers with what each stage received for them, so that they can be computed again
// elsewhere and compared.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "pipeline/request.h"
#include "pipeline/scheduler.h"
#include "pipeline/token_event.h"

namespace exogpu::pipeline {

// One row of what a stage received.
struct SketchedRow {
  uint32_t stage = 0;     // the receiver
  uint32_t position = 0;  // of the row's token
  uint64_t seed = 0;
  uint32_t span = 0;  // its index in the step, as project() takes it
  std::vector<float> values{};
};

struct AnswerRecord {
  std::vector<wire::TokenId> tokens;  // prompt and answer
  uint32_t prompt_tokens = 0;
  wire::SamplerSettings sampling{};
  std::vector<SketchedRow> rows{};
};

// One thread, that of the driver.
class AnswerRecorder {
 public:
  // `share` of the requests, 0..1, are recorded; which ones follows from `seed`. `on_record` gets each that has ended
  // without a failure.
  AnswerRecorder(double share, uint64_t seed, std::function<void(AnswerRecord)> on_record)
      : share_(share), seed_(seed), on_record_(std::move(on_record)) {}

  void add(RequestId id, const Request& request);
  // A step begins, of these requests in the order of its spans. It is to bring sketches.
  void begun(wire::Step& step, const std::vector<RequestId>& of);
  void done(const wire::StepDone& done);
  void take(RequestId id, const TokenEvent& event);
  void forget(RequestId id) { records_.erase(id); }

 private:
  struct Recording {
    AnswerRecord record;
    uint64_t rows_seen = 0;
  };
  struct Part {
    RequestId id;
    uint32_t position = 0, count = 0;
  };
  void add_row(Recording& recording, SketchedRow row);

  double share_;
  uint64_t seed_;
  std::function<void(AnswerRecord)> on_record_;
  uint64_t draws_ = 0;
  std::map<RequestId, Recording> records_;
  std::map<uint64_t, std::vector<Part>> steps_;  // in flight, by number
};

}  // namespace exogpu::pipeline
