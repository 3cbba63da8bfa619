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
      recurrent_(model.recurrent),
      info_{.layers = layers,
            .model_layers = model.layers,
            .activation_width = kActivationWidth,
            .vocabulary = model.vocabulary,
            .sequences = sequences,
            .batch_tokens = batch_tokens,
            .embeds = model.embeds,
            .whole_texts = model.embeds},
      sequences_(sequences),
      positions_(sequences),
      present_(engine::SequenceStates::rows(sequences) * width()) {}

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

FakeCompute::Row FakeCompute::compute(wire::SeqId id, size_t position, Row row) {
  auto& states = sequences_.at(id.value()).states;
  states.resize(std::max(states.size(), (position + 1) * width()));
  for (size_t i = 0; i < width(); ++i) {
    Row before = position == 0 ? 0 : states[(position - 1) * width() + i];
    if (is_recurrent(i)) before = present(id, i);
    const Row state = mix(before ^ row ^ mix(content_ + info_.layers.begin + i));
    row = mix(row + state);
    (is_recurrent(i) ? present(id, i) : states[position * width() + i]) = state;
  }
  return row;
}

FakeCompute::Row FakeCompute::advance(wire::SeqId id, Row row) {
  const uint32_t position = length(id);
  if (recurrent_) sequences_.at(id.value()).inputs.push_back(row);
  row = compute(id, position, row);
  positions_.moved(id.value(), position + 1);
  return row;
}

void FakeCompute::copy_state(size_t from, size_t to) {
  std::copy_n(present_.begin() + static_cast<ptrdiff_t>(from * width()), width(),
              present_.begin() + static_cast<ptrdiff_t>(to * width()));
}

void FakeCompute::keep_state(wire::SeqId id, uint32_t tokens) {
  if (const auto row = positions_.keep(id.value(), tokens)) copy_state(id.value(), *row);
}

void FakeCompute::catch_up(wire::SeqId id) {
  if (!recurrent_ || keeps_state) return;
  const uint32_t end = length(id);
  const auto start = positions_.start(id.value(), end);
  if (start.row) copy_state(*start.row, id.value());
  if (start.cleared) std::fill_n(&present(id, 0), width(), 0);
  const auto& inputs = sequences_.at(id.value()).inputs;
  for (uint32_t position = start.position; position < end; ++position) compute(id, position, inputs[position]);
  positions_.moved(id.value(), end);
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
    catch_up(span.sequence);
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
    keep_state(span.sequence, span.count);
  }
  return into;
}

float FakeCompute::logprob(Row row, wire::TokenId target) {
  return -static_cast<float>(mix(row ^ embed(target)) % 1000) / 8;
}

std::vector<float> FakeCompute::embedding(Row row) {
  return {1, static_cast<float>(row % 1000) / 8, static_cast<float>(row / 1000 % 1000) / 8};
}

Result<LastOutput> FakeCompute::forward_and_sample(const ComputeBatch& batch) {
  EXO_TRY(const std::span<const float> rows, forward(batch, {}));
  LastOutput out;
  const auto row_at = [&](size_t index) {
    Row row = 0;
    std::memcpy(&row, &rows[index * kActivationWidth], sizeof(row));
    return row;
  };
  size_t end = 0;
  for (const wire::Span& span : batch.spans) {
    for (size_t i = 0; i < span.targets.size(); ++i) {
      out.scored.push_back(
          {.sequence = span.sequence, .token = span.targets[i], .logprob = logprob(row_at(end + i), span.targets[i])});
    }
    end += span.count;
    if (!span.sample) continue;
    const Row row = row_at(end - 1);
    wire::SampledToken& token = out.tokens.emplace_back();
    token.sequence = span.sequence;
    if (info_.embeds) {
      token.embedding = embedding(row);
    } else if (const auto sampled = sample(span.sequence, row)) {
      token.token = *sampled;
    } else {
      token.failure = sampled.error();
    }
  }
  return out;
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
  sequence->inputs.resize(std::min<size_t>(sequence->inputs.size(), end));
  positions_.truncated(id.value(), end);
  return {};
}

Result<void> FakeCompute::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  if (from == to) return FakeCompute::truncate(to, length);
  EXO_TRY(const Sequence* source, find(from));
  EXO_TRY(Sequence * sequence, find(to));
  if (source->states.size() < length * width()) {
    return fail(ErrorCode::internal, "{} tokens are to be copied of {}", length, source->states.size() / width());
  }
  const auto begin = source->states.begin();
  sequence->states = std::vector<Row>(begin, begin + static_cast<ptrdiff_t>(length * width()));
  if (!recurrent_) return {};
  sequence->inputs = std::vector<Row>(source->inputs.begin(), source->inputs.begin() + length);
  positions_.lost(to.value());
  const auto start = positions_.start(from.value(), length);
  if (start.cleared) return {};
  copy_state(start.row.value_or(from.value()), to.value());
  positions_.moved(to.value(), start.position);
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
