#include "engine/batch_plan.h"

#include <algorithm>
#include <numeric>

namespace exogpu::engine {
namespace {

constexpr uint32_t row_step = 256;  // the attended rows grow in steps, so that graphs can be used again

Result<void> check(const SequenceTokens& s, std::span<const uint32_t> lengths, const BatchLimits& limits) {
  uint32_t id = s.sequence.value();
  if (id >= limits.sequences)
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} this shard holds", id, limits.sequences);
  if (s.count == 0) return fail(ErrorCode::invalid_argument, "sequence {} brings no tokens", id);
  if (s.outputs > s.count)
    return fail(ErrorCode::invalid_argument, "sequence {} requests {} outputs of {} tokens", id, s.outputs, s.count);
  if (s.position != lengths[id])
    return fail(ErrorCode::invalid_argument, "sequence {} holds {} tokens, so it cannot continue at position {}", id,
                lengths[id], s.position);
  if (s.count > limits.context || s.position > limits.context - s.count)
    return fail(ErrorCode::resource_exhausted,
                "sequence {} would hold {} tokens, but the context is {}; start with a larger one (--context)", id,
                uint64_t{s.position} + s.count, limits.context);
  return {};
}

uint32_t rows_for(uint32_t length, uint32_t slot_rows) {
  return std::min((length + row_step - 1) / row_step * row_step, slot_rows);
}

// Adds the last `tokens` tokens of `s` to the last group where slots and counts allow it, else starts a group.
void add_to_groups(const SequenceTokens& s, uint32_t tokens, uint32_t slot_rows, std::vector<SlotGroup>& groups) {
  if (tokens == 0) return;
  uint32_t slot = s.sequence.value();
  uint32_t rows = rows_for(s.position + s.count, slot_rows);
  if (!groups.empty()) {
    SlotGroup& last = groups.back();
    if (last.first_slot + last.slots == slot && last.tokens == tokens) {
      ++last.slots;
      last.rows = std::max(last.rows, rows);
      return;
    }
  }
  groups.push_back({slot, 1, tokens, rows});
}

// The first row that a token at `position` attends to.
int32_t first_visible(const SlidingWindow& sliding, int32_t position) {
  const auto window = static_cast<int32_t>(sliding.window);
  if (window == 0) return 0;
  switch (sliding.kind) {
    case SlidingWindow::Kind::chunk: return position / window * window;
    case SlidingWindow::Kind::both_sides: return std::max(0, position - window / 2);
    case SlidingWindow::Kind::last: break;
  }
  return std::max(0, position - window + 1);
}

// The row after the last that it attends to, where it also sees later tokens, of which `last` is the last.
int32_t end_visible(const SlidingWindow& sliding, int32_t position, int32_t last) {
  const auto window = static_cast<int32_t>(sliding.window);
  const bool bounded = window > 0 && sliding.kind == SlidingWindow::Kind::both_sides;
  return bounded ? std::min(last, position + window / 2) + 1 : last + 1;
}

void clear(BatchPlan& plan) {
  plan.shape.tokens = plan.shape.outputs = 0;
  plan.shape.groups.clear();
  plan.shape.output_groups.clear();
  plan.positions.clear();
  plan.cache_rows.clear();
  plan.output_rows.clear();
  plan.output_positions.clear();
}

}  // namespace

void BatchPlan::drop_outputs() {
  shape.outputs = 0;
  shape.output_groups.clear();
  output_rows.clear();
  output_positions.clear();
}

Result<void> plan_batch(std::span<const SequenceTokens> batch, std::span<const uint32_t> lengths,
                        const BatchLimits& limits, BatchPlan& plan) {
  clear(plan);
  if (batch.empty()) return fail(ErrorCode::invalid_argument, "the batch has no sequences");
  plan.in_batch.assign(limits.sequences, false);
  for (const SequenceTokens& s : batch) {
    EXO_CHECK(check(s, lengths, limits));
    if (plan.in_batch[s.sequence.value()])
      return fail(ErrorCode::invalid_argument, "sequence {} is in the batch twice", s.sequence.value());
    plan.in_batch[s.sequence.value()] = true;
    if (s.count > limits.tokens - plan.shape.tokens)
      return fail(ErrorCode::invalid_argument, "the batch has more than the {} tokens this shard takes at once",
                  limits.tokens);
    if (s.outputs > limits.outputs - plan.shape.outputs)
      return fail(ErrorCode::invalid_argument,
                  "the batch requests more than the {} logits rows this shard gives at once", limits.outputs);
    for (uint32_t t = 0; t < s.count; ++t) {
      plan.positions.push_back(static_cast<int32_t>(s.position + t));
      plan.cache_rows.push_back(int64_t{limits.slot_rows} * s.sequence.value() + s.position + t);
      if (t + s.outputs < s.count) continue;
      plan.output_rows.push_back(static_cast<int32_t>(plan.shape.tokens + t));
      plan.output_positions.push_back(static_cast<int32_t>(s.position + t));
    }
    plan.shape.tokens += s.count;
    plan.shape.outputs += s.outputs;
    add_to_groups(s, s.count, limits.slot_rows, plan.shape.groups);
    add_to_groups(s, s.outputs, limits.slot_rows, plan.shape.output_groups);
  }
  if (plan.shape.outputs == plan.shape.tokens) plan.shape.output_groups.clear();
  return {};
}

Result<void> rows_of_embeddings(const Architecture& a, std::span<const SequenceTokens> batch,
                                std::vector<SequenceTokens>& rows) {
  const bool whole = a.embeds_whole_texts();
  rows.assign(batch.begin(), batch.end());
  for (SequenceTokens& s : rows) {
    if (s.outputs > 1 || (whole && (s.outputs != 1 || s.position != 0)))
      return fail(ErrorCode::invalid_argument,
                  "sequence {}: the embedding of a text is one row, and the whole text must come in one batch",
                  s.sequence.value());
    if (a.pooling != Pooling::last) s.outputs = s.count;
  }
  return {};
}

void fill_mask(const SlotGroup& group, std::span<const int32_t> positions, const SlidingWindow& sliding, bool causal,
               std::span<uint16_t> mask) {
  constexpr uint16_t visible = 0;
  constexpr uint16_t hidden = 0xFC00;  // -inf
  auto row = mask.begin();
  for (size_t i = 0; i < positions.size(); ++i) {
    const size_t last = (i / group.tokens + 1) * group.tokens - 1;  // of the same sequence
    const int32_t begin = first_visible(sliding, positions[i]);
    const int32_t end = causal ? positions[i] + 1 : end_visible(sliding, positions[i], positions[last]);
    std::fill(row, row + begin, hidden);
    std::fill(row + begin, row + end, visible);
    std::fill(row + end, row + group.rows, hidden);
    row += group.rows;
  }
}

}  // namespace exogpu::engine
