#include "wire/ring_coding.h"

#include <algorithm>
#include <cmath>

namespace exogpu::wire {
namespace {

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

}  // namespace

bool operator==(const SampledToken& a, const SampledToken& b) {
  return a.sequence == b.sequence && a.token == b.token && a.logprob == b.logprob && a.top == b.top &&
         same(a.failure, b.failure) && a.embedding == b.embedding;
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
  out.mutable_embedding()->Add(in.embedding.begin(), in.embedding.end());
}

Result<std::vector<SampledToken>> tokens_of(const TokenField& field, std::string_view name) {
  EXO_CHECK(within(field.size(), kStepSpansMax, "the tokens of a message"));
  std::vector<SampledToken> out;
  out.reserve(static_cast<size_t>(field.size()));
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
    EXO_CHECK(within(in.embedding_size(), kEmbeddingMax, "an embedding"));
    if (!std::ranges::all_of(in.embedding(), [](float value) { return std::isfinite(value); })) {
      return fail(ErrorCode::corrupt, "a {} message whose embedding is not finite", name);
    }
    token.embedding.assign(in.embedding().begin(), in.embedding().end());
  }
  return out;
}

void put(SketchField& out, const std::vector<InputSketch>& in) {
  for (const InputSketch& sketch : in) {
    auto* added = out.Add();
    added->set_seed(sketch.seed);
    added->mutable_values()->Add(sketch.values.begin(), sketch.values.end());
  }
}

Result<std::vector<InputSketch>> sketches_of(const SketchField& field, std::string_view name) {
  EXO_CHECK(within(field.size(), kStagesMax, "the sketches of a message"));
  std::vector<InputSketch> out;
  for (const auto& in : field) {
    EXO_CHECK(within(in.values_size(), kStepSpansMax * kSketchValues, "a sketch"));
    if (!std::ranges::all_of(in.values(), [](float value) { return std::isfinite(value); })) {
      return fail(ErrorCode::corrupt, "a {} message whose sketch is not finite", name);
    }
    out.push_back({.seed = in.seed(), .values = {in.values().begin(), in.values().end()}});
  }
  return out;
}

}  // namespace exogpu::wire
