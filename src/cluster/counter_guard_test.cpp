// Counters near their maximum, from a member that breaks the rules.
#include "cluster/counter_guard.h"

#include <gtest/gtest.h>

#include "cluster/testing/linked_agents.h"

namespace exogpu::cluster {
namespace {

using namespace std::chrono_literals;
using testing::example_id;
using wire::PlanEpoch;
using wire::Term;

constexpr uint64_t kMost = uint64_t{1} << 31;  // that can be encoded

wire::ElectionProbe probe_of(uint64_t counter) {
  return {.wants_reply = true, .term = {.counter = counter, .leader = example_id(9)}, .fitness = {}, .at = {}};
}

TEST(CounterGuard, ATermFarAheadOfTheKnownOnesIsNotBelieved) {
  const Time begun{1h};
  CounterGuard guard(7);
  EXPECT_TRUE(guard.believes(probe_of(kTermsAheadAtStart), begun)) << "a cluster that this node returns to";
  EXPECT_FALSE(guard.believes(probe_of(8 + kTermsAheadAtStart), begun));
  EXPECT_FALSE(guard.believes(probe_of(kMost), begun));
  guard.settle(begun);
  EXPECT_TRUE(guard.believes(probe_of(7 + kTermsAhead), begun));
  EXPECT_FALSE(guard.believes(probe_of(8 + kTermsAhead), begun));
  guard.observe(7 + kTermsAhead);
  EXPECT_FALSE(guard.believes(probe_of(8 + kTermsAhead), begun)) << "many messages reach no further than one";
  EXPECT_TRUE(guard.believes(probe_of(7 + kTermsAhead + 10 * kTermsAheadPerSecond), begun + 10s));
  EXPECT_FALSE(guard.believes(probe_of(8 + kTermsAhead + 10 * kTermsAheadPerSecond), begun + 10s));
  guard.observe(kMost);
  EXPECT_TRUE(guard.believes(probe_of(kMost), begun)) << "which this node has begun itself";
}

TEST(CounterGuard, AnEpochOrAPositionThatNoLeaderHasMadeIsNotBelieved) {
  const Time now{1h};
  CounterGuard guard(7);
  const Term term{.counter = 7, .leader = example_id(9)};
  const auto ack = [&](uint64_t epoch, uint64_t index) {
    return wire::HeartbeatAck{
        .term = term, .at = {.term = term, .index = index}, .epoch = PlanEpoch(epoch), .busy_models = {}};
  };
  EXPECT_TRUE(guard.believes(ack(uint64_t{7} << 32 | 0xFFFF'FFFF, 1000), now));
  EXPECT_FALSE(guard.believes(ack(UINT64_MAX, 1000), now));
  EXPECT_FALSE(guard.believes(ack(0, UINT64_MAX), now));
  wire::LogSnapshot snapshot{.term = term, .state = {}};
  EXPECT_TRUE(guard.believes(snapshot, now));
  snapshot.state.epoch_last = PlanEpoch(UINT64_MAX);
  EXPECT_FALSE(guard.believes(snapshot, now));
  wire::LogEntries entries{.term = term, .before = {}, .entries = {{.term = term, .event = wire::PlanMade{}}}};
  EXPECT_TRUE(guard.believes(entries, now));
  std::get<wire::PlanMade>(entries.entries[0].event).plan.epoch = PlanEpoch(UINT64_MAX);
  EXPECT_FALSE(guard.believes(entries, now));
  entries.entries[0] = {.term = {.counter = kMost, .leader = example_id(9)}, .event = wire::TermBegan{}};
  EXPECT_FALSE(guard.believes(entries, now));
}

class HostileCounters : public testing::LinkedAgents {};

TEST_F(HostileCounters, ElectionsAndPlansGoOn) {
  run(3s);
  ASSERT_EQ(at(1).leader(), example_id(1));
  at(2).command(wire::ModelSet{testing::example_model(4)}, now_);
  run(2s);
  // The leader says all that a member can, and is lost.
  const Term last{.counter = kMost, .leader = example_id(1)};
  const wire::Position end{.term = last, .index = UINT64_MAX};
  const Message hostile[] = {
      wire::ElectionProbe{.term = last, .is_leader = true, .fitness = {}, .at = end},
      wire::Heartbeat{.term = last, .number = 1},
      wire::HeartbeatAck{.term = at(1).term(), .at = {}, .epoch = PlanEpoch(UINT64_MAX), .busy_models = {}},
      wire::HeartbeatAck{.term = last, .at = end, .epoch = PlanEpoch(UINT64_MAX), .busy_models = {}},
      wire::LogEntries{.term = last, .before = end, .entries = {{.term = last, .event = wire::TermBegan{}}}},
      wire::LogSnapshot{.term = last,
                        .state = {.at = end, .nodes = {}, .models = {}, .epoch_last = PlanEpoch(UINT64_MAX)}}};
  for (const uint8_t n : {uint8_t{2}, uint8_t{3}}) {
    size_t reports = 0;
    for (const Message& message : hostile) {
      at(n).receive(example_id(1), message, now_);
      reports += at(n).take().not_believed.size();
    }
    EXPECT_EQ(reports, 1U) << "once a minute";
    at(n).link_down(example_id(1), now_);
    at(1).link_down(example_id(n), now_);
  }
  run(5s);
  ASSERT_TRUE(at(2).leader());
  EXPECT_NE(at(2).leader(), example_id(1));
  EXPECT_EQ(at(2).leader(), at(3).leader());
  EXPECT_LT(at(2).term().counter, 1000U);
  wire::ServedModel other = testing::example_model(5);
  other.content = "other";
  at(2).command(wire::ModelSet{other}, now_);
  run(3s);
  for (const uint8_t n : {uint8_t{2}, uint8_t{3}}) {
    EXPECT_FALSE(at(n).state().models.empty());
    for (const auto& [content, model] : at(n).state().models) {
      ASSERT_TRUE(model.plan) << content;
      EXPECT_LT(model.plan->made.plan.epoch.value() >> 32, 1000U);
    }
  }
}

}  // namespace
}  // namespace exogpu::cluster
