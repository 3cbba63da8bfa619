// Transcripts of the protocol: each file of testdata/ is a scenario, with what must happen in it. testdata/README.md
// explains how to read, write and update them.
#include "cluster/agent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/testing/source_dir.h"
#include "cluster/testing/scenario.h"

namespace exogpu::cluster {
namespace {

namespace fs = std::filesystem;

fs::path folder() { return exogpu::testing::source_dir() / "src" / "cluster" / "testdata"; }

std::string read_text(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The same transcript with what happens now in place of what it expects.
std::string replay(const std::string& transcript) {
  testing::Scenario scenario;
  std::istringstream lines(transcript);
  std::string out, happened;
  bool expected = false;   // of these lines
  bool unchecked = false;  // commands without an expected block
  for (std::string line; std::getline(lines, line);) {
    if (line == "----") {
      out += line + "\n" + std::exchange(happened, {});
      expected = true;
      unchecked = false;
    } else if (line.empty()) {
      out += "\n";
      expected = false;
    } else if (!expected) {
      out += line + "\n";
      if (line.starts_with("#")) continue;
      happened += scenario.execute(line);
      unchecked = true;
    }
  }
  return unchecked ? out + "? the last block has no line ----\n" : out;
}

std::vector<std::string> transcripts() {
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(folder())) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class AgentTranscript : public ::testing::TestWithParam<std::string> {};

TEST_P(AgentTranscript, Holds) {
  const fs::path path = folder() / (GetParam() + ".txt");
  const std::string expected = read_text(path), happened = replay(expected);
  EXPECT_FALSE(happened.contains("\n? ")) << happened;
  if (std::getenv("EXOGPU_UPDATE_TRANSCRIPTS") != nullptr) {
    std::ofstream(path) << happened;
  } else {
    EXPECT_EQ(happened, expected) << path << ": EXOGPU_UPDATE_TRANSCRIPTS=1 writes what happens now";
  }
}

INSTANTIATE_TEST_SUITE_P(Testdata, AgentTranscript, ::testing::ValuesIn(transcripts()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace exogpu::cluster
