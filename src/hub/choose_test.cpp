#include "hub/choose.h"

#include <gtest/gtest.h>

namespace exogpu::hub {
namespace {

std::string chosen(const std::vector<std::string>& paths, const std::string& choice) {
  std::vector<RemoteFile> files;
  for (const std::string& path : paths) files.push_back({.path = path, .bytes = 100, .sha256 = {}});
  auto found = choose_files(files, "o/r", choice);
  if (!found) return std::string(to_string(found.error().code)) + ": " + found.error().message;
  std::string text;
  for (const RemoteFile& file : *found) text += (text.empty() ? "" : " ") + file.path;
  return text;
}

TEST(ChooseFiles, ByQuantisation) {
  const std::vector<std::string> files = {"m-Q4_K_M.gguf", "m-Q8_0.gguf", "m-Q4_K_S.gguf", "mmproj-m-Q8_0.gguf"};
  EXPECT_EQ(chosen(files, "q8_0"), "m-Q8_0.gguf");
  EXPECT_EQ(chosen(files, ""), "m-Q4_K_M.gguf");
  EXPECT_EQ(chosen(files, "m-Q8_0.gguf"), "m-Q8_0.gguf");
  EXPECT_EQ(chosen(files, "m-Q8_0"), "m-Q8_0.gguf");
  EXPECT_EQ(chosen(files, "mmproj-m-Q8_0.gguf"), "mmproj-m-Q8_0.gguf");
  const std::string none = chosen(files, "Q8_1");
  EXPECT_TRUE(none.starts_with("not_found: o/r: holds no Q8_1")) << none;
  EXPECT_TRUE(none.contains("m-Q4_K_S.gguf  100 B")) << none;
}

TEST(ChooseFiles, TheOnlyOneNeedsNoChoice) {
  EXPECT_EQ(chosen({"m-F16.gguf", "mmproj.gguf"}, ""), "m-F16.gguf");
  EXPECT_TRUE(chosen({"m-F16.gguf", "m-Q8_0.gguf"}, "").starts_with("invalid_argument: o/r: several files fit"));
  EXPECT_TRUE(chosen({"a-Q8_0.gguf", "b-Q8_0.gguf"}, "Q8_0").contains("as in o/r:a-Q8_0.gguf"));
  EXPECT_TRUE(chosen({}, "").starts_with("not_found: o/r: holds no GGUF files; look for o/r-GGUF"));
}

TEST(ChooseFiles, AllPartsInOrder) {
  const std::vector<std::string> files = {"Q8_0/m-00002-of-00002.gguf", "Q8_0/m-00001-of-00002.gguf", "m-Q4_0.gguf"};
  const std::string parts = "Q8_0/m-00001-of-00002.gguf Q8_0/m-00002-of-00002.gguf";
  EXPECT_EQ(chosen(files, "Q8_0"), parts);
  EXPECT_EQ(chosen(files, "m-00002-of-00002.gguf"), parts);
  EXPECT_EQ(chosen(files, "Q8_0/m-00001-of-00002.gguf"), parts);
  EXPECT_TRUE(chosen({"m-00001-of-00002.gguf"}, "").starts_with("corrupt: o/r: holds only 1 of the 2 parts"));
}

}  // namespace
}  // namespace exogpu::hub
