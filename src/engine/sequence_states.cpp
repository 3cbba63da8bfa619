#include "engine/sequence_states.h"

#include <algorithm>

namespace exogpu::engine {

SequenceStates::Start SequenceStates::start(uint32_t sequence, uint32_t length) const {
  const Sequence& s = sequences_[sequence];
  Start best{.position = 0, .row = {}, .cleared = true};
  for (uint32_t i = 0; i < kept_each; ++i)
    if (s.kept[i] && *s.kept[i] <= length && *s.kept[i] > best.position)
      best = {.position = *s.kept[i], .row = row(sequence, i), .cleared = false};
  if (s.present && *s.present <= length && *s.present >= best.position)
    best = {.position = *s.present, .row = {}, .cleared = false};
  return best;
}

void SequenceStates::truncated(uint32_t sequence, uint32_t end) {
  Sequence& s = sequences_[sequence];
  if (s.present && *s.present > end) s.present.reset();
  for (auto& kept : s.kept)
    if (kept && *kept > end) kept.reset();
}

std::optional<uint32_t> SequenceStates::keep(uint32_t sequence, uint32_t tokens) {
  Sequence& s = sequences_[sequence];
  const uint32_t index = tokens > 1 ? 0 : 1;
  const uint32_t last = std::max(s.kept[0].value_or(0), s.kept[1].value_or(0));
  if (!s.present || (tokens == 1 && *s.present < last + steps_between)) return std::nullopt;
  s.kept[index] = s.present;
  return row(sequence, index);
}

}  // namespace exogpu::engine
