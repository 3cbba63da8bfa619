#include "cli/chat/transcript.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace exogpu::cli {
namespace {

class Transcript : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "exogpu-transcript-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string read(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  const std::vector<ChatMessage> talk_ = {{"system", "Be brief."}, {"user", "Grüße\n\"x\""}, {"assistant", "Hi."}};
};

TEST_F(Transcript, IsJsonByItsName) {
  ASSERT_TRUE(save_transcript(talk_, (folder_ / "a.json").string()));
  EXPECT_EQ(nlohmann::json::parse(read(folder_ / "a.json")),
            nlohmann::json::parse(R"([{"role": "system", "content": "Be brief."},
                                      {"role": "user", "content": "Grüße\n\"x\""},
                                      {"role": "assistant", "content": "Hi."}])"));
}

TEST_F(Transcript, IsTextElse) {
  ASSERT_TRUE(save_transcript(talk_, (folder_ / "a.md").string()));
  EXPECT_EQ(read(folder_ / "a.md"), "## system\n\nBe brief.\n\n## user\n\nGrüße\n\"x\"\n\n## assistant\n\nHi.\n");
}

TEST_F(Transcript, ReplacesNothing) {
  const std::string path = (folder_ / "a.md").string();
  std::ofstream(path) << "mine";
  const auto saved = save_transcript(talk_, path);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::already_exists);
  EXPECT_EQ(read(path), "mine");
}

TEST_F(Transcript, NamesWhatCannotBeWritten) {
  const auto saved = save_transcript(talk_, (folder_ / "no" / "a.md").string());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::io_error);
  EXPECT_TRUE(saved.error().message.contains("No such file")) << saved.error().message;
  EXPECT_EQ(save_transcript({}, (folder_ / "b.md").string()).error().code, ErrorCode::failed_precondition);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b.md"));
}

}  // namespace
}  // namespace exogpu::cli
