#include "engine/batch_plan.h"

#include <algorithm>
#include <numeric>

namespace exogpu::engine {
namespace {

Result<void> check(const SequenceTokens& s, std::span<const uint32_t> lengths, std::span<const wire::Region> regions,
                   const BatchLimits& limits) {
  uint32_t id = s.sequence.value();
  if (id >= lengths.size())
    return fail(ErrorCode::invalid_argument, "sequence {} is beyond the {} this shard holds", id, lengths.size());
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
  if (const uint32_t rows = regions[id].rows; s.position + s.count > rows)
    return fail(ErrorCode::invalid_argument, "sequence {} would hold {} tokens, and has {} rows of the KV cache", id,
                s.position + s.count, rows);
  return {};
}

// The tokens of a batch in groups.
class Groups {
 public:
  Groups(std::vector<SlotGroup>& groups, bool has_states) : groups_(groups), has_states_(has_states) {}

  // Adds the last `tokens` tokens of `s`, to the last group where it can be.
  void add(const SequenceTokens& s, uint32_t tokens, const wire::Region& region) {
    if (tokens == 0) return;
    const uint32_t rows = std::min(wire::whole_region_steps(s.position + s.count), region.rows);
    const uint32_t state = has_states_ ? s.sequence.value() : 0;
    if (!groups_.empty() && follows(groups_.back(), tokens, region, state)) {
      SlotGroup& last = groups_.back();
      last.stride = region.rows;
      ++last.slots;
      last.rows = std::max(last.rows, rows);
    } else {
      groups_.push_back({region.begin, 0, 1, tokens, rows, state});
    }
    last_ = region;
  }

 private:
  bool follows(const SlotGroup& group, uint32_t tokens, const wire::Region& region, uint32_t state) const {
    return group.tokens == tokens && region.rows == last_.rows && region.begin == last_.end() &&
           (!has_states_ || state == group.first_state + group.slots);
  }

  std::vector<SlotGroup>& groups_;
  bool has_states_;
  wire::Region last_{};
};

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
                        std::span<const wire::Region> regions, const BatchLimits& limits, BatchPlan& plan) {
  clear(plan);
  Groups groups(plan.shape.groups, limits.has_states);
  Groups output_groups(plan.shape.output_groups, limits.has_states);
  if (batch.empty()) return fail(ErrorCode::invalid_argument, "the batch has no sequences");
  plan.in_batch.assign(lengths.size(), false);
  for (const SequenceTokens& s : batch) {
    EXO_CHECK(check(s, lengths, regions, limits));
    const wire::Region& region = regions[s.sequence.value()];
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
      plan.cache_rows.push_back(int64_t{region.begin} + s.position + t);
      if (t + s.outputs < s.count) continue;
      plan.output_rows.push_back(static_cast<int32_t>(plan.shape.tokens + t));
      plan.output_positions.push_back(static_cast<int32_t>(s.position + t));
    }
    plan.shape.tokens += s.count;
    plan.shape.outputs += s.outputs;
    groups.add(s, s.count, region);
    output_groups.add(s, s.outputs, region);
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
