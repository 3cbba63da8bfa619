#include "node/self_facts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "node/term_file.h"

namespace exogpu::node {
namespace {

class SelfFacts : public ::testing::Test {
 protected:
  SelfFacts() { std::filesystem::create_directories(folder_); }
  ~SelfFacts() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& file, const std::string& text) const {
    const auto path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  wire::Fitness fitness() const { return fitness_of(std::chrono::seconds(1), folder_); }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      ("exogpu-self-" + std::to_string(getpid()) + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(SelfFacts, WithoutInformationItIsMainsPowerAndAWire) {
  EXPECT_EQ(fitness(), (wire::Fitness{.mains = true, .wired = true, .steadiness = 0}));
}

TEST_F(SelfFacts, ABatteryThatIsBeingUsedCounts) {
  put("power_supply/BAT0/type", "Battery");
  put("power_supply/BAT0/status", "Charging");
  EXPECT_TRUE(fitness().mains);
  put("power_supply/BAT0/status", "Discharging");
  EXPECT_FALSE(fitness().mains);
  put("power_supply/BAT0/scope", "Device");  // of a mouse
  EXPECT_TRUE(fitness().mains);
}

TEST_F(SelfFacts, AWireBesideARadioCounts) {
  put("net/wlan0/operstate", "up");
  put("net/wlan0/device/uevent", "");
  put("net/wlan0/wireless/link", "");
  EXPECT_FALSE(fitness().wired);
  put("net/br0/operstate", "up");  // has no hardware
  EXPECT_FALSE(fitness().wired);
  put("net/eth0/operstate", "down");
  put("net/eth0/device/uevent", "");
  EXPECT_FALSE(fitness().wired);
  put("net/eth0/operstate", "up");
  EXPECT_TRUE(fitness().wired);
}

TEST_F(SelfFacts, SteadinessGrowsWithTime) {
  uint32_t before = 0;
  for (const auto hours : {0, 0, 2, 30}) {
    const uint32_t now = fitness_of(std::chrono::hours(hours) + std::chrono::minutes(15), folder_).steadiness;
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_EQ(before, wire::kSteadinessMax);
}

TEST_F(SelfFacts, TheCounterOfTermsIsSaved) {
  EXPECT_EQ(read_term_counter(folder_).value(), 0U);
  ASSERT_TRUE(write_term_counter(folder_, 1ULL << 40));
  EXPECT_EQ(read_term_counter(folder_).value(), 1ULL << 40);
  put("term", "seven");
  const auto spoilt = read_term_counter(folder_);
  ASSERT_FALSE(spoilt);
  EXPECT_EQ(spoilt.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace exogpu::node
