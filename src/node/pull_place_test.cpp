#include "node/pull_place.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_id;

class PullPlaceTest : public ::testing::Test {
 protected:
  PullPlaceTest() {
    add(state_, wire::NodeReported{example_facts(1, 1 * GiB)});
    add(state_, wire::NodeReported{example_facts(2, 8 * GiB)});
    add(state_, wire::NodeReported{example_facts(3, 8 * GiB)});
  }
  wire::NodeId place(Bytes bytes) const { return node_to_pull(state_, rooms_, bytes, example_id(1)).value(); }

  wire::ReplicatedState state_;
  std::map<wire::NodeId, Bytes> rooms_{{example_id(1), 100 * GiB}, {example_id(2), 2 * GiB}, {example_id(3), 50 * GiB}};
};

TEST_F(PullPlaceTest, TheNodeAskedWhereItHasTheMemory) { EXPECT_EQ(place(1 * GiB), example_id(1)); }

TEST_F(PullPlaceTest, AnotherThatHasMemoryAndDisk) {
  EXPECT_EQ(place(4 * GiB), example_id(3)) << "2 has no room for the files, 1 no memory for the model";
  rooms_[example_id(2)] = 60 * GiB;
  EXPECT_EQ(place(4 * GiB), example_id(2)) << "more room on the disk";
  wire::LibraryModel file;
  file.bytes = 4 * GiB - 5 * MiB;
  add(state_, wire::LibraryReported{.node = example_id(3), .models = {file}});
  EXPECT_EQ(place(4 * GiB), example_id(3)) << "it seems to have the file already";
  add(state_, wire::NodeLost{.node = example_id(3), .reason = "silent"});
  EXPECT_EQ(place(4 * GiB), example_id(2));
}

TEST_F(PullPlaceTest, OfUnknownSizeTheNodeAsked) { EXPECT_EQ(place(0), example_id(1)); }

TEST_F(PullPlaceTest, ANodeThatHasJustStartedKnowsItself) {
  EXPECT_EQ(node_to_pull({}, rooms_, 1 * GiB, example_id(1)).value(), example_id(1));
}

TEST_F(PullPlaceTest, NoRoomAnywhereSaysWhatIsFree) {
  const auto none = node_to_pull(state_, rooms_, 200 * GiB, example_id(1));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(none.error().message.contains("n2 has 2.00 GiB free")) << none.error().message;
  EXPECT_EQ(node_to_pull(state_, {}, 1, example_id(1)).error().code, ErrorCode::unavailable);
  EXPECT_FALSE(node_to_pull(state_, rooms_, UINT64_MAX, example_id(1)));
}

}  // namespace
}  // namespace exogpu::node
