#include "pipeline/stage.h"

#include <chrono>

#include "pipeline/activation_codec.h"

namespace exogpu::pipeline {

Stage::Stage(engine::Shard shard, StageOptions options, std::function<void(StageOutput)> on_output)
    : shard_(std::move(shard)),
      options_(std::move(options)),
      on_output_(std::move(on_output)),
      pool_([this](size_t bytes) { return shard_.host_memory(bytes); }),
      thread_([this] { run(); }) {}

Stage::~Stage() { stop(); }

engine::Shard Stage::end() {
  stop();
  return std::move(shard_);
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
  for (const wire::SequenceChange& next : step.changes) {
    if (auto done = change(next); !done && !step.failure) step.failure = named(std::move(done).error());
  }
  Buffer out;
  std::vector<wire::SampledToken> tokens;
  if (!step.failure && !step.spans.empty()) {
    if (is_last()) {
      if (const auto logits = forward(input, {})) {
        tokens = sample(step, *logits);
      } else {
        step.failure = named(logits.error());
      }
    } else if (auto activations = hand_on(input)) {
      out = *std::move(activations);
    } else {
      step.failure = named(std::move(activations).error());
    }
  }
  step.stage_us.push_back(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started).count()));
  if (is_last()) {
    return wire::StepDone{.epoch = step.epoch,
                          .number = step.number,
                          .tokens = std::move(tokens),
                          .stage_us = std::move(step.stage_us),
                          .failure = std::move(step.failure)};
  }
  if (step.failure) out = {};
  step.stage = options_.index + 1;
  return StageHandOn{.step = std::move(step), .activations = std::move(out)};
}

Result<void> Stage::change(const wire::SequenceChange& change) {
  if (const auto* begin = std::get_if<wire::OpenSampler>(&change.what)) {
    return is_last() ? open(change.sequence, *begin) : Result<void>();
  }
  if (const auto* truncate = std::get_if<wire::Truncate>(&change.what)) {
    return shard_.truncate(change.sequence, truncate->end);
  }
  const auto& copy = std::get<wire::CopyPrefix>(change.what);
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
  const uint32_t columns = shard_.architecture().d_model;
  const auto row_bytes = wire::row_bytes(options_.activations, columns);
  Buffer out = pool_.take(input.step.rows() * row_bytes.value_or(0));
  if (options_.activations == wire::Dtype::f32) {
    EXO_CHECK(forward(input, out.floats()));
    return out;
  }
  EXO_TRY(const std::span<const float> result, forward(input, {}));
  EXO_CHECK(encode_rows(options_.activations, result, columns, out.bytes()));
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
