#include "pipeline/shard_compute.h"

#include <algorithm>
#include <utility>

namespace exogpu::pipeline {

ShardCompute::ShardCompute(engine::ShardGroup shard, engine::LoadVocabulary vocabulary, std::string content,
                           std::shared_ptr<Pacer> pacer)
    : shard_(std::move(shard)),
      info_{.layers = shard_.layers(),
            .model_layers = shard_.architecture().n_layers,
            .activation_width = shard_.architecture().activation_width(),
            .vocabulary = shard_.architecture().n_vocab,
            .sequences = shard_.options().sequences,
            .batch_tokens = shard_.options().batch_tokens,
            .embeds = shard_.options().embeddings,
            .whole_texts = shard_.options().embeddings && shard_.architecture().embeds_whole_texts(),
            .pooled = shard_.options().pool_tokens > 0,
            .on_processor = shard_.on_processor(),
            .content = std::move(content),
            .pacer = std::move(pacer)} {
  if (vocabulary) constraints_ = std::make_unique<engine::ConstraintCompiler>(std::move(vocabulary));
}

Result<std::span<const float>> ShardCompute::forward(const ComputeBatch& batch, std::span<float> into) {
  spans_.clear();
  for (const wire::Span& span : batch.spans) {
    const auto outputs = static_cast<uint32_t>(span.targets.size()) + (span.sample ? 1U : 0U);
    spans_.push_back({span.sequence, span.position, span.count, outputs});
  }
  return shard_.forward({.sequences = spans_, .tokens = batch.tokens, .activations = batch.activations, .into = into});
}

Result<LastOutput> ShardCompute::forward_and_sample(const ComputeBatch& batch) {
  EXO_TRY(std::span<const float> rows, forward(batch, {}));
  const size_t width = info_.embeds ? shard_.architecture().embedding_width() : info_.vocabulary;
  const auto next_row = [&] {
    const auto row = rows.first(width);
    rows = rows.subspan(width);
    return row;
  };
  LastOutput out;
  for (const wire::Span& span : batch.spans) {
    for (const wire::TokenId target : span.targets) out.scored.push_back(score(span, target, next_row()));
    if (!span.sample) continue;
    if (!info_.embeds) {
      out.tokens.push_back(sample(span.sequence, next_row()));
      continue;
    }
    wire::SampledToken& pooled = out.tokens.emplace_back();
    pooled.sequence = span.sequence;
    const std::span<const float> row = next_row();
    pooled.embedding.assign(row.begin(), row.end());
  }
  return out;
}

// The shard's results are finite.
wire::SampledToken ShardCompute::score(const wire::Span& span, wire::TokenId target, std::span<const float> logits) {
  wire::SampledToken token{.sequence = span.sequence, .token = target};
  if (target < 0 || std::cmp_greater_equal(target, info_.vocabulary)) {
    token.failure = Error{ErrorCode::invalid_argument, "a token outside the vocabulary has no probability"};
    return token;
  }
  (void)maxima_.scan(logits);
  const auto logprobs = logprobs_.report(logits, maxima_, target, std::min(span.likeliest, info_.vocabulary));
  token.logprob = logprobs.of_token;
  token.top.assign(logprobs.likeliest.begin(), logprobs.likeliest.end());
  return token;
}

wire::SampledToken ShardCompute::sample(wire::SeqId sequence, std::span<const float> logits) {
  wire::SampledToken token;
  token.sequence = sequence;
  const auto sampler = samplers_.find(sequence);
  if (sampler == samplers_.end()) {
    token.failure = Error{ErrorCode::failed_precondition, "a sequence without a sampler"};
    return token;
  }
  if (!sampler->second) {
    token.failure = sampler->second.error();
    return token;
  }
  Sampling& sampling = *sampler->second;
  if (sampling.constraint.valid()) {
    auto constraint = sampling.constraint.get();
    if (!constraint) {
      token.failure = constraint.error();
      sampler->second = std::unexpected(std::move(constraint).error());
      return token;
    }
    sampling.sampler.constrain(*std::move(constraint), sampling.tokens_left);
  }
  const auto choice = sampling.sampler.sample(logits);
  if (!choice) {
    token.failure = choice.error();
    return token;
  }
  sampling.sampler.accept(choice->token);
  token.token = choice->token;
  token.logprob = choice->logprob;
  token.top.assign(choice->top.begin(), choice->top.end());
  return token;
}

// Settings that the sampler refuses are reported when it is to sample: they concern this sequence alone.
Result<void> ShardCompute::open_sampler(wire::SeqId sequence, const wire::OpenSampler& open) {
  if (sequence.value() >= info_.sequences) {
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} of this stage", sequence.value(),
                info_.sequences);
  }
  samplers_.insert_or_assign(sequence, begin_sampling(open));
  return {};
}

Result<ShardCompute::Sampling> ShardCompute::begin_sampling(const wire::OpenSampler& open) {
  EXO_TRY(engine::Sampler sampler, engine::Sampler::create(open.settings, info_.vocabulary));
  const uint32_t before = open.length - std::min<uint32_t>(open.length, static_cast<uint32_t>(open.recent.size()));
  for (uint32_t i = 0; i < before; ++i) sampler.accept(-1);  // only counts
  for (const wire::TokenId token : open.recent) sampler.accept(token);
  Sampling sampling{.sampler = std::move(sampler), .constraint = {}, .tokens_left = open.tokens_left};
  if (!open.settings.constraint) return sampling;
  if (!constraints_) return fail(ErrorCode::unsupported, "this stage knows no tokens to give an answer a form with");
  sampling.constraint = constraints_->begin(*open.settings.constraint, open.generated);
  return sampling;
}

}  // namespace exogpu::pipeline
