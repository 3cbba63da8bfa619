#include "engine/sequence_states.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace exogpu::engine {
namespace {

TEST(SequenceStates, BeginFromTheNearestStateThatIsNotBeyond) {
  SequenceStates states(2);
  states.moved(1, 40);
  EXPECT_EQ(states.keep(1, 40), 4U);  // two sequences, then two kept states of each
  states.moved(1, 41);
  EXPECT_EQ(states.keep(1, 1), std::nullopt) << "a state was kept one token ago";
  EXPECT_EQ(states.start(1, 41).position, 41U);
  EXPECT_FALSE(states.start(1, 41).row);

  states.truncated(1, 40);
  const auto at_chunk = states.start(1, 40);
  EXPECT_EQ(at_chunk.position, 40U);
  EXPECT_EQ(at_chunk.row, 4U);

  states.truncated(1, 39);
  const auto before_chunk = states.start(1, 39);
  EXPECT_EQ(before_chunk.position, 0U);
  EXPECT_TRUE(before_chunk.cleared);
}

TEST(SequenceStates, GrowingTokenByTokenKeepsAStateNowAndThen) {
  SequenceStates states(1);
  states.moved(0, 100);
  ASSERT_EQ(states.keep(0, 100), 1U);
  for (uint32_t position = 101; position < 100 + SequenceStates::steps_between; ++position) {
    states.moved(0, position);
    EXPECT_FALSE(states.keep(0, 1)) << position;
  }
  states.moved(0, 100 + SequenceStates::steps_between);
  EXPECT_EQ(states.keep(0, 1), 2U);
  states.truncated(0, 120);
  EXPECT_EQ(states.start(0, 120).position, 100U) << "where the prompt ended";
}

TEST(SequenceStates, LostStatesAreComputedFromTheBeginning) {
  SequenceStates states(1);
  states.moved(0, 10);
  states.keep(0, 10);
  states.lost(0);
  EXPECT_TRUE(states.start(0, 10).cleared);
  EXPECT_EQ(states.start(0, 10).position, 0U);
}

// Whatever happened: a start is at or before the length, and a state that is used belongs to its position.
RC_GTEST_PROP(SequenceStates, NeverBeginFromAStateOfAnotherPosition, ()) {
  SequenceStates states(1);
  std::vector<uint32_t> holds(SequenceStates::rows(1), 0);  // the position of each row's state
  uint32_t length = 0;
  for (const auto step : *rc::gen::container<std::vector<uint8_t>>(rc::gen::arbitrary<uint8_t>())) {
    if (step < 160) {
      const auto start = states.start(0, length);
      RC_ASSERT(start.position <= length);
      if (start.row) holds[0] = holds[*start.row];
      if (start.cleared) holds[0] = 0;
      RC_ASSERT(holds[0] == start.position);
      const uint32_t tokens = step < 120 ? 1 : step;
      length += tokens;
      holds[0] = length;
      states.moved(0, length);
      if (const auto row = states.keep(0, tokens)) holds[*row] = length;
    } else {
      length = length * (step - 160) / 96;
      states.truncated(0, length);
    }
  }
}

}  // namespace
}  // namespace exogpu::engine
