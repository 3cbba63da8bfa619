#include "cli/own_program.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

using Words = std::vector<std::string>;

TEST(OwnProgram, IsTheProcessesOwnFile) {
  EXPECT_EQ(own_command_of(Words{"exogpu", "run", "a.gguf"}, 3), Words{"/proc/self/exe"});
  EXPECT_EQ(own_command_of(Words{"exogpu"}, 1), Words{"/proc/self/exe"});
}

TEST(OwnProgram, IsRunByTheLoaderThatRanIt) {
  EXPECT_EQ(own_command_of(Words{"/opt/ld.so", "--library-path", "/opt/lib", "bin/exogpu", "devices", "--json"}, 3),
            (Words{"/proc/self/exe", "--library-path", "/opt/lib", "bin/exogpu"}));
  EXPECT_EQ(own_command_of(Words{"ld.so", "--argv0", "x", "exogpu"}, 1),
            (Words{"/proc/self/exe", "--argv0", "x", "exogpu"}));
}

TEST(OwnProgram, IsNotGuessed) {
  EXPECT_EQ(own_command_of(Words{}, 1), Words{});
  EXPECT_EQ(own_command_of(Words{"exogpu"}, 2), Words{});
  EXPECT_EQ(own_command_of(Words{"exogpu"}, 0), Words{});
}

}  // namespace
}  // namespace exogpu::cli
