#include "pipeline/answer_recorder.h"

#include <algorithm>

#include "base/rng.h"
#include "pipeline/input_sketch.h"

namespace exogpu::pipeline {
namespace {

constexpr size_t kRowsMax = 512;  // of one answer

}  // namespace

void AnswerRecorder::add(RequestId id, const Request& request) {
  if (request.embed || request.continues() || random_unit(seed_, draws_++) >= share_) return;
  records_[id].record = {.tokens = request.tokens,
                         .prompt_tokens = static_cast<uint32_t>(request.tokens.size()),
                         .sampling = request.sampling};
}

void AnswerRecorder::begun(wire::Step& step, const std::vector<RequestId>& of) {
  // All steps bring sketches, so that no stage can tell which answers are recorded.
  step.sketches_wanted = !step.spans.empty() && !step.replay;
  if (!step.sketches_wanted) return;
  std::vector<Part>& parts = steps_[step.number];
  for (size_t i = 0; i < step.spans.size(); ++i)
    parts.push_back({.id = of[i], .position = step.spans[i].position, .count = step.spans[i].count});
}

void AnswerRecorder::done(const wire::StepDone& done) {
  const auto found = steps_.find(done.number);
  if (found == steps_.end()) return;
  const std::vector<Part> parts = std::move(found->second);
  steps_.erase(found);
  if (done.failure) return;
  for (uint32_t i = 0; i < done.sketches.size(); ++i) {
    const wire::InputSketch& sketch = done.sketches[i];
    if (sketch.values.size() != parts.size() * wire::kSketchValues) continue;
    for (uint32_t span = 0; span < parts.size(); ++span) {
      const auto recording = records_.find(parts[span].id);
      if (recording == records_.end()) continue;
      const auto values = std::span(sketch.values).subspan(span * wire::kSketchValues, wire::kSketchValues);
      add_row(recording->second, {.stage = i + 1,
                                  .position = parts[span].position + sketched_row(sketch.seed, span, parts[span].count),
                                  .seed = sketch.seed,
                                  .span = span,
                                  .values = {values.begin(), values.end()}});
    }
  }
}

// A reservoir: each row of a long answer stays with the same probability.
void AnswerRecorder::add_row(Recording& recording, SketchedRow row) {
  std::vector<SketchedRow>& rows = recording.record.rows;
  ++recording.rows_seen;
  if (rows.size() < kRowsMax) return rows.push_back(std::move(row));
  const uint64_t place = random_bits(seed_, draws_++) % recording.rows_seen;
  if (place < kRowsMax) rows[place] = std::move(row);
}

void AnswerRecorder::take(RequestId id, const TokenEvent& event) {
  const auto found = records_.find(id);
  if (found == records_.end()) return;
  if (event.token) found->second.record.tokens.push_back(event.token->token);
  if (!event.is_last()) return;
  AnswerRecord record = std::move(found->second.record);
  records_.erase(found);
  if (!event.failure && !record.rows.empty()) on_record_(std::move(record));
}

}  // namespace exogpu::pipeline
