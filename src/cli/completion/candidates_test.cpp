#include "cli/completion/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/program.h"

namespace exogpu::cli {
namespace {

class CompletionCandidates : public ::testing::Test {
 protected:
  CompletionCandidates() { add_commands(program_, action_, "1.2.3"); }

  Candidates of(std::vector<std::string> words) {
    return candidates_for(program_, std::move(words), [] { return std::vector<std::string>{"llama", "qwen"}; });
  }
  std::vector<std::string> words_of(std::vector<std::string> words) {
    std::vector<std::string> found;
    for (const Candidate& each : of(std::move(words)).words) found.push_back(each.word);
    return found;
  }

  CLI::App program_;
  Action action_;
};

using Words = std::vector<std::string>;

TEST_F(CompletionCandidates, Commands) {
  EXPECT_EQ(words_of({"tok"}), (Words{"token", "tokenize"}));
  EXPECT_TRUE(std::ranges::contains(words_of({}), "serve"));
  EXPECT_EQ(words_of({"help", "insp"}), Words{"inspect"});
  EXPECT_EQ(words_of({"models", "r"}), Words{"rm"});
  EXPECT_EQ(words_of({"--config", "f", "pul"}), Words{"pull"});
}

TEST_F(CompletionCandidates, OptionsByTheirFirstNames) {
  EXPECT_EQ(words_of({"run", "m", "--tem"}), Words{"--temperature"});
  EXPECT_EQ(words_of({"chat", "m", "--max"}), Words{"--max-tokens"});
  EXPECT_EQ(words_of({"serve", "--por"}), Words{});  // a hidden option
  EXPECT_EQ(words_of({"devices", "--conf"}), Words{"--config"});
  EXPECT_FALSE(of({"run", "m", "--te"}).words.front().help.empty());
}

TEST_F(CompletionCandidates, ValuesOfOptions) {
  EXPECT_EQ(words_of({"serve", "--for", ""}), (Words{"latency", "throughput", "first-token", "efficiency"}));
  EXPECT_EQ(words_of({"serve", "--for", "thr"}), Words{"throughput"});
  EXPECT_EQ(words_of({"serve", "--for=thr"}), Words{"--for=throughput"});
  EXPECT_EQ(words_of({"serve", "--for", "=", "thr"}), Words{"throughput"});  // split as bash does it
  EXPECT_EQ(words_of({"serve", "--for", "="}), (Words{"latency", "throughput", "first-token", "efficiency"}));
  EXPECT_EQ(words_of({"run", "m", "-d", "g"}), Words{"gpu"});
  EXPECT_EQ(words_of({"run", "m", "-n", ""}), Words{});
  EXPECT_TRUE(of({"serve", "--state", "x"}).files);
}

TEST_F(CompletionCandidates, Models) {
  EXPECT_EQ(words_of({"run", "ll"}), Words{"llama"});
  EXPECT_TRUE(of({"run", "ll"}).files);
  EXPECT_EQ(words_of({"run", "-n", "5", ""}), (Words{"llama", "qwen"}));
  EXPECT_EQ(words_of({"run", "llama", ""}), Words{});
  EXPECT_FALSE(of({"run", "llama", ""}).files);
  EXPECT_EQ(words_of({"models", "rm", "llama", "q"}), Words{"qwen"});
  EXPECT_EQ(words_of({"completion", "z"}), Words{"zsh"});
}

TEST_F(CompletionCandidates, Lines) {
  EXPECT_EQ(to_lines({.words = {{"--a", "first\nsecond"}, {"b", ""}}, .files = true}), "--a\tfirst\nb\n:files\n");
}

}  // namespace
}  // namespace exogpu::cli
