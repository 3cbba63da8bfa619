#include "pipeline/stage.h"

#include <chrono>

#include "pipeline/activation_codec.h"

namespace exogpu::pipeline {

Stage::Stage(StageRemains from, StageOptions options, std::function<void(StageOutput)> on_output)
    : shard_(std::move(from.shard)),
      options_(std::move(options)),
      on_output_(std::move(on_output)),
      pool_([this](size_t bytes) { return shard_.host_memory(bytes); }),
      epoch_(from.epoch),
      sent_(std::move(from.sent)),
      thread_([this] { run(); }) {}

Stage::~Stage() { stop(); }

StageRemains Stage::end() {
  stop();
  return {.shard = std::move(shard_), .epoch = epoch_, .sent = std::move(sent_)};
}

void Stage::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    called_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void Stage::push(StageInput input) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(input));
    called_ = true;
  }
  if (options_.busy_wait != nullptr) options_.busy_wait->extend();
  wakes_.notify_one();
}

void Stage::run() {
  while (true) {
    StageInput input;
    if (options_.busy_wait != nullptr) options_.busy_wait->wait([&] { return called_.load(); });
    {
      std::unique_lock lock(mutex_);
      wakes_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      input = std::move(waiting_.front());
      waiting_.pop_front();
      called_ = !waiting_.empty();
    }
    StageOutput output = process(std::move(input));
    if (options_.busy_wait != nullptr) options_.busy_wait->extend();
    on_output_(std::move(output));
  }
}

Error Stage::named(Error error) const {
  error.message = options_.name + ": " + error.message;
  return error;
}

StageOutput Stage::process(StageInput input) {
  const auto started = std::chrono::steady_clock::now();
  wire::Step& step = input.step;
  const auto check = [&](Result<void> done) {
    if (!done && !step.failure) step.failure = named(std::move(done).error());
  };
  if (step.number == 1) check(begin(step));
  for (const wire::SequenceChange& next : step.changes) check(change(next));
  Buffer out;
  std::vector<wire::SampledToken> tokens;
  if (!step.failure && !step.spans.empty()) check(compute(input, out, tokens));
  step.stage_us.push_back(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started).count()));
  if (is_last()) {
    return wire::StepDone{.epoch = step.epoch,
                          .number = step.number,
                          .tokens = std::move(tokens),
                          .stage_us = std::move(step.stage_us),
                          .failure = std::move(step.failure)};
  }
  step.stage = options_.index + 1;
  if (!step.carries()) out = {};
  return StageHandOn{.step = std::move(step), .activations = std::move(out)};
}

// With the first step of a ring, the sequences are what its first stage's node counts on.
Result<void> Stage::begin(const wire::Step& first) {
  const bool anew = !first.keep || first.keep->anew.contains(options_.index);
  const bool keeps = !anew && epoch_ != wire::PlanEpoch() && epoch_ == first.keep->epoch;
  if (!keeps || sent_.row_bytes() != row_bytes()) sent_ = SentRows(row_bytes(), options_.sent_bytes_max);
  epoch_ = first.epoch;
  bool lacks = !anew && !keeps;
  for (uint32_t i = 0; i < shard_.options().sequences; ++i) {
    const wire::SeqId sequence(i);
    const uint32_t tokens = keeps && i < first.keep->tokens.size() ? first.keep->tokens[i] : 0;
    lacks |= shard_.length(sequence) < tokens;
    EXO_CHECK(shard_.truncate(sequence, tokens));
    sent_.truncate(sequence, tokens);
  }
  if (!lacks) return {};
  return fail(ErrorCode::failed_precondition, "what the ring before held is gone");
}

Result<void> Stage::compute(const StageInput& input, Buffer& out, std::vector<wire::SampledToken>& tokens) {
  const auto& only = input.step.replay;
  if (only && options_.index + 1 == only->begin) {
    EXO_TRY(out, replay(input.step));
    return {};
  }
  if (only && !only->contains(options_.index)) return {};
  if (is_last()) {
    EXO_TRY(const auto logits, forward(input, {}));
    tokens = sample(input.step, logits);
    return {};
  }
  EXO_TRY(out, hand_on(input));
  keep_sent(input.step, out);
  return {};
}

// What was sent to the stage behind, which has been lost with it.
Result<Buffer> Stage::replay(const wire::Step& step) {
  Buffer out = pool_.take(step.rows() * row_bytes());
  std::span<std::byte> left = out.bytes();
  for (const wire::Span& span : step.spans) {
    const auto rows = left.first(span.count * row_bytes());
    if (!sent_.read(span.sequence, span.position, rows)) {
      return fail(ErrorCode::failed_precondition, "the activations of a lost stage are not kept any more");
    }
    left = left.subspan(rows.size());
  }
  return out;
}

void Stage::keep_sent(const wire::Step& step, const Buffer& sent) {
  std::span<const std::byte> left = sent.bytes();
  for (const wire::Span& span : step.spans) {
    const auto rows = left.first(span.count * row_bytes());
    sent_.add(span.sequence, span.position, rows);
    left = left.subspan(rows.size());
  }
}

size_t Stage::row_bytes() const {
  return wire::row_bytes(options_.activations, shard_.architecture().d_model).value_or(0);
}

Result<void> Stage::change(const wire::SequenceChange& change) {
  if (const auto* begin = std::get_if<wire::OpenSampler>(&change.what)) {
    return is_last() ? open(change.sequence, *begin) : Result<void>();
  }
  if (const auto* truncate = std::get_if<wire::Truncate>(&change.what)) {
    sent_.truncate(change.sequence, truncate->end);
    return shard_.truncate(change.sequence, truncate->end);
  }
  const auto& copy = std::get<wire::CopyPrefix>(change.what);
  sent_.copy_prefix(copy.from, change.sequence, copy.length);
  return shard_.copy_prefix(copy.from, change.sequence, copy.length);
}

// Settings that the sampler refuses are told when it is to sample: they concern this sequence alone.
Result<void> Stage::open(wire::SeqId sequence, const wire::OpenSampler& open) {
  if (sequence.value() >= shard_.options().sequences) {
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} of this stage", sequence.value(),
                shard_.options().sequences);
  }
  auto sampler = engine::Sampler::create(open.settings, shard_.architecture().n_vocab);
  if (sampler) {
    const uint32_t before = open.length - std::min<uint32_t>(open.length, static_cast<uint32_t>(open.recent.size()));
    for (uint32_t i = 0; i < before; ++i) sampler->accept(-1);  // only counts
    for (const wire::TokenId token : open.recent) sampler->accept(token);
  }
  samplers_.insert_or_assign(sequence, std::move(sampler));
  return {};
}

// What goes to the next stage, straight from the device where it travels as it was computed.
Result<Buffer> Stage::hand_on(const StageInput& input) {
  Buffer out = pool_.take(input.step.rows() * row_bytes());
  if (options_.activations == wire::Dtype::f32) {
    EXO_CHECK(forward(input, out.floats()));
    return out;
  }
  EXO_TRY(const std::span<const float> result, forward(input, {}));
  EXO_CHECK(encode_rows(options_.activations, result, shard_.architecture().d_model, out.bytes()));
  return out;
}

Result<std::span<const float>> Stage::forward(const StageInput& input, std::span<float> into) {
  spans_.clear();
  for (const wire::Span& span : input.step.spans) {
    spans_.push_back({span.sequence, span.position, span.count, span.sample ? 1U : 0U});
  }
  engine::Batch batch{.sequences = spans_, .tokens = input.tokens, .activations = {}, .into = into};
  if (shard_.layers().begin > 0) {
    const uint32_t columns = shard_.architecture().d_model;
    const uint64_t values = input.step.rows() * columns;
    if (input.step.rows() > shard_.options().batch_tokens) {
      return fail(ErrorCode::invalid_argument, "a step of {} tokens; this stage takes {}", input.step.rows(),
                  shard_.options().batch_tokens);
    }
    if (input.dtype == wire::Dtype::f32) {
      if (input.activations.floats().size() != values) {
        return fail(ErrorCode::corrupt, "the activations do not belong to their step");
      }
      batch.activations = input.activations.floats();
    } else {
      decoded_.resize(values);
      EXO_CHECK(decode_rows(input.dtype, input.activations.bytes(), columns, decoded_));
      batch.activations = decoded_;
    }
  }
  return shard_.forward(batch);
}

std::vector<wire::SampledToken> Stage::sample(const wire::Step& step, std::span<const float> logits) {
  const uint32_t n_vocab = shard_.architecture().n_vocab;
  std::vector<wire::SampledToken> tokens;
  size_t row = 0;
  for (const wire::Span& span : step.spans) {
    if (!span.sample) continue;
    wire::SampledToken& token = tokens.emplace_back();
    token.sequence = span.sequence;
    const auto of_row = logits.subspan(row++ * n_vocab, n_vocab);
    const auto sampler = samplers_.find(span.sequence);
    if (sampler == samplers_.end()) {
      token.failure = named({ErrorCode::failed_precondition, "a sequence without a sampler"});
      continue;
    }
    if (!sampler->second) {
      token.failure = sampler->second.error();
      continue;
    }
    const auto choice = sampler->second->sample(of_row);
    if (!choice) {
      token.failure = choice.error();
      continue;
    }
    sampler->second->accept(choice->token);
    token.token = choice->token;
    token.logprob = choice->logprob;
    token.top.assign(choice->top.begin(), choice->top.end());
  }
  return tokens;
}

}  // namespace exogpu::pipeline
