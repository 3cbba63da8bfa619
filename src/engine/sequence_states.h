// Which states of each sequence exist, and the nearest one from which a length can be reached. Pure: no tensors.
//
// A state belongs to one position: that after so many tokens. Each sequence has its present state, which steps move,
// and two that were kept: at the end of the last chunk of several tokens (where a prompt ends, which later prompts
// often share), and at a step not long ago.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace exogpu::engine {

class SequenceStates {
 public:
  static constexpr uint32_t kept_each = 2;
  static constexpr uint32_t steps_between = 64;  // kept states of sequences that grow token by token

  explicit SequenceStates(uint32_t sequences) : sequences_(sequences) {}

  // Rows of states: one for each sequence, then those kept.
  static uint32_t rows(uint32_t sequences) { return sequences * (1 + kept_each); }

  // Where to begin so that the present state becomes that after `length` tokens.
  struct Start {
    uint32_t position = 0;             // tokens from here on must be computed again
    std::optional<uint32_t> row = {};  // the state to copy to the present one; none: the present one will do, or
    bool cleared = false;              // it must be cleared
  };
  Start start(uint32_t sequence, uint32_t length) const;

  // The present state is now that after `position` tokens.
  void moved(uint32_t sequence, uint32_t position) { sequences_[sequence].present = position; }
  // The present state is unknown, and kept ones are not trusted either.
  void lost(uint32_t sequence) { sequences_[sequence] = {std::nullopt, {}}; }
  // Nothing after `end` tokens counts any more.
  void truncated(uint32_t sequence, uint32_t end);

  // After a step of `tokens`: the row to which the present state should be copied, if any.
  std::optional<uint32_t> keep(uint32_t sequence, uint32_t tokens);

 private:
  struct Sequence {
    std::optional<uint32_t> present = 0;
    std::array<std::optional<uint32_t>, kept_each> kept = {};
  };
  uint32_t row(uint32_t sequence, uint32_t kept) const {
    return static_cast<uint32_t>(sequences_.size()) + sequence * kept_each + kept;
  }

  std::vector<Sequence> sequences_;
};

}  // namespace exogpu::engine
