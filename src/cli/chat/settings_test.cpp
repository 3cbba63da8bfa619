#include "cli/chat/settings.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

void expect_refused(std::string_view name, std::string_view value, std::string_view words) {
  ChatSettings settings;
  auto changed = change_setting(settings, name, value, {});
  ASSERT_FALSE(changed) << name << ' ' << value;
  EXPECT_EQ(changed.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(changed.error().message.contains(words)) << changed.error().message;
  for (const SettingLine& line : list_settings(settings)) {
    EXPECT_EQ(line.value, find_setting(ChatSettings(), line.name)->value) << line.name;
  }
}

TEST(ChatSettings, AreChangedByName) {
  ChatSettings settings;
  EXPECT_TRUE(change_setting(settings, "temperature", "0.7", {}));
  EXPECT_TRUE(change_setting(settings, "top-k", "0", {}));
  EXPECT_TRUE(change_setting(settings, "seed", "18446744073709551615", {}));
  EXPECT_TRUE(change_setting(settings, "max_tokens", "12", {}));
  EXPECT_TRUE(change_setting(settings, "stop", "the end", {}));
  EXPECT_TRUE(change_setting(settings, "thinking", "off", {}));
  EXPECT_FLOAT_EQ(settings.generate.sampling.temperature, 0.7f);
  EXPECT_EQ(settings.generate.sampling.top_k, 0u);
  EXPECT_EQ(settings.generate.sampling.seed, UINT64_MAX);
  EXPECT_EQ(settings.generate.tokens_max, 12u);
  EXPECT_EQ(settings.generate.stops, std::vector<std::string>{"the end"});
  EXPECT_EQ(settings.thinking, false);
  EXPECT_EQ(find_setting(settings, "top_k")->value, "0");
  EXPECT_EQ(find_setting(settings, "temperature")->value, "0.7");
}

TEST(ChatSettings, GoBackToTheirDefaults) {
  ChatSettings defaults;
  defaults.generate.sampling.temperature = 0.25f;
  ChatSettings settings = defaults;
  for (const SettingLine& line : list_settings(settings)) {
    const std::string_view value = line.name == "thinking" ? "on" : "1";
    ASSERT_TRUE(change_setting(settings, line.name, value, defaults)) << line.name;
    EXPECT_EQ(find_setting(settings, line.name)->value, value);
    ASSERT_TRUE(change_setting(settings, line.name, "default", defaults)) << line.name;
    EXPECT_EQ(find_setting(settings, line.name)->value, line.value);
  }
}

TEST(ChatSettings, ABiasOfTheCommandLineHindersNoChange) {
  ChatSettings settings;
  settings.generate.sampling.logit_bias = {{1234, -5.0F}};
  EXPECT_TRUE(change_setting(settings, "temperature", "0.7", {}));
  EXPECT_EQ(settings.generate.sampling.temperature, 0.7F);
}

TEST(ChatSettings, RefuseWhatIsWrongAndChangeNothing) {
  expect_refused("warmth", "1", "warmth: no such setting; the settings are temperature, top_k");
  expect_refused("temperature", "hot", "temperature: hot is not a number");
  expect_refused("temperature", "1.0x", "not a number");
  expect_refused("temperature", "-1", "temperature");
  expect_refused("temperature", "nan", "temperature");
  expect_refused("top_p", "1.5", "top_p");
  expect_refused("top_k", "-3", "top_k: -3 is not a whole number");
  expect_refused("top_k", "4294967296", "not a whole number");
  expect_refused("thinking", "maybe", "neither on nor off");
}

}  // namespace
}  // namespace exogpu::cli
