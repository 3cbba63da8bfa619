// How command lines are read: the whole program's commands, without running one.
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/arguments/command_words.h"
#include "cli/arguments/explain.h"
#include "cli/program.h"

namespace exogpu::cli {
namespace {

using Words = std::vector<std::string>;

class Arguments : public ::testing::Test {
 protected:
  Arguments() { add_commands(program_, action_, "1.2.3"); }

  Result<Words> resolve(const Words& words) {
    return resolve_words(program_, words, [](const std::string& word) { return word == "m.gguf"; });
  }
  std::string resolved(const Words& words) {
    const auto result = resolve(words);
    if (!result) return "error: " + result.error().message;
    std::string text;
    for (const std::string& word : *result) text += (text.empty() ? "" : " ") + word;
    return text;
  }
  // What is wrong with a command line; empty if nothing is.
  std::string error_of(const Words& words) {
    auto result = resolve(words);
    if (!result) return result.error().message;
    std::ranges::reverse(*result);
    try {
      program_.parse(*std::move(result));
    } catch (const CLI::ParseError& error) {
      return explain(program_, error);
    }
    return {};
  }

  CLI::App program_;
  Action action_;
};

TEST_F(Arguments, OtherNamesOfCommandsWork) {
  EXPECT_EQ(resolved({"list"}), "models");
  EXPECT_EQ(resolved({"ls", "--json"}), "models --json");
  EXPECT_EQ(resolved({"chat", "m"}), "run m");
  EXPECT_EQ(resolved({"rm", "m"}), "models rm m");
  EXPECT_EQ(resolved({"models", "rm", "m"}), "models rm m");
  EXPECT_EQ(resolved({"models", "remove", "m"}), "models rm m");
  EXPECT_EQ(resolved({"version"}), "--version");
  EXPECT_EQ(resolved({"--config", "chat", "chat", "m"}), "--config chat run m");
}

TEST_F(Arguments, TheHelpThatIsNamedIsThatOfTheCommand) {
  const auto named = [&](const Words& words) { return full_name(command_of(program_, words)); };
  EXPECT_EQ(named({"run", "m", "-ngl", "99"}), "exogpu run");
  EXPECT_EQ(named({"--config", "run", "chat", "m", "-ngl", "99"}), "exogpu run");
  EXPECT_EQ(named({"rnu", "m"}), "exogpu");
  EXPECT_EQ(named({}), "exogpu");
}

TEST_F(Arguments, SizesAreExplained) {
  EXPECT_EQ(error_of({"inspect", "m", "--memory", "8GiB,512m"}), "");
  EXPECT_EQ(error_of({"inspect", "m", "--memory", "8XB"}), "--memory: \"8XB\" is not a size, such as 8GiB or 512MiB");
  EXPECT_EQ(error_of({"inspect", "m", "--memory", "-1GiB"}),
            "--memory: \"-1GiB\" is not a size, such as 8GiB or 512MiB");
}

TEST_F(Arguments, LimitsOfHeatAreExplained) {
  EXPECT_EQ(error_of({"serve", "--temperature-max", "75", "--power-max", "40", "--quiet-hours", "22-7",
                      "--battery-floor", "30"}),
            "");
  EXPECT_EQ(error_of({"serve", "--quiet-hours", "22:00"}),
            "--quiet-hours: \"22:00\" are no hours: give the first and the one behind the last, as 22-7");
  EXPECT_EQ(error_of({"serve", "--temperature-max", "5"}), "--temperature-max: 5 is not a number from 30 to 150");
  EXPECT_EQ(error_of({"serve", "--battery-floor", "0"}), "--battery-floor: 0 is not a number from 1 to 100");
}

TEST_F(Arguments, SharesArePercentages) {
  EXPECT_EQ(error_of({"serve", "--verify", "1%"}), "");
  EXPECT_EQ(error_of({"serve", "--verify", "0.5"}), "");
  EXPECT_EQ(error_of({"serve", "--verify", "101%"}), "--verify: 101% is not a percentage from 0 to 100");
  EXPECT_EQ(error_of({"serve", "--verify", "some"}), "--verify: some is not a percentage from 0 to 100");
  EXPECT_EQ(error_of({"serve", "--verify", "nan"}), "--verify: nan is not a percentage from 0 to 100");
}

TEST_F(Arguments, HelpIsAWordToo) {
  EXPECT_EQ(resolved({"help"}), "--help");
  EXPECT_EQ(resolved({"help", "run"}), "run --help");
  EXPECT_EQ(resolved({"help", "chat"}), "run --help");
  EXPECT_EQ(resolved({"help", "models", "rm"}), "models rm --help");
}

TEST_F(Arguments, AModelIsRun) {
  EXPECT_EQ(resolved({"m.gguf", "-p", "Hi"}), "run m.gguf -p Hi");
  EXPECT_EQ(resolved({"other.gguf"}),
            "error: there is no command other.gguf, and no such model; `exogpu --help` lists all");
}

TEST_F(Arguments, AWrongCommandIsNamedWithTheOneThatIsMeant) {
  EXPECT_EQ(resolved({"modles"}), "error: there is no command modles; did you mean models?; `exogpu --help` lists all");
  EXPECT_EQ(resolved({"xyzzyx"}), "error: there is no command xyzzyx; `exogpu --help` lists all");
}

TEST_F(Arguments, OptionsOfOtherProgramsAreNotReadAsLetters) {
  EXPECT_TRUE(error_of({"run", "m", "-ngl", "99"}).starts_with("there is no option -ngl here; exogpu assigns layers"));
  EXPECT_TRUE(error_of({"serve", "m", "-ctk=q8_0"}).contains("--kv-type"));
  EXPECT_TRUE(error_of({"run", "--model", "m"}).contains("write the model without an option"));
  // The value of an option is left alone, and so is a letter with its value.
  EXPECT_EQ(resolved({"run", "m", "-p", "-ngl"}), "run m -p -ngl");
  EXPECT_EQ(error_of({"run", "m", "-n5", "-c4096"}), "");
}

TEST_F(Arguments, UsualNamesOfOptionsWork) {
  EXPECT_EQ(error_of({"run", "m", "--temp", "0.5", "--max-tokens", "5", "--ctx-size", "64"}), "");
  EXPECT_EQ(error_of({"run", "m", "--tokens", "5"}), "");
  EXPECT_EQ(error_of({"plan", "m", "--sequences", "2", "--prompt", "64"}), "");
  EXPECT_EQ(error_of({"serve", "m", "--host", "0.0.0.0", "--port", "9191"}), "");
}

TEST_F(Arguments, AWrongOptionIsNamedWithTheOneThatIsMeant) {
  EXPECT_EQ(error_of({"run", "m", "--temprature", "1"}),
            "there is no option --temprature; did you mean --temperature?");
  EXPECT_EQ(error_of({"run", "m", "--max-token=1"}), "there is no option --max-token; did you mean --max-tokens?");
  EXPECT_EQ(error_of({"run", "m", "--parallel", "4"}),
            "there is no option --parallel here; it is one of `exogpu serve`, `exogpu load`, `exogpu plan`");
  EXPECT_EQ(error_of({"run", "m", "--qqqqqqqqqqqq"}), "there is no option --qqqqqqqqqqqq");
}

TEST_F(Arguments, AWrongValueIsNamedWithItsOptionAndWhatIsExpected) {
  EXPECT_EQ(error_of({"run", "m", "-n", "gl"}), "--max-tokens: \"gl\" is not a whole number from 0 on");
  EXPECT_EQ(error_of({"run", "m", "-n", "-5"}), "--max-tokens: \"-5\" is not a whole number from 0 on");
  EXPECT_EQ(error_of({"run", "m", "--temperature", "warm"}), "--temperature: \"warm\" is not a number");
  EXPECT_EQ(error_of({"run", "m", "-n", "99999999999999"}),
            "--max-tokens: \"99999999999999\" is not a number, or is too large");
  EXPECT_EQ(error_of({"serve", "m", "--parallel", "0"}), "--parallel: 0 is not a number from 1 to 4096");
  EXPECT_EQ(
      error_of({"plan", "m", "--for", "througput"}),
      "--for: \"througput\" is not one of latency, throughput, first-token, efficiency; did you mean throughput?");
}

TEST_F(Arguments, WhatIsMissingIsNamed) {
  EXPECT_EQ(error_of({"run"}), "MODEL is missing");
  EXPECT_EQ(error_of({"run", "m", "-n"}), "--max-tokens needs a value");
  EXPECT_EQ(error_of({"run", "m", "-n", "1", "--max-tokens", "2"}), "--max-tokens is given more than once");
  EXPECT_EQ(error_of({"devices", "--fresh"}), "--fresh needs --profile");
  EXPECT_EQ(error_of({"tokenize", "m", "--decode", "--bos"}), "--bos cannot be used together with --decode");
  EXPECT_EQ(error_of({"run", "m", "Hi"}),
            "\"Hi\" is one argument too many; put a value with spaces between quotation marks");
  EXPECT_EQ(error_of({"serve", "--config", "no-such.toml"}),
            "no-such.toml: cannot be read; check that the file exists");
}

TEST_F(Arguments, HelpShowsOneNameForEachOption) {
  const std::string help = program_.get_subcommand("run")->help();
  EXPECT_TRUE(help.contains("-n, --max-tokens N [0]")) << help;
  EXPECT_FALSE(help.contains("--n-predict")) << help;
  EXPECT_TRUE(help.contains("run [OPTIONS] MODEL")) << help;
  EXPECT_FALSE(program_.get_subcommand("serve")->help().contains("--host"));
}

TEST_F(Arguments, EveryCommandAndOptionIsDescribed) {
  for (const CLI::App* command : program_.get_subcommands({})) {
    EXPECT_FALSE(command->get_description().empty()) << command->get_name();
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_group().empty()) continue;
      EXPECT_FALSE(option->get_description().empty()) << command->get_name() << " " << option->get_name();
    }
  }
}

}  // namespace
}  // namespace exogpu::cli
