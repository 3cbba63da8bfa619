#include "wire/ring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "proto/ring.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

// As long as a duration may be without a sum of two overflowing.
std::chrono::milliseconds wait_of(uint64_t ms) {
  constexpr uint64_t kLongestMs = uint64_t{365} * 24 * 3600 * 1000;
  return std::chrono::milliseconds(std::min(ms, kLongestMs));
}

void put(proto::Sampling& out, const SamplerSettings& in) {
  out.set_temperature(in.temperature);
  out.set_top_k(in.top_k);
  out.set_top_p(in.top_p);
  out.set_min_p(in.min_p);
  out.set_typical_p(in.typical_p);
  out.set_repeat_penalty(in.repeat_penalty);
  out.set_presence_penalty(in.presence_penalty);
  out.set_frequency_penalty(in.frequency_penalty);
  out.set_penalty_last_n(in.penalty_last_n);
  for (const auto& [token, value] : in.logit_bias) {
    auto* bias = out.add_logit_bias();
    bias->set_token(token);
    bias->set_value(value);
  }
  out.set_seed(in.seed);
  out.set_logprobs_plus_one(in.logprobs ? *in.logprobs + 1 : 0);
  if (in.constraint) {
    out.mutable_constraint()->set_kind(static_cast<uint32_t>(in.constraint->kind));
    out.mutable_constraint()->set_text(in.constraint->text);
  }
}

Result<Constraint> constraint_of(const proto::Constraint& in, std::string_view name) {
  if (in.kind() > static_cast<uint32_t>(kConstraintKindLast)) {
    return fail(ErrorCode::corrupt, "a {} message with a constraint of a kind that is not known here ({})", name,
                in.kind());
  }
  if (in.text().size() > kConstraintBytesMax) {
    return fail(ErrorCode::corrupt, "a {} message with a constraint of {} bytes, at most {} are allowed", name,
                format_count(in.text().size()), format_count(kConstraintBytesMax));
  }
  return Constraint{.kind = static_cast<ConstraintKind>(in.kind()), .text = in.text()};
}

// The sampler checks the ranges.
Result<SamplerSettings> sampling_of(const proto::Sampling& in, std::string_view name) {
  for (const float value : {in.temperature(), in.top_p(), in.min_p(), in.typical_p(), in.repeat_penalty(),
                            in.presence_penalty(), in.frequency_penalty()}) {
    if (std::isnan(value)) return fail(ErrorCode::corrupt, "a {} message whose sampling is not a number", name);
  }
  EXO_CHECK(within(in.logit_bias_size(), kLogitBiasMax, "the logit bias of a message"));
  SamplerSettings out = {.temperature = in.temperature(),
                         .top_k = in.top_k(),
                         .top_p = in.top_p(),
                         .min_p = in.min_p(),
                         .typical_p = in.typical_p(),
                         .repeat_penalty = in.repeat_penalty(),
                         .presence_penalty = in.presence_penalty(),
                         .frequency_penalty = in.frequency_penalty(),
                         .penalty_last_n = in.penalty_last_n(),
                         .logit_bias = {},
                         .seed = in.seed(),
                         .logprobs = std::nullopt,
                         .constraint = std::nullopt};
  for (const auto& bias : in.logit_bias()) {
    if (std::isnan(bias.value()))
      return fail(ErrorCode::corrupt, "a {} message whose logit bias is not a number", name);
    out.logit_bias[bias.token()] = bias.value();
  }
  if (in.logprobs_plus_one() > 0) out.logprobs = in.logprobs_plus_one() - 1;
  if (in.has_constraint()) {
    EXO_TRY(out.constraint, constraint_of(in.constraint(), name));
  }
  return out;
}

void put(proto::SequenceChange& out, const SequenceChange& in) {
  out.set_sequence(in.sequence.value());
  if (const auto* open = std::get_if<OpenSampler>(&in.kind)) {
    put(*out.mutable_open()->mutable_sampling(), open->settings);
    out.mutable_open()->set_length(open->length);
    out.mutable_open()->mutable_recent()->Add(open->recent.begin(), open->recent.end());
    out.mutable_open()->mutable_generated()->Add(open->generated.begin(), open->generated.end());
    out.mutable_open()->set_tokens_left(open->tokens_left);
  } else if (const auto* truncate = std::get_if<Truncate>(&in.kind)) {
    out.set_truncate(truncate->end);
  } else {
    const auto& copy = std::get<CopyPrefix>(in.kind);
    out.set_copy_from(copy.from.value());
    out.set_copy_length(copy.length);
  }
}

Result<SequenceChange> change_of(const proto::SequenceChange& in) {
  SequenceChange out{.sequence = SeqId(in.sequence()), .kind = {}};
  switch (in.kind_case()) {
    case proto::SequenceChange::kOpen: {
      EXO_CHECK(within(in.open().recent_size(), kPenaltyTokensMax, "the recent tokens of a step"));
      EXO_CHECK(within(in.open().generated_size(), kTokensMax, "the generated tokens of a step"));
      EXO_TRY(SamplerSettings settings, sampling_of(in.open().sampling(), "step"));
      out.kind = OpenSampler{.settings = std::move(settings),
                             .length = in.open().length(),
                             .recent = {in.open().recent().begin(), in.open().recent().end()},
                             .generated = {in.open().generated().begin(), in.open().generated().end()},
                             .tokens_left = in.open().tokens_left()};
      return out;
    }
    case proto::SequenceChange::kTruncate: out.kind = Truncate{in.truncate()}; return out;
    case proto::SequenceChange::kCopyFrom: out.kind = CopyPrefix{SeqId(in.copy_from()), in.copy_length()}; return out;
    case proto::SequenceChange::KIND_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "a step changes sequence {} in a way that is not known here", in.sequence());
}

void put(proto::StageRange& out, const StageRange& in) {
  out.set_begin(in.begin);
  out.set_end(in.end);
}

Result<StageRange> range_of(const proto::StageRange& in) {
  if (in.begin() > in.end() || in.end() > kStagesMax) {
    return fail(ErrorCode::corrupt, "a step for the stages {} to {}", in.begin(), in.end());
  }
  return StageRange{.begin = in.begin(), .end = in.end()};
}

void put(proto::SampledToken& out, const SampledToken& in) {
  out.set_sequence(in.sequence.value());
  out.set_token(in.token);
  if (in.logprob) out.set_logprob(*in.logprob);
  for (const TokenLogprob& entry : in.top) {
    auto* top = out.add_top();
    top->set_token(entry.token);
    top->set_logprob(entry.logprob);
  }
  if (in.failure) set_failure(out.mutable_failure(), *in.failure);
}

template <typename Field>
Result<std::vector<SampledToken>> tokens_of(const Field& field, std::string_view name) {
  EXO_CHECK(within(field.size(), kStepSpansMax, "the tokens of a message"));
  std::vector<SampledToken> out;
  out.reserve(field.size());
  for (const auto& in : field) {
    SampledToken& token = out.emplace_back();
    token.sequence = SeqId(in.sequence());
    token.token = in.token();
    if (in.has_logprob()) {
      if (std::isnan(in.logprob())) return fail(ErrorCode::corrupt, "a {} message whose logprob is not a number", name);
      token.logprob = in.logprob();
    }
    for (const auto& top : in.top()) {
      if (std::isnan(top.logprob()))
        return fail(ErrorCode::corrupt, "a {} message whose logprob is not a number", name);
      token.top.push_back({.token = top.token(), .logprob = top.logprob()});
    }
    EXO_TRY(token.failure, failure_of(in, name));
  }
  return out;
}

}  // namespace

bool operator==(const Step& a, const Step& b) {
  return a.epoch == b.epoch && a.stage == b.stage && a.number == b.number && a.changes == b.changes &&
         a.spans == b.spans && a.stage_us == b.stage_us && same(a.failure, b.failure) && a.resume == b.resume &&
         a.replay == b.replay;
}
bool operator==(const SampledToken& a, const SampledToken& b) {
  return a.sequence == b.sequence && a.token == b.token && a.logprob == b.logprob && a.top == b.top &&
         same(a.failure, b.failure);
}
bool operator==(const StepDone& a, const StepDone& b) {
  return a.epoch == b.epoch && a.number == b.number && a.tokens == b.tokens && a.stage_us == b.stage_us &&
         same(a.failure, b.failure);
}
bool operator==(const Generated& a, const Generated& b) {
  return a.request == b.request && a.tokens == b.tokens && a.end == b.end && same(a.failure, b.failure) &&
         a.prompt_reused == b.prompt_reused && a.interrupted == b.interrupted && a.queue == b.queue;
}

uint64_t Step::rows() const {
  uint64_t rows = 0;
  for (const Span& span : spans) rows += span.count;
  return rows;
}

ByteVector encode(const Step& message) {
  proto::Step out;
  out.set_epoch(message.epoch.value());
  out.set_stage(message.stage);
  out.set_number(message.number);
  for (const SequenceChange& change : message.changes) put(*out.add_changes(), change);
  for (const Span& in : message.spans) {
    auto* span = out.add_spans();
    span->set_sequence(in.sequence.value());
    span->set_position(in.position);
    span->set_count(in.count);
    span->set_sample(in.sample);
  }
  out.mutable_stage_us()->Add(message.stage_us.begin(), message.stage_us.end());
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  if (message.resume) {
    proto::CacheResume& resume = *out.mutable_resume();
    resume.set_epoch(message.resume->epoch.value());
    put(*resume.mutable_fresh_stages(), message.resume->fresh_stages);
    resume.mutable_tokens()->Add(message.resume->tokens.begin(), message.resume->tokens.end());
  }
  if (message.replay) put(*out.mutable_replay(), *message.replay);
  return serialize(out);
}

template <>
Result<Step> decode<Step>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Step>(bytes, "step"));
  EXO_CHECK(within(in.changes_size(), 4 * kStepSpansMax, "the changes of a step"));
  EXO_CHECK(within(in.spans_size(), kStepSpansMax, "the spans of a step"));
  EXO_CHECK(within(in.stage_us_size(), kStagesMax, "the stages of a step"));
  Step out;
  out.epoch = PlanEpoch(in.epoch());
  out.stage = in.stage();
  out.number = in.number();
  for (const auto& change : in.changes()) {
    EXO_TRY(SequenceChange next, change_of(change));
    out.changes.push_back(std::move(next));
  }
  for (const auto& span : in.spans()) {
    if (span.count() == 0) return fail(ErrorCode::corrupt, "a step has a span of no tokens");
    out.spans.push_back({SeqId(span.sequence()), span.position(), span.count(), span.sample()});
  }
  if (out.rows() > std::numeric_limits<uint32_t>::max()) return fail(ErrorCode::corrupt, "a step has too many tokens");
  out.stage_us.assign(in.stage_us().begin(), in.stage_us().end());
  EXO_TRY(out.failure, failure_of(in, "step"));
  if (in.has_resume()) {
    EXO_CHECK(within(in.resume().tokens_size(), kResumedSequencesMax, "the sequences that a step resumes"));
    EXO_TRY(const StageRange fresh, range_of(in.resume().fresh_stages()));
    out.resume = {.epoch = PlanEpoch(in.resume().epoch()),
                  .fresh_stages = fresh,
                  .tokens = {in.resume().tokens().begin(), in.resume().tokens().end()}};
  }
  if (in.has_replay()) {
    EXO_TRY(out.replay, range_of(in.replay()));
    if (std::ranges::any_of(out.spans, &Span::sample)) return fail(ErrorCode::corrupt, "a replay that is to sample");
  }
  return out;
}

ByteVector encode(const StepDone& message) {
  proto::StepDone out;
  out.set_epoch(message.epoch.value());
  out.set_number(message.number);
  for (const SampledToken& token : message.tokens) put(*out.add_tokens(), token);
  out.mutable_stage_us()->Add(message.stage_us.begin(), message.stage_us.end());
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  return serialize(out);
}

template <>
Result<StepDone> decode<StepDone>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StepDone>(bytes, "step done"));
  EXO_CHECK(within(in.stage_us_size(), kStagesMax, "the stages of a step"));
  StepDone out;
  out.epoch = PlanEpoch(in.epoch());
  out.number = in.number();
  EXO_TRY(out.tokens, tokens_of(in.tokens(), "step done"));
  out.stage_us.assign(in.stage_us().begin(), in.stage_us().end());
  EXO_TRY(out.failure, failure_of(in, "step done"));
  return out;
}

ByteVector encode(const Generate& message) {
  proto::Generate out;
  out.set_epoch(message.epoch.value());
  out.set_request(message.request);
  out.mutable_tokens()->Add(message.tokens.begin(), message.tokens.end());
  out.set_prompt_tokens(message.prompt_tokens);
  put(*out.mutable_sampling(), message.sampling);
  out.set_tokens_max(message.tokens_max);
  out.mutable_end_tokens()->Add(message.end_tokens.begin(), message.end_tokens.end());
  out.set_client(message.client.value());
  out.set_accepted_before(message.accepted_before);
  if (message.queue_wait_max) out.set_queue_wait_max_ms(static_cast<uint64_t>(message.queue_wait_max->count()));
  return serialize(out);
}

template <>
Result<Generate> decode<Generate>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Generate>(bytes, "generate"));
  EXO_CHECK(within(in.tokens_size(), kTokensMax, "the tokens of a request"));
  EXO_CHECK(within(in.end_tokens_size(), kEndTokensMax, "the end tokens of a request"));
  if (in.tokens_size() == 0) return fail(ErrorCode::corrupt, "a generate message without tokens");
  if (in.prompt_tokens() > static_cast<uint32_t>(in.tokens_size())) {
    return fail(ErrorCode::corrupt, "a generate message with a prompt of {} tokens and {} in all", in.prompt_tokens(),
                in.tokens_size());
  }
  EXO_TRY(SamplerSettings sampling, sampling_of(in.sampling(), "generate"));
  std::optional<std::chrono::milliseconds> queue_wait_max;
  if (in.has_queue_wait_max_ms()) queue_wait_max = wait_of(in.queue_wait_max_ms());
  return Generate{.epoch = PlanEpoch(in.epoch()),
                  .request = in.request(),
                  .tokens = {in.tokens().begin(), in.tokens().end()},
                  .prompt_tokens = in.prompt_tokens(),
                  .sampling = std::move(sampling),
                  .tokens_max = in.tokens_max(),
                  .end_tokens = {in.end_tokens().begin(), in.end_tokens().end()},
                  .client = ClientId(in.client()),
                  .accepted_before = in.accepted_before(),
                  .queue_wait_max = queue_wait_max};
}

ByteVector encode(const Generated& message) {
  proto::Generated out;
  out.set_request(message.request);
  for (const SampledToken& token : message.tokens) put(*out.add_tokens(), token);
  out.set_end_plus_one(message.end ? static_cast<uint32_t>(*message.end) + 1 : 0);
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  out.set_prompt_reused(message.prompt_reused);
  out.set_interrupted(message.interrupted);
  if (message.queue) {
    auto* queue = out.mutable_queue();
    queue->set_position(message.queue->position);
    queue->set_own(message.queue->own);
    if (message.queue->wait) queue->set_wait_ms(static_cast<uint64_t>(message.queue->wait->count()));
  }
  return serialize(out);
}

template <>
Result<Generated> decode<Generated>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Generated>(bytes, "generated"));
  if (in.end_plus_one() > static_cast<uint32_t>(GenerateEnd::cancelled) + 1) {
    return fail(ErrorCode::corrupt, "a generated message that ends in a way that is not known here ({})",
                in.end_plus_one());
  }
  Generated out;
  out.request = in.request();
  EXO_TRY(out.tokens, tokens_of(in.tokens(), "generated"));
  if (in.end_plus_one() > 0) out.end = static_cast<GenerateEnd>(in.end_plus_one() - 1);
  EXO_TRY(out.failure, failure_of(in, "generated"));
  out.prompt_reused = in.prompt_reused();
  out.interrupted = in.interrupted();
  if (in.has_queue()) {
    out.queue = {.position = in.queue().position(), .own = in.queue().own()};
    if (in.queue().has_wait_ms()) out.queue->wait = wait_of(in.queue().wait_ms());
  }
  return out;
}

ByteVector encode(const CancelGenerate& message) {
  proto::CancelGenerate out;
  out.set_request(message.request);
  return serialize(out);
}

template <>
Result<CancelGenerate> decode<CancelGenerate>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::CancelGenerate>(bytes, "cancel"));
  return CancelGenerate{.request = in.request()};
}

}  // namespace exogpu::wire
