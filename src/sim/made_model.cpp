#include "sim/made_model.h"

#include <algorithm>
#include <utility>

namespace exogpu::sim {
namespace {

// The finaliser of SplitMix64.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

MadeShard::MadeShard(uint64_t content, wire::LayerRange layers, uint32_t sequences)
    : content_(content), layers_(layers), sequences_(sequences) {}

Row MadeShard::embed(wire::TokenId token) { return mix(static_cast<uint64_t>(token) + 0x9e3779b97f4a7c15ULL); }

Result<MadeShard::Sequence*> MadeShard::find(wire::SeqId id) {
  if (id.value() < sequences_.size()) return &sequences_[id.value()];
  return fail(ErrorCode::internal, "there is no sequence {}", id.value());
}

uint32_t MadeShard::length(wire::SeqId sequence) const {
  return static_cast<uint32_t>(sequences_.at(sequence.value()).states.size() / (layers_.end - layers_.begin));
}

Result<void> MadeShard::change(const wire::SequenceChange& change) {
  const size_t width = layers_.end - layers_.begin;
  EXO_TRY(Sequence * sequence, find(change.sequence));
  if (const auto* truncate = std::get_if<wire::Truncate>(&change.what)) {
    sequence->states.resize(std::min(sequence->states.size(), truncate->end * width));
  } else if (const auto* copy = std::get_if<wire::CopyPrefix>(&change.what)) {
    EXO_TRY(const Sequence* from, find(copy->from));
    if (from->states.size() < copy->length * width) {
      return fail(ErrorCode::internal, "{} tokens are to be copied of {}", copy->length, from->states.size() / width);
    }
    const auto begin = from->states.begin();
    sequence->states = std::vector<Row>(begin, begin + static_cast<ptrdiff_t>(copy->length * width));
  } else {
    const auto& open = std::get<wire::OpenSampler>(change.what);
    sequence->samples = true;
    sequence->seed = open.settings.seed;
    sequence->sampled_at = open.length;
  }
  return {};
}

Result<std::vector<Row>> MadeShard::forward(const wire::Span& span, std::vector<Row> rows) {
  const size_t width = layers_.end - layers_.begin;
  EXO_TRY(Sequence * sequence, find(span.sequence));
  if (sequence->states.size() != span.position * width || rows.size() != span.count) {
    return fail(ErrorCode::internal, "{} rows for position {} came to a sequence of {} tokens", rows.size(),
                span.position, sequence->states.size() / width);
  }
  for (Row& row : rows) {
    for (size_t i = 0; i < width; ++i) {
      const Row before = sequence->states.size() < width ? 0 : sequence->states[sequence->states.size() - width];
      const Row state = mix(before ^ row ^ mix(content_ + layers_.begin + i));
      row = mix(row + state);
      sequence->states.push_back(state);
    }
  }
  return rows;
}

Result<wire::TokenId> MadeShard::sample(wire::SeqId id, Row row) {
  EXO_TRY(Sequence * sequence, find(id));
  if (!sequence->samples) return fail(ErrorCode::internal, "sequence {} has no sampler", id.value());
  return static_cast<wire::TokenId>(mix(row ^ mix(sequence->seed + sequence->sampled_at++)) % kVocabulary);
}

RightAnswer::RightAnswer(uint64_t content, uint32_t layers, uint64_t seed, const std::vector<wire::TokenId>& prompt)
    : model_(content, {0, layers}, 1) {
  wire::OpenSampler open;
  open.settings.seed = seed;
  open.length = static_cast<uint32_t>(prompt.size());
  (void)model_.change({.sequence = wire::SeqId(0), .what = std::move(open)});
  for (const wire::TokenId token : prompt) take(token);
}

void RightAnswer::take(wire::TokenId token) {
  const auto rows = model_.forward({.sequence = wire::SeqId(0), .position = length_++, .count = 1, .sample = false},
                                   {MadeShard::embed(token)});
  last_ = rows->front();
}

wire::TokenId RightAnswer::next() {
  const wire::TokenId token = *model_.sample(wire::SeqId(0), last_);
  take(token);
  return token;
}

}  // namespace exogpu::sim
