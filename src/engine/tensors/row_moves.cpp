#include "engine/tensors/row_moves.h"

namespace exogpu::engine {

std::vector<MoveStep> order_moves(std::span<const RowMove> moves) {
  enum class State : uint8_t { waits, read, done };
  std::vector<State> states(moves.size(), State::waits);
  const auto blocked = [&](size_t i) {
    for (size_t other = 0; other < moves.size(); ++other) {
      if (other == i || states[other] != State::waits) continue;
      const RowMove& source = moves[other];
      if (moves[i].to < source.from + source.count && source.from < moves[i].to + moves[i].count) return true;
    }
    return false;
  };
  std::vector<MoveStep> steps;
  for (size_t left = moves.size(); left > 0;) {
    const size_t before = left;
    for (size_t i = 0; i < moves.size(); ++i) {
      if (states[i] == State::done || blocked(i)) continue;
      steps.push_back({states[i] == State::read ? MoveStep::Kind::write : MoveStep::Kind::move, i});
      states[i] = State::done;
      --left;
    }
    if (left < before) continue;
    const auto circle = static_cast<size_t>(std::ranges::find(states, State::waits) - states.begin());
    states[circle] = State::read;
    steps.push_back({MoveStep::Kind::read, circle});
  }
  return steps;
}

}  // namespace exogpu::engine
