// Compares renders of tests/golden/chat with those of Python's jinja2, which tools/chat_golden/render.py recorded.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/testing/source_dir.h"
#include "model/chat_template.h"

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

// $EXOGPU_CHAT_GOLDEN names another folder of the same form, for further templates.
std::filesystem::path golden_dir() {
  if (const char* given = std::getenv("EXOGPU_CHAT_GOLDEN")) return given;
  return exogpu::testing::source_dir() / "tests" / "golden" / "chat";
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// 2024-07-26 12:00:00 local time, as in render.py.
std::chrono::system_clock::time_point recorded_now() {
  std::tm parts{};
  parts.tm_year = 124;
  parts.tm_mon = 6;
  parts.tm_mday = 26;
  parts.tm_hour = 12;
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

void expect_render(const Result<std::string>& got, const Json& expected) {
  if (expected.contains("prompt")) {
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, expected["prompt"].get<std::string>());
    return;
  }
  ASSERT_FALSE(got) << "Python fails with " << expected << ", this rendered\n" << *got;
  EXPECT_EQ(got.error().code, ErrorCode::invalid_argument) << got.error().message;
  // Messages of Python itself, such as those about its sandbox, need not match; the template's must.
  if (expected.contains("refused") && !expected["refused"].get<std::string>().starts_with("access to attribute")) {
    EXPECT_TRUE(got.error().message.contains(expected["refused"].get<std::string>())) << got.error().message;
  }
}

TEST(ChatTemplateGolden, EveryFamilyRendersAsOnPython) {
  const auto dir = golden_dir();
  const Json conversations = Json::parse(read(dir / "conversations.json"));
  const Json all_tokens = Json::parse(read(dir / "tokens.json"));
  size_t families = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "templates")) {
    const std::string family = entry.path().stem();
    const Json expected = Json::parse(read(dir / "expected" / (family + ".json")));
    const Json tokens = all_tokens.value(family, Json::object());
    auto chat = ChatTemplate::parse(read(entry.path()), tokens.value("bos_token", ""), tokens.value("eos_token", ""));
    ++families;
    for (const auto& [name, conversation] : conversations.items()) {
      SCOPED_TRACE(family + " " + name);
      if (expected[name].contains("syntax_error")) {
        EXPECT_FALSE(chat) << expected[name];
        continue;
      }
      ASSERT_TRUE(chat) << chat.error().message;
      ChatRequest request;
      request.messages_json = conversation["messages"].dump();
      if (conversation.contains("tools")) request.tools_json = conversation["tools"].dump();
      if (conversation.contains("extra")) request.extra_json = conversation["extra"].dump();
      request.add_generation_prompt = conversation.value("add_generation_prompt", true);
      request.now = recorded_now();
      expect_render(chat->render(request), expected[name]);
    }
  }
  EXPECT_GT(families, 0u);
}

TEST(ChatTemplateGolden, TheLanguageIsThatOfPython) {
  const auto path = golden_dir() / "snippets.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  for (const Json& snippet : Json::parse(read(path))) {
    const auto source = snippet["template"].get<std::string>();
    SCOPED_TRACE(source);
    auto chat = ChatTemplate::parse(source, "", "");
    EXPECT_TRUE(chat) << chat.error().message;
    if (!chat) continue;
    ChatRequest request;
    request.messages_json = "[]";
    request.extra_json = snippet.value("variables", Json::object()).dump();
    request.now = recorded_now();
    auto got = chat->render(request);
    // Jinja resolves names of filters and tests when it parses; this engine when it evaluates them.
    if (snippet["expected"].contains("syntax_error")) {
      EXPECT_FALSE(got);
    } else if (!got && got.error().code == ErrorCode::resource_exhausted) {
      EXPECT_FALSE(snippet["expected"].contains("prompt")) << got.error().message;
    } else {
      expect_render(got, snippet["expected"]);
    }
  }
}

}  // namespace
}  // namespace exogpu::model
