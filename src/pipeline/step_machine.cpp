#include "pipeline/step_machine.h"

#include "base/assert.h"
#include "base/rng.h"
#include "pipeline/activation_codec.h"
#include "pipeline/input_sketch.h"

namespace exogpu::pipeline {

StepMachine::StepMachine(RetainedStage from, StageOptions options)
    : compute_(std::move(from.compute)),
      options_(std::move(options)),
      pool_([compute = compute_.get()](size_t bytes) { return compute->host_memory(bytes); }),
      epoch_(from.epoch),
      sent_(std::move(from.sent)) {
  EXO_ASSERT(compute_, "a stage has something to compute with");
}

RetainedStage StepMachine::release() {
  return {.compute = std::move(compute_), .epoch = epoch_, .sent = std::move(sent_)};
}

Error StepMachine::named(Error error) const {
  if (!options_.name.empty()) error.message = options_.name + ": " + error.message;
  return error;
}

StageOutput StepMachine::run(StageInput input) {
  EXO_ASSERT(compute_, "no step follows release()");
  wire::Step& step = input.step;
  const auto check = [&](Result<void> done) {
    if (!done && !step.failure) step.failure = named(std::move(done).error());
  };
  if (step.number == 1) check(resume(step));
  for (const wire::SequenceChange& next : step.changes) check(change(next));
  if (step.releases) compute_->release_rows();
  Buffer out;
  LastOutput last;
  if (!step.failure && !step.spans.empty()) check(compute(input, out, last));
  if (auto why = step.failure ? compute_->lost() : std::nullopt) return StageLost{named(*std::move(why))};
  if (info().last()) {
    return wire::StepDone{.epoch = step.epoch,
                          .number = step.number,
                          .tokens = std::move(last.tokens),
                          .stage_us = std::move(step.stage_us),
                          .scored = std::move(last.scored),
                          .sketches = std::move(step.sketches),
                          .failure = std::move(step.failure)};
  }
  step.stage = options_.index + 1;
  if (!step.carries()) out = {};
  return ForwardedStep{.step = std::move(step), .activations = std::move(out)};
}

// With the first step of a ring, the sequences become what its first stage's node counts on.
Result<void> StepMachine::resume(const wire::Step& first) {
  const bool fresh = !first.resume || first.resume->fresh_stages.contains(options_.index);
  const bool resumes = !fresh && epoch_ != wire::PlanEpoch() && epoch_ == first.resume->epoch;
  if (!resumes || sent_.row_bytes() != row_bytes()) sent_ = SentRows(row_bytes(), options_.sent_bytes_max);
  epoch_ = first.epoch;
  bool lacks = !fresh && !resumes;
  for (uint32_t i = 0; i < info().sequences; ++i) {
    const wire::SeqId sequence(i);
    const uint32_t tokens = resumes && i < first.resume->tokens.size() ? first.resume->tokens[i] : 0;
    lacks |= compute_->length(sequence) < tokens;
    EXO_CHECK(compute_->truncate(sequence, tokens));
    sent_.truncate(sequence, tokens);
  }
  if (info().pooled) {
    std::vector<wire::Placement> places;
    for (uint32_t i = 0; i < info().sequences; ++i) {
      const bool has = first.resume && i < first.resume->regions.size();
      places.push_back({.sequence = wire::SeqId(i), .region = has ? first.resume->regions[i] : wire::Region()});
    }
    EXO_CHECK(compute_->place(places));
  }
  if (!lacks) return {};
  return fail(ErrorCode::failed_precondition, "the KV cache of the previous ring is no longer resident");
}

Result<void> StepMachine::change(const wire::SequenceChange& change) {
  if (const auto* open = std::get_if<wire::OpenSampler>(&change.kind)) {
    return info().last() ? compute_->open_sampler(change.sequence, *open) : Result<void>();
  }
  if (const auto* truncate = std::get_if<wire::Truncate>(&change.kind)) {
    sent_.truncate(change.sequence, truncate->end);
    return compute_->truncate(change.sequence, truncate->end);
  }
  if (const auto* place = std::get_if<wire::Place>(&change.kind)) {
    const wire::Placement placement{.sequence = change.sequence, .region = place->region};
    sent_.truncate(change.sequence, place->region.rows);
    return compute_->place({&placement, 1});
  }
  const auto& copy = std::get<wire::CopyPrefix>(change.kind);
  sent_.copy_prefix(copy.from, change.sequence, copy.length);
  return compute_->copy_prefix(copy.from, change.sequence, copy.length);
}

Result<void> StepMachine::compute(StageInput& input, Buffer& out, LastOutput& last) {
  const auto& only = input.step.replay;
  if (only && options_.index + 1 == only->begin) {
    EXO_TRY(out, replay(input.step));
    return {};
  }
  if (only && !only->contains(options_.index)) return {};
  EXO_TRY(const ComputeBatch batch, batch_of(input));
  if (input.step.sketches_wanted && !info().first() && !only) {
    const uint64_t seed = random_bits(options_.sketch_secret, input.step.number);
    input.step.sketches.push_back(sketch_of(batch.spans, batch.activations, info().activation_width, seed));
  }
  if (info().last()) {
    EXO_TRY(last, compute_->forward_and_sample(batch));
    return {};
  }
  EXO_TRY(out, forward(batch, input.step.rows()));
  retain(input.step, out);
  return {};
}

// The rows that were sent to the stage behind, which was lost with its node.
Result<Buffer> StepMachine::replay(const wire::Step& step) {
  Buffer out = pool_.take(step.rows() * row_bytes());
  std::span<std::byte> rest = out.bytes();
  for (const wire::Span& span : step.spans) {
    const auto rows = rest.first(span.count * row_bytes());
    if (!sent_.read(span.sequence, span.position, rows)) {
      return fail(ErrorCode::failed_precondition, "the activations for a lost stage are no longer retained");
    }
    rest = rest.subspan(rows.size());
  }
  return out;
}

void StepMachine::retain(const wire::Step& step, const Buffer& sent) {
  std::span<const std::byte> rest = sent.bytes();
  for (const wire::Span& span : step.spans) {
    const auto rows = rest.first(span.count * row_bytes());
    sent_.add(span.sequence, span.position, rows);
    rest = rest.subspan(rows.size());
  }
}

size_t StepMachine::row_bytes() const {
  return wire::row_bytes(options_.activations, info().activation_width).value_or(0);
}

// The activations for the next stage, straight from the device where it travels as it was computed.
Result<Buffer> StepMachine::forward(const ComputeBatch& batch, uint64_t rows) {
  Buffer out = pool_.take(rows * row_bytes());
  if (options_.activations == wire::Dtype::f32) {
    EXO_CHECK(compute_->forward(batch, out.floats()));
    return out;
  }
  EXO_TRY(const std::span<const float> result, compute_->forward(batch, {}));
  EXO_CHECK(encode_rows(options_.activations, result, info().activation_width, out.bytes()));
  return out;
}

Result<ComputeBatch> StepMachine::batch_of(const StageInput& input) {
  ComputeBatch batch{.spans = input.step.spans, .tokens = input.tokens, .activations = {}};
  if (info().first()) return batch;
  const uint32_t columns = info().activation_width;
  const uint64_t values = input.step.rows() * columns;
  if (input.step.rows() > info().batch_tokens) {
    return fail(ErrorCode::invalid_argument, "a step of {} tokens; this stage takes {}", input.step.rows(),
                info().batch_tokens);
  }
  if (input.dtype == wire::Dtype::f32) {
    if (input.activations.floats().size() != values) {
      return fail(ErrorCode::corrupt, "the activations do not belong to their step");
    }
    batch.activations = input.activations.floats();
    return batch;
  }
  decoded_.resize(values);
  EXO_CHECK(decode_rows(input.dtype, input.activations.bytes(), columns, decoded_));
  batch.activations = decoded_;
  return batch;
}

}  // namespace exogpu::pipeline
