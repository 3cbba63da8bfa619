#include "cli/models/report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/testing/temp_dir.h"

namespace exogpu::cli {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

struct Models : ::testing::Test {
  exogpu::testing::TempDir dir;
  model::Library library{dir.path()};

  ModelsReport report() {
    ModelsReport result = {.folder = library.folder(), .models = {}, .now = std::chrono::system_clock::now()};
    auto entries = library.list();
    EXPECT_TRUE(entries);
    for (model::LibraryEntry& entry : *entries) result.models.push_back(describe_model(std::move(entry)));
    return result;
  }
};

TEST_F(Models, NoModelIsReported) {
  EXPECT_EQ(as_text(report()), "No models in " + dir.path().string() + "; `exogpu pull ORG/REPO` downloads one.\n");
  EXPECT_EQ(Json::parse(as_json(report())).at("models"), Json::array());
}

TEST_F(Models, TheBrokenAndTheUnfinishedAreListedToo) {
  std::ofstream(dir / "web.gguf") << "<html>";
  std::ofstream(dir / "m-00001-of-00002.gguf") << "x";
  std::ofstream(dir / "begun.gguf.part") << "GGUF";
  const Json models = Json::parse(as_json(report())).at("models");
  ASSERT_EQ(models.size(), 3u);
  EXPECT_FALSE(models[0].at("complete"));
  EXPECT_EQ(models[0].at("size_bytes"), 4);
  EXPECT_TRUE(models[1].at("error").get<std::string>().contains("1 of 2 files"));
  EXPECT_TRUE(models[2].at("error").get<std::string>().contains("web page"));
  const std::string text = as_text(report());
  EXPECT_TRUE(text.contains("download incomplete: `exogpu pull` continues it")) << text;
  EXPECT_FALSE(text.contains((dir / "web.gguf").string())) << text;
}

TEST(ModelsAge, InWords) {
  EXPECT_EQ(age_words(-5s), "just now");
  EXPECT_EQ(age_words(60s), "1 minute ago");
  EXPECT_EQ(age_words(119min), "1 hour ago");
  EXPECT_EQ(age_words(72h), "3 days ago");
  EXPECT_EQ(age_words(24h * 90), "3 months ago");
}

}  // namespace
}  // namespace exogpu::cli
