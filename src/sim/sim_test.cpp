// Scenarios with a few seeds each, and for each check an injected bug that it must find.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing/source_dir.h"
#include "sim/world.h"

namespace exogpu::sim {
namespace {

std::filesystem::path scenario_path(const std::string& name) {
  return exogpu::testing::source_dir() / "tests/scenarios" / (name + ".json");
}

Scenario scenario(const std::string& name) {
  auto read = read_scenario(scenario_path(name));
  EXPECT_TRUE(read) << read.error().message;
  return read.value_or(Scenario{});
}

Outcome run(const Scenario& scenario, uint64_t seed, InjectedBug bug = InjectedBug::none) {
  return World(scenario, {.seed = seed, .bug = bug, .trace = {}}).run();
}

// One of the first seeds shows the bug, by the check that looks for it, and passes without the bug.
void expect_found(const std::string& name, InjectedBug bug, std::string_view words) {
  const Scenario of = scenario(name);
  std::string last_failure;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Outcome bad = run(of, seed, bug);
    if (!bad.failure.empty()) last_failure = bad.failure;
    if (!bad.failure.contains(words)) continue;
    EXPECT_EQ(run(of, seed).failure, "") << "seed " << seed << " without the bug";
    return;
  }
  FAIL() << "not found; the last failure: " << last_failure;
}

TEST(Sim, ATermWithTwoLeadersIsFound) { expect_found("mixed", InjectedBug::counter_lost, "is led by node"); }
TEST(Sim, AnOlderTermThatIsObeyedIsFound) { expect_found("partitions", InjectedBug::term_forgotten, "obeys term"); }
TEST(Sim, StatesThatPartAreFound) { expect_found("partitions", InjectedBug::event_changed, "has another state at"); }
TEST(Sim, MemoryThatIsNotFreedIsFound) { expect_found("mixed", InjectedBug::memory_leaked, "and has room for"); }
TEST(Sim, AnEpochThatIsReversedIsFound) { expect_found("mixed", InjectedBug::epoch_reversed, "after epoch"); }
TEST(Sim, AClusterThatDoesNotSettleIsFound) { expect_found("quiet", InjectedBug::heartbeats_dropped, "not settled"); }
TEST(Sim, APlanThatIsPostponedForEverIsFound) { expect_found("requests", InjectedBug::busy_stuck, "put off"); }

TEST(Sim, ATokenThatIsLostIsFound) { expect_found("requests", InjectedBug::token_dropped, "is lost"); }
TEST(Sim, ATokenThatIsSentTwiceIsFound) { expect_found("requests", InjectedBug::token_forgotten, "has come twice"); }
TEST(Sim, ATokenThatIsAnotherIsFound) { expect_found("requests", InjectedBug::row_changed, "is another"); }
TEST(Sim, ARequestThatDoesNotEndIsFound) { expect_found("requests", InjectedBug::end_dropped, "has not ended"); }
TEST(Sim, TokensOfAPreviousPlanInAKvCacheAreFound) {
  expect_found("requests", InjectedBug::caches_not_truncated, "came to a sequence of");
}
TEST(Sim, ARecurrentStateThatIsNotRestoredIsFound) {
  expect_found("models", InjectedBug::state_not_restored, "is another");
}
TEST(Sim, RowsThatDoNotMoveWithTheirSequenceAreFound) {
  expect_found("pool", InjectedBug::rows_not_moved, "is another");
}
TEST(Sim, AStepThatIsDroppedIsFound) { expect_found("requests", InjectedBug::step_dropped, "request"); }
TEST(Sim, ARequestThatIsGivenUpTooEarlyIsFound) {
  expect_found("requests", InjectedBug::given_up_early, "fails, and could be answered");
}

TEST(Sim, ActivationsThatArriveBeforeTheirStepAreFound) {
  expect_found("requests", InjectedBug::frames_reordered, "has not ended");
}
TEST(Sim, CachesThatAreResumedWithAnotherLengthAreFound) {
  expect_found("requests", InjectedBug::resume_miscounted, "fails, and could be answered");
}
TEST(Sim, APeerThatSendsMoreStepsThanAgreedIsFound) {
  expect_found("requests", InjectedBug::queue_bound_ignored, "has not ended");
}
TEST(Sim, ReplayedActivationsOfAnotherPositionAreFound) {
  expect_found("requests", InjectedBug::replay_row_shifted, "is another");
}

TEST(Sim, AClientThatIsStarvedIsFound) { expect_found("fair", InjectedBug::clients_confused, "is starved"); }

TEST(Sim, AConditionThatIsNotReportedIsFound) {
  expect_found("mixed", InjectedBug::condition_unreported, "is low, and that is not known");
}

TEST(Sim, ADeviceThatIsNotAsFastAsPlansKnowIsFound) {
  expect_found("profiles", InjectedBug::speeds_unreported, "is predicted to take");
}

TEST(Sim, ADeviceThatIsNotPacedIsFound) { expect_found("heat", InjectedBug::pace_ignored, "is warmer than it may be"); }

TEST(Sim, AModelThatGoesWhileItAnswersIsFound) {
  expect_found("library", InjectedBug::busy_unreported, "removes a model while it answers");
}

TEST(Sim, TheSameSeedIsTheSameRun) {
  const auto lines = [](uint64_t seed) {
    std::string all;
    World(scenario("mixed"), {.seed = seed, .trace = [&](const std::string& line) { all += line + "\n"; }}).run();
    return all;
  };
  EXPECT_EQ(lines(7), lines(7));
  EXPECT_NE(lines(7), lines(8));
}

TEST(Sim, AMissingScenarioIsRefused) {
  EXPECT_EQ(read_scenario(scenario_path("nowhere")).error().code, ErrorCode::not_found);
  for (const auto& entry : std::filesystem::directory_iterator(scenario_path("x").parent_path())) {
    const auto read = read_scenario(entry.path());
    EXPECT_TRUE(read) << read.error().message;
  }
}

}  // namespace
}  // namespace exogpu::sim
