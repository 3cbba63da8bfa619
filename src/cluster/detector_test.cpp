#include "cluster/detector.h"

#include <gtest/gtest.h>

namespace exogpu::cluster {
namespace {

using std::chrono::milliseconds;

TEST(Detector, ANodeOfALocalNetworkIsLostWithinASecond) {
  Time now{};
  Detector regular(now), jumpy(now);
  for (int i = 0; i < 100; ++i) {
    now += kHeartbeatInterval;
    regular.received(now);
    regular.measured(milliseconds(1));
    jumpy.received(now + milliseconds(i % 2 == 0 ? 0 : 150));
    jumpy.measured(milliseconds(i % 2 == 0 ? 1 : 40));
  }
  EXPECT_FALSE(regular.lost(now + 2 * kHeartbeatInterval)) << "one message that is lost is no reason";
  EXPECT_TRUE(regular.lost(now + milliseconds(800)));
  EXPECT_FALSE(jumpy.lost(now + milliseconds(800))) << "one that is often late is given longer";
  EXPECT_TRUE(jumpy.lost(now + milliseconds(1100)));
}

TEST(Detector, AFarNodeHasLonger) {
  Time now{};
  Detector far(now);
  for (int i = 0; i < 50; ++i) {
    now += kHeartbeatInterval;
    far.received(now);
    far.measured(milliseconds(i % 2 == 0 ? 200 : 500));
  }
  EXPECT_FALSE(far.lost(now + milliseconds(1200)));
  EXPECT_TRUE(far.lost(now + kFarSilence));
}

TEST(Detector, ABrokenChannelIsGivenAMomentOnly) {
  Time now{};
  Detector detector(now);
  detector.disconnected(now + milliseconds(10));
  EXPECT_FALSE(detector.lost(now + milliseconds(100)));
  EXPECT_TRUE(detector.lost(now + milliseconds(10) + kCutGrace));
  detector.reconnected();
  EXPECT_FALSE(detector.lost(now + milliseconds(300)));
  detector.disconnected(now + milliseconds(310));
  detector.received(now + milliseconds(320));
  EXPECT_FALSE(detector.lost(now + milliseconds(700)));
}

}  // namespace
}  // namespace exogpu::cluster
