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

FakeCompute::FakeCompute(const FakeModel& model, wire::LayerRange layers, uint32_t sequences, uint32_t batch_tokens,
                         uint32_t pool_rows)
    : content_(model.content),
      recurrent_(model.recurrent),
      info_{.layers = layers,
            .model_layers = model.layers,
            .activation_width = kActivationWidth,
            .vocabulary = model.vocabulary,
            .sequences = sequences,
            .batch_tokens = batch_tokens,
            .embeds = model.embeds,
            .whole_texts = model.embeds,
            .pooled = pool_rows > 0,
            .content = model.content_id},
      sequences_(sequences),
      positions_(sequences),
      present_(engine::SequenceStates::rows(sequences) * width()),
      pool_(pool_rows * layers.size()) {}

FakeCompute::Row FakeCompute::embed(wire::TokenId token) {
  return mix(static_cast<uint64_t>(token) + 0x9e3779b97f4a7c15ULL);
}

Result<FakeCompute::Sequence*> FakeCompute::find(wire::SeqId id) {
  if (id.value() < sequences_.size()) return &sequences_[id.value()];
  return fail(ErrorCode::internal, "there is no sequence {}", id.value());
}

uint32_t FakeCompute::length(wire::SeqId sequence) const { return sequences_.at(sequence.value()).length; }

// Of the token at this position: of each layer.
FakeCompute::Row* FakeCompute::states(Sequence& sequence, uint32_t position) {
  if (info_.pooled) return &pool_[(size_t{sequence.region.begin} + position) * width()];
  if (sequence.states.size() < (position + 1) * width()) sequence.states.resize((position + 1) * width());
  return &sequence.states[position * width()];
}

FakeCompute::Row FakeCompute::compute(wire::SeqId id, uint32_t position, Row row) {
  Sequence& sequence = sequences_.at(id.value());
  Row* const own = states(sequence, position);
  const Row* const earlier = position == 0 ? nullptr : states(sequence, position - 1);
  for (size_t i = 0; i < width(); ++i) {
    Row before = earlier == nullptr ? 0 : earlier[i];
    if (is_recurrent(i)) before = present(id, i);
    const Row state = mix(before ^ row ^ mix(content_ + info_.layers.begin + i));
    row = mix(row + state);
    (is_recurrent(i) ? present(id, i) : own[i]) = state;
  }
  return row;
}

FakeCompute::Row FakeCompute::advance(wire::SeqId id, Row row) {
  Sequence& sequence = sequences_.at(id.value());
  if (recurrent_) sequence.inputs.push_back(row);
  row = compute(id, sequence.length++, row);
  positions_.moved(id.value(), sequence.length);
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
  if (gone) return std::unexpected(*gone);
  if (auto failure = std::exchange(fails, std::nullopt)) return std::unexpected(*failure);
  size_t rows = 0;
  for (const wire::Span& span : batch.spans) {
    EXO_TRY(const Sequence* sequence, find(span.sequence));
    rows += span.count;
    if (sequence->length != span.position) {
      return fail(ErrorCode::internal, "{} rows for position {} came to a sequence of {} tokens", span.count,
                  span.position, sequence->length);
    }
    if (info_.pooled && span.position + span.count > sequence->region.rows) {
      return fail(ErrorCode::internal, "{} rows for position {} came to a sequence with {} rows of the pool",
                  span.count, span.position, sequence->region.rows);
    }
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
  sequence->length = std::min(sequence->length, end);
  sequence->inputs.resize(std::min<size_t>(sequence->inputs.size(), end));
  positions_.truncated(id.value(), end);
  return {};
}

Result<void> FakeCompute::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  if (from == to) return FakeCompute::truncate(to, length);
  EXO_TRY(Sequence * source, find(from));
  EXO_TRY(Sequence * sequence, find(to));
  if (source->length < length) {
    return fail(ErrorCode::internal, "{} tokens are to be copied of {}", length, source->length);
  }
  if (info_.pooled && length > sequence->region.rows) {
    return fail(ErrorCode::internal, "{} tokens are to be copied into {} rows", length, sequence->region.rows);
  }
  for (uint32_t i = 0; i < length; ++i) {
    Row* const own = states(*sequence, i);
    std::copy_n(states(*source, i), width(), own);
  }
  sequence->length = length;
  if (!recurrent_) return {};
  sequence->inputs = std::vector<Row>(source->inputs.begin(), source->inputs.begin() + length);
  positions_.lost(to.value());
  const auto start = positions_.start(from.value(), length);
  if (start.cleared) return {};
  copy_state(start.row.value_or(from.value()), to.value());
  positions_.moved(to.value(), start.position);
  return {};
}

Result<void> FakeCompute::place(std::span<const wire::Placement> placements) {
  if (!info_.pooled) return fail(ErrorCode::internal, "there is no pool");
  std::vector<std::vector<Row>> contents;
  for (const wire::Placement& placement : placements) {
    EXO_TRY(Sequence * sequence, find(placement.sequence));
    EXO_CHECK(FakeCompute::truncate(placement.sequence, placement.region.rows));
    const Row* const begin = pool_.data() + sequence->region.begin * width();
    contents.emplace_back(begin, begin + sequence->length * width());
    // What is read from rows that the sequence has no longer is wrong.
    std::fill_n(pool_.begin() + static_cast<ptrdiff_t>(sequence->region.begin * width()),
                sequence->region.rows * width(), Row{0xDEAD});
    sequence->region = placement.region;
  }
  for (const Sequence& a : sequences_) {
    if (a.region.end() * width() > pool_.size()) return fail(ErrorCode::internal, "rows beyond the pool");
    for (const Sequence& b : sequences_) {
      if (&a == &b || a.region.rows == 0 || b.region.rows == 0 || !a.region.overlaps(b.region)) continue;
      return fail(ErrorCode::internal, "two sequences have row {}", std::max(a.region.begin, b.region.begin));
    }
  }
  for (size_t i = 0; moves_rows && i < placements.size(); ++i) {
    std::ranges::copy(contents[i], pool_.begin() + static_cast<ptrdiff_t>(placements[i].region.begin * width()));
  }
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
