#include "gpu/layouts/book.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "gpu/layouts/profile_options.h"
#include "gpu/layouts/stored.h"
#include "gpu/testing/device.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

const std::vector<Layout> kLayouts = {{"AMX", nullptr, true}, {"REPACK", nullptr, true}, {"CPU", nullptr, false}};

std::vector<std::string> names(const LayoutKnowledge& known, WeightShape shape = WeightShape::matrix,
                               LayoutAim aim = LayoutAim::answers) {
  std::vector<std::string> all;
  for (const Layout& layout : rank_layouts(kLayouts, known, "q4_K", shape, aim)) all.push_back(layout.name);
  return all;
}

using Names = std::vector<std::string>;

TEST(RankLayouts, WithoutKnowledgePackedOnesServeMatricesAndExperts) {
  EXPECT_EQ(names({}), (Names{"AMX", "REPACK", "CPU"}));
  EXPECT_EQ(names({}, WeightShape::experts), (Names{"AMX", "REPACK", "CPU"}));
  EXPECT_EQ(names({}, WeightShape::batch), Names{"CPU"});
  EXPECT_EQ(names({}, WeightShape::short_rows), Names{"CPU"});
}

TEST(RankLayouts, WhatIsWrongOrUnsupportedIsNotUsed) {
  LayoutKnowledge known;
  known.verdicts[{"AMX", "q4_K", WeightShape::matrix}] = {LayoutState::wrong, "by 2"};
  known.verdicts[{"REPACK", "q4_K", WeightShape::matrix}] = {LayoutState::unsupported, ""};
  EXPECT_EQ(names(known), Names{"CPU"});
  known.verdicts[{"CPU", "q4_K", WeightShape::matrix}] = {LayoutState::wrong, "by 1"};
  EXPECT_EQ(names(known), Names{});
  known.verdicts[{"AMX", "q4_K", WeightShape::short_rows}] = {LayoutState::right, ""};
  EXPECT_EQ(names(known, WeightShape::short_rows), (Names{"AMX", "CPU"}));
}

TEST(RankLayouts, TheFastestForTheAimComesFirst) {
  LayoutKnowledge known;
  known.rates[{"AMX", "q4_K"}] = {.matvec_bytes_per_s = 10, .matmul_flops_per_s = 110};
  known.rates[{"REPACK", "q4_K"}] = {.matvec_bytes_per_s = 13, .matmul_flops_per_s = 75};
  known.rates[{"CPU", "q4_K"}] = {.matvec_bytes_per_s = 13.5, .matmul_flops_per_s = 30};
  EXPECT_EQ(names(known), (Names{"REPACK", "AMX", "CPU"}));
  EXPECT_EQ(names(known, WeightShape::experts, LayoutAim::prompts), (Names{"AMX", "REPACK", "CPU"}));
  EXPECT_EQ(names(known, WeightShape::matrix, LayoutAim::both), (Names{"AMX", "REPACK", "CPU"}));
  known.rates[{"CPU", "q4_K"}].matvec_bytes_per_s = 21;
  EXPECT_EQ(names(known), (Names{"CPU", "AMX", "REPACK"}));
  // Half measured is not measured.
  known.rates.erase({"AMX", "q4_K"});
  EXPECT_EQ(names(known).front(), "AMX");
}

Device paper(const std::string& driver) {
  DeviceInfo info;
  info.id = "paper0";
  info.driver_version = driver;
  return {info, nullptr};
}

class Book : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / (std::string("exogpu_book_") + test->name() + std::to_string(getpid()));
    file_ = folder_ / "layouts.json";
  }
  void TearDown() override { fs::remove_all(folder_); }

  LayoutBook::Check answers() {
    return [this](const Device&, std::span<const LayoutCase> cases) {
      asked_.insert(asked_.end(), cases.begin(), cases.end());
      return std::vector<LayoutVerdict>(cases.size(), answer_);
    };
  }
  LayoutBook open() { return {file_, answers()}; }

  fs::path folder_;
  fs::path file_;
  std::vector<LayoutCase> asked_;
  LayoutVerdict answer_{LayoutState::right, ""};
  Device device_ = paper("1");
  LayoutCase case_{.layout = "CPU", .type = "q4_K"};
};

TEST_F(Book, AsksOnceAndRemembersBeyondTheProcess) {
  {
    LayoutBook book = open();
    EXPECT_EQ(book.check(device_, {{case_, case_}}), "");
    EXPECT_EQ(book.check(device_, {{case_}}), "");
    EXPECT_EQ(book.verdict(device_, case_).state, LayoutState::right);
  }
  LayoutBook again = open();
  EXPECT_EQ(again.check(device_, {{case_}}), "");
  EXPECT_EQ(asked_.size(), 1u);
  EXPECT_EQ(again.verdict(device_, case_).state, LayoutState::right);
}

TEST_F(Book, AnotherDriverIsAnotherDevice) {
  (void)open().check(device_, {{case_}});
  const Device newer = paper("2");
  LayoutBook book = open();
  EXPECT_EQ(book.verdict(newer, case_).state, LayoutState::unknown);
  (void)book.check(newer, {{case_}});
  EXPECT_EQ(asked_.size(), 2u);
  EXPECT_EQ(open().verdict(device_, case_).state, LayoutState::right);
}

TEST_F(Book, WhatCouldNotBeCheckedIsAskedAgainInTheNextProcess) {
  answer_ = {LayoutState::unknown, "no program"};
  {
    LayoutBook book = open();
    (void)book.check(device_, {{case_}});
    (void)book.check(device_, {{case_}});
    EXPECT_EQ(asked_.size(), 1u);
  }
  (void)open().check(device_, {{case_}});
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(Book, ACorruptFileIsReplacedAndSaid) {
  for (const char* bad :
       {"garbage", "[]", R"({"version":1})", R"({"version":1,"devices":{"a":1}})",
        R"({"version":1,"devices":{"a":{"verdicts":{"x":{}},"rates":{}}}})",
        R"({"version":1,"devices":{"a":{"verdicts":{},"rates":{"CPU/q4_K":{"matvec_bytes_per_s":-1}}}}})"}) {
    fs::create_directories(folder_);
    std::ofstream(file_) << bad;
    EXPECT_TRUE(open().check(device_, {{case_}}).contains("layouts.json")) << bad;
    EXPECT_EQ(open().verdict(device_, case_).state, LayoutState::right) << bad;
  }
}

TEST_F(Book, KnowledgeIsReadAsItIsWritten) {
  std::map<std::string, LayoutKnowledge> all;
  all["device"].verdicts[case_] = {LayoutState::wrong, "by 2"};
  all["device"].verdicts[{"AMX", "f16", WeightShape::batch}] = {LayoutState::unknown, "not kept"};
  all["device"].rates[{"CPU", "q4_K"}] = {.matvec_bytes_per_s = 2, .matmul_flops_per_s = 3};
  const auto read = knowledge_from_json(to_json(all));
  ASSERT_TRUE(read) << read.error().message;
  const LayoutKnowledge& known = read->at("device");
  ASSERT_EQ(known.verdicts.size(), 1u);
  EXPECT_EQ(known.verdicts.at(case_).reason, "by 2");
  EXPECT_EQ(known.rates.at({"CPU", "q4_K"}).matmul_flops_per_s, 3);
}

// The layouts that this machine's CPU really has.
TEST_F(Book, MeasuresTheRightLayoutsOfTheCpuOnce) {
  const auto cpu = test_device("CPU");
  ASSERT_TRUE(cpu);
  LayoutBook book = open();
  (void)book.check(*cpu, cases_of(*cpu, "q4_K", WeightShape::matrix));
  const auto threads = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); };
  const auto before = threads();
  EXPECT_EQ(book.measure(*cpu, "q4_K"), "");
  // The threads that measured are gone; those of the stages would sleep at each barrier beside them.
  for (int i = 0; i < 500 && threads() > before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(threads(), before);
  const LayoutKnowledge known = book.known(*cpu);
  const size_t layouts = layouts_of(*cpu).size();
  EXPECT_EQ(known.rates.size(), layouts > 1 ? layouts : 0);
  for (const auto& [of, rates] : known.rates) {
    EXPECT_GT(rates.matvec_bytes_per_s, 1e6) << of.first;
    EXPECT_GT(rates.matmul_flops_per_s, 1e6) << of.first;
  }
}

TEST_F(Book, AProfileIsNotMeasuredInALayoutThatIsWrong) {
  auto cpu = test_device("CPU");
  ASSERT_TRUE(cpu);
  answer_ = {LayoutState::wrong, "all"};
  cpu->set_layouts(std::make_shared<LayoutBook>(file_, answers()));
  EXPECT_EQ(profile_options(*cpu, 0).layout("q4_K"), std::nullopt);
  EXPECT_FALSE(asked_.empty());
}

}  // namespace
}  // namespace exogpu::gpu
