#include "gpu/profile/cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "gpu/profile/json.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;
using std::chrono::days;

Profile some_profile(double scale = 1) {
  Profile profile;
  profile.bandwidth_bytes_per_s = 2e10 * scale;
  profile.products = {{.type = "q4_K", .matvec_bytes_per_s = 2e10 * scale, .matmul_flops_per_s = 1.5e11},
                      {.type = "f16", .matvec_bytes_per_s = 1.9e10, .matmul_flops_per_s = 0}};
  profile.host_to_device_bytes_per_s = 1e10;
  profile.device_to_host_bytes_per_s = 0.9e10;
  profile.graph_overhead_s = 5e-6;
  profile.fixed_columns = 140;
  profile.threads = 8;
  profile.took_s = 1.25;
  return profile;
}

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / (std::string("exogpu_cache_") + test->name() + std::to_string(getpid()));
    fs::remove_all(folder_);
    cache_.file = folder_ / "below" / "profiles.json";
    cache_.now = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
    fs::remove_all(folder_);
  }

  // Asks for the profile of `key`; a measurement gives `scale`.
  CachedProfile ask(const std::string& key = "device", bool fresh = false, double scale = 1, bool disturbed = false) {
    auto answer = cached_profile(key, cache_, fresh, [&]() -> Result<Profile> {
      Profile profile = some_profile(scale);
      profile.disturbed = disturbed;
      profile.measured_at = cache_.now;
      return profile;
    });
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(CachedProfile());
  }
  std::string text() {
    std::ifstream in(cache_.file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& text) {
    fs::create_directories(cache_.file.parent_path());
    std::ofstream(cache_.file, std::ios::binary) << text;
  }

  fs::path folder_;
  ProfileCache cache_;
};

TEST_F(Cache, WhatWasMeasuredOnABusyMachineIsNotStored) {
  const CachedProfile busy = ask("device", false, 0.1, true);
  EXPECT_TRUE(busy.measured);
  EXPECT_TRUE(busy.note.contains("measured again")) << busy.note;
  EXPECT_TRUE(ask("device", false, 1).measured);
  EXPECT_FALSE(ask("device", false, 2).measured);
}

TEST(UndisturbedTime, IsTheMedianUnlessThatIsFarAboveTheLeast) {
  bool disturbed = false;
  EXPECT_EQ(undisturbed_time({1.2, 1.0, 1.1}, disturbed), 1.1);
  EXPECT_FALSE(disturbed);
  EXPECT_EQ(undisturbed_time({9, 1, 8, 1, 7}, disturbed), 1);
  EXPECT_TRUE(disturbed);
  EXPECT_EQ(undisturbed_time({2}, disturbed), 2);
  EXPECT_TRUE(disturbed);  // stays
}

TEST_F(Cache, ADeviceIsMeasuredOnce) {
  CachedProfile first = ask();
  EXPECT_TRUE(first.measured);
  EXPECT_EQ(first.note, "");
  CachedProfile second = ask("device", false, 7);
  EXPECT_FALSE(second.measured);
  EXPECT_EQ(to_json(second.profile), to_json(first.profile));
}

TEST_F(Cache, EachKeyHasItsOwnProfile) {
  ask("one", false, 1);
  EXPECT_TRUE(ask("two", false, 2).measured);
  EXPECT_EQ(ask("one").profile.bandwidth_bytes_per_s, 2e10);
  EXPECT_EQ(ask("two").profile.bandwidth_bytes_per_s, 4e10);
}

TEST_F(Cache, AnOldProfileIsMeasuredAgain) {
  ask();
  cache_.now += days(30);
  EXPECT_FALSE(ask().measured);
  cache_.now += std::chrono::seconds(1);
  EXPECT_TRUE(ask().measured);
  EXPECT_FALSE(ask().measured);
}

TEST_F(Cache, AProfileFromTheFutureIsMeasuredAgain) {
  ask();
  cache_.now -= days(2);
  EXPECT_TRUE(ask().measured);
}

TEST_F(Cache, OldProfilesOfOtherDevicesAreDropped) {
  ask("old");
  cache_.now += days(31);
  ask("new");
  EXPECT_FALSE(text().contains("\"old\""));
  EXPECT_TRUE(text().contains("\"new\""));
}

TEST_F(Cache, FreshForcesAMeasurement) {
  ask();
  CachedProfile again = ask("device", true, 3);
  EXPECT_TRUE(again.measured);
  EXPECT_EQ(ask().profile.bandwidth_bytes_per_s, 6e10);
}

TEST_F(Cache, ACorruptFileIsMeasuredAgainWithANote) {
  for (const char* bad : {"garbage", "", "[]", "42", R"({"version":3})", R"({"version":3,"profiles":[]})",
                          R"({"version":3,"profiles":{"device":{}}})", R"({"version":3,"profiles":{"x":null}})"}) {
    write(bad);
    CachedProfile answer = ask();
    EXPECT_TRUE(answer.measured) << bad;
    EXPECT_TRUE(answer.note.contains(cache_.file.string())) << bad << ": " << answer.note;
    EXPECT_TRUE(answer.note.contains("measured again")) << bad << ": " << answer.note;
    answer = ask();
    EXPECT_FALSE(answer.measured) << bad;
    EXPECT_EQ(answer.note, "") << bad;
  }
}

TEST_F(Cache, AFileOfAnotherVersionIsReplaced) {
  write(R"({"version":2,"profiles":"of another form"})");
  CachedProfile answer = ask();
  EXPECT_TRUE(answer.measured);
  EXPECT_EQ(answer.note, "");
}

TEST_F(Cache, AFileCutAnywhereIsNeverBelieved) {
  ask();
  std::string whole = text();
  size_t end = whole.find_last_of('}');
  for (size_t length = 0; length < end; ++length) {
    write(whole.substr(0, length));
    EXPECT_TRUE(ask().measured) << length;
  }
}

TEST_F(Cache, ImpossibleRatesAreNotBelieved) {
  for (const char* bad : {"0", "-1", "1e999", "null", "\"fast\"", "[]"}) {
    ask();
    std::string changed = text();
    std::string field = "\"graph_overhead_s\": ";
    size_t at = changed.find(field);
    ASSERT_NE(at, std::string::npos);
    at += field.size();
    changed.replace(at, changed.find(',', at) - at, bad);
    write(changed);
    EXPECT_TRUE(ask().measured) << bad;
  }
}

TEST_F(Cache, AHugeFileIsNotRead) {
  write(std::string(5 * MiB, ' '));
  EXPECT_TRUE(ask().note.contains("larger than"));
}

TEST_F(Cache, AFileThatCannotBeWrittenIsANote) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "below") << "a file where a folder should be";
  CachedProfile answer = ask();
  EXPECT_TRUE(answer.measured);
  EXPECT_TRUE(answer.note.contains("not saved")) << answer.note;
  cache_.file = folder_;  // a folder where a file should be
  answer = ask();
  EXPECT_TRUE(answer.measured);
  EXPECT_NE(answer.note, "");
}

TEST_F(Cache, WithoutAFileNothingIsSaved) {
  cache_.file.clear();
  EXPECT_TRUE(ask().measured);
  EXPECT_TRUE(ask().note.contains("not saved"));
}

TEST_F(Cache, NoTemporaryFilesRemain) {
  ask("one");
  ask("two");
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(cache_.file.parent_path())) files += entry.exists() ? 1 : 0;
  EXPECT_EQ(files, 1u);
}

TEST_F(Cache, AMeasurementThatFailsIsAnErrorAndSavesNothing) {
  auto answer = cached_profile("device", cache_, false,
                               []() -> Result<Profile> { return fail(ErrorCode::unavailable, "the device is gone"); });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the device is gone");
  EXPECT_FALSE(fs::exists(cache_.file));
}

TEST(ProfileCacheFile, IsInTheUsersCacheFolder) {
  EXPECT_EQ(profile_cache_file("/cache", "/me"), "/cache/exogpu/profiles.json");
  EXPECT_EQ(profile_cache_file(nullptr, "/me"), "/me/.cache/exogpu/profiles.json");
  EXPECT_EQ(profile_cache_file("", "/me"), "/me/.cache/exogpu/profiles.json");
  EXPECT_EQ(profile_cache_file("relative", "/me"), "/me/.cache/exogpu/profiles.json");
  EXPECT_EQ(profile_cache_file(nullptr, nullptr), "");
  EXPECT_EQ(profile_cache_file(nullptr, "relative"), "");
}

TEST(ProfileKey, DiffersForOtherRates) {
  DeviceInfo info;
  info.id = "vulkan0";
  info.name = "Card";
  info.backend = "Vulkan";
  std::string base = profile_key(Device(info, nullptr), 0);
  EXPECT_NE(profile_key(Device(info, nullptr), 4), base);
  DeviceInfo other = info;
  other.driver_version = "2";
  EXPECT_NE(profile_key(Device(other, nullptr), 0), base);
  other = info;
  other.pci_address = "0000:01:00.0";
  EXPECT_NE(profile_key(Device(other, nullptr), 0), base);
  other = info;
  other.id = "vulkan7";  // the number depends on what else is there
  EXPECT_EQ(profile_key(Device(other, nullptr), 0), base);
  EXPECT_TRUE(base.contains("ggml"));
}

TEST(ProfileJson, ComesBackAsItWent) {
  Profile profile = some_profile();
  profile.measured_at = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000));
  auto back = profile_from_json(to_json(profile));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), to_json(profile));
  EXPECT_EQ(back->product("f16")->matmul_flops_per_s, 0);
  EXPECT_EQ(back->threads, 8u);
}

}  // namespace
}  // namespace exogpu::gpu
