#include "node/remote_groups.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"

namespace exogpu::node {
namespace {

using exogpu::testing::expect_error;

TEST(RemoteGroups, OwnDevicesAreNamedFirst) {
  EXPECT_EQ(own_parts(std::vector<std::string>{"cuda0+cuda1", "cpu+laptop/cpu+desk/cuda0"}).value(),
            (std::vector<std::string>{"cuda0+cuda1", "cpu"}));
  for (const char* wrong : {"laptop/cpu", "laptop/cpu+cpu", "cpu+cuda0+laptop/cpu"})
    expect_error(own_parts(std::vector<std::string>{wrong}), ErrorCode::invalid_argument,
                 "begins with one device of this one");
}

}  // namespace
}  // namespace exogpu::node
