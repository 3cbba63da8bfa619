#include "net/identity_probe.h"

#include <gtest/gtest.h>

#include "net/mem/mem_network.h"
#include "net/testing/recorder.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;

class IdentityProbeTest : public ::testing::Test {
 protected:
  using Verdict = IdentityProbe::Verdict;

  IdentityProbeTest() {
    ChannelOptions patient;
    patient.silence_max = 1h;
    patient.ping_interval = 1h;
    auto made = network_.connect({testing::node_named(1), patient}, {testing::node_named(2), patient});
    EXPECT_TRUE(made);
    pair_ = *std::move(made);
    pair_.a->start(here_);
    pair_.b->start(there_);
    run(10ms);
  }

  void run(Duration span) { network_.pump(now_ += span); }
  // Runs until there is a verdict.
  Verdict verdict(IdentityProbe& probe) {
    while (true) {
      const Verdict verdict = probe.check(*pair_.a, now_);
      if (verdict != Verdict::undecided) return verdict;
      run(kIdentityProbePoll);
    }
  }

  SteadyTime now_{1h};
  MemNetwork network_{now_};
  testing::Recorder here_, there_;
  MemNetwork::Pair pair_;
};

TEST_F(IdentityProbeTest, AProcessThatAnswersLives) {
  const SteadyTime begun = now_;
  IdentityProbe probe(*pair_.a, now_);
  EXPECT_EQ(verdict(probe), Verdict::earlier_lives);
  EXPECT_LE(now_ - begun, 100ms);
}

TEST_F(IdentityProbeTest, AProcessThatIsSilentIsDeadInLessThanASecond) {
  network_.stop_delivery(*pair_.a);
  const SteadyTime begun = now_;
  IdentityProbe probe(*pair_.a, now_);
  EXPECT_EQ(verdict(probe), Verdict::earlier_dead);
  EXPECT_EQ(now_ - begun, kIdentityProbeMax);
}

// The process may answer an earlier ping before it dies.
TEST_F(IdentityProbeTest, OnePongIsNotEnough) {
  IdentityProbe probe(*pair_.a, now_);
  run(kIdentityProbePoll);
  network_.stop_delivery(*pair_.a);
  EXPECT_EQ(pair_.a->stats().pongs, 1U);
  EXPECT_EQ(verdict(probe), Verdict::earlier_dead);
}

// Bytes that the operating system still delivers for a dead process are no answer.
TEST_F(IdentityProbeTest, OtherBytesAreNotEnough) {
  ChannelOptions patient;
  patient.silence_max = 1h;
  auto made = network_.connect({testing::node_named(1), patient}, {testing::node_named(2), patient});
  ASSERT_TRUE(made);
  pair_ = *std::move(made);
  pair_.a->start(here_);  // the other end does not listen
  const auto text = testing::pattern(100, 1);
  IdentityProbe probe(*pair_.a, now_);
  EXPECT_TRUE(pair_.b->send(testing::note(text)));
  EXPECT_EQ(verdict(probe), Verdict::earlier_dead);
  EXPECT_EQ(here_.frames.size(), 1U);
}

}  // namespace
}  // namespace exogpu::net
