#include "pipeline/testing/fake_model.h"

#include <algorithm>
#include <cstring>

namespace exogpu::pipeline::testing {
namespace {

// The finaliser of SplitMix64.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

FakeCompute::FakeCompute(const FakeModel& model, wire::LayerRange layers, uint32_t sequences, uint32_t batch_tokens)
    : content_(model.content),
      info_{.layers = layers,
            .model_layers = model.layers,
            .activation_width = kActivationWidth,
            .vocabulary = model.vocabulary,
            .sequences = sequences,
            .batch_tokens = batch_tokens},
      sequences_(sequences) {}

FakeCompute::Row FakeCompute::embed(wire::TokenId token) {
  return mix(static_cast<uint64_t>(token) + 0x9e3779b97f4a7c15ULL);
}

Result<FakeCompute::Sequence*> FakeCompute::find(wire::SeqId id) {
  if (id.value() < sequences_.size()) return &sequences_[id.value()];
  return fail(ErrorCode::internal, "there is no sequence {}", id.value());
}

uint32_t FakeCompute::length(wire::SeqId sequence) const {
  return static_cast<uint32_t>(sequences_.at(sequence.value()).states.size() / width());
}

FakeCompute::Row FakeCompute::advance(wire::SeqId id, Row row) {
  auto& states = sequences_.at(id.value()).states;
  for (size_t i = 0; i < width(); ++i) {
    const Row before = states.size() < width() ? 0 : states[states.size() - width()];
    const Row state = mix(before ^ row ^ mix(content_ + info_.layers.begin + i));
    row = mix(row + state);
    states.push_back(state);
  }
  return row;
}

Result<void> FakeCompute::check(const ComputeBatch& batch) {
  if (auto failure = std::exchange(fails, std::nullopt)) return std::unexpected(*failure);
  size_t rows = 0;
  for (const wire::Span& span : batch.spans) {
    EXO_TRY(const Sequence* sequence, find(span.sequence));
    rows += span.count;
    if (sequence->states.size() == span.position * width()) continue;
    return fail(ErrorCode::internal, "{} rows for position {} came to a sequence of {} tokens", span.count,
                span.position, sequence->states.size() / width());
  }
  const size_t came = info_.first() ? batch.tokens.size() : batch.activations.size() / kActivationWidth;
  if (came == rows) return {};
  return fail(ErrorCode::internal, "{} rows came for spans of {}", came, rows);
}

Result<std::span<const float>> FakeCompute::forward(const ComputeBatch& batch, std::span<float> into) {
  EXO_CHECK(check(batch));
  const size_t rows = info_.first() ? batch.tokens.size() : batch.activations.size() / kActivationWidth;
  if (into.empty()) {
    out_.resize(rows * kActivationWidth);
    into = out_;
  }
  size_t at = 0;
  for (const wire::Span& span : batch.spans) {
    for (uint32_t i = 0; i < span.count; ++i, ++at) {
      Row row = 0;
      if (info_.first()) {
        row = embed(batch.tokens[at]);
      } else {
        std::memcpy(&row, &batch.activations[at * kActivationWidth], sizeof(row));
      }
      row = advance(span.sequence, row);
      std::memcpy(&into[at * kActivationWidth], &row, sizeof(row));
    }
  }
  return into;
}

Result<std::vector<wire::SampledToken>> FakeCompute::forward_and_sample(const ComputeBatch& batch) {
  EXO_TRY(const std::span<const float> rows, forward(batch, {}));
  std::vector<wire::SampledToken> tokens;
  size_t end = 0;
  for (const wire::Span& span : batch.spans) {
    end += span.count;
    if (!span.sample) continue;
    Row row = 0;
    std::memcpy(&row, &rows[(end - 1) * kActivationWidth], sizeof(row));
    wire::SampledToken& token = tokens.emplace_back();
    token.sequence = span.sequence;
    if (const auto sampled = sample(span.sequence, row)) {
      token.token = *sampled;
    } else {
      token.failure = sampled.error();
    }
  }
  return tokens;
}

Result<wire::TokenId> FakeCompute::sample(wire::SeqId id, Row row) {
  EXO_TRY(Sequence * sequence, find(id));
  if (!sequence->samples) return fail(ErrorCode::internal, "sequence {} has no sampler", id.value());
  if (sequence->sampled_at != length(id)) {
    return fail(ErrorCode::internal, "the sampler of sequence {} has seen {} tokens of {}", id.value(),
                sequence->sampled_at, length(id));
  }
  return static_cast<wire::TokenId>(mix(row ^ mix(sequence->seed + sequence->sampled_at++)) % info_.vocabulary);
}

Result<void> FakeCompute::open_sampler(wire::SeqId id, const wire::OpenSampler& open) {
  EXO_TRY(Sequence * sequence, find(id));
  sequence->samples = true;
  sequence->seed = open.settings.seed;
  sequence->sampled_at = open.length;
  return {};
}

Result<void> FakeCompute::truncate(wire::SeqId id, uint32_t end) {
  EXO_TRY(Sequence * sequence, find(id));
  sequence->states.resize(std::min(sequence->states.size(), end * width()));
  return {};
}

Result<void> FakeCompute::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  EXO_TRY(const Sequence* source, find(from));
  EXO_TRY(Sequence * sequence, find(to));
  if (source->states.size() < length * width()) {
    return fail(ErrorCode::internal, "{} tokens are to be copied of {}", length, source->states.size() / width());
  }
  const auto begin = source->states.begin();
  sequence->states = std::vector<Row>(begin, begin + static_cast<ptrdiff_t>(length * width()));
  return {};
}

ExpectedAnswer::ExpectedAnswer(const FakeModel& model, uint64_t seed, const std::vector<wire::TokenId>& prompt)
    : compute_(std::make_shared<FakeCompute>(model, wire::LayerRange{0, model.layers}, 1U, 1U)) {
  wire::OpenSampler open;
  open.settings.seed = seed;
  open.length = static_cast<uint32_t>(prompt.size());
  (void)compute_->open_sampler(wire::SeqId(0), open);
  for (const wire::TokenId token : prompt) take(token);
}

void ExpectedAnswer::take(wire::TokenId token) { last_ = compute_->advance(wire::SeqId(0), FakeCompute::embed(token)); }

wire::TokenId ExpectedAnswer::next() {
  const wire::TokenId token = *compute_->sample(wire::SeqId(0), last_);
  take(token);
  return token;
}

}  // namespace exogpu::pipeline::testing
