#include "cluster/names.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace testing;

TEST(Names, TwoNodesOfOneNameGetUniqueNames) {
  wire::ReplicatedState state;
  for (const uint8_t number : {1, 2, 3}) {
    wire::NodeFacts facts = example_facts(number);
    if (number > 1) facts.info.self.name = "twin";
    add(state, wire::NodeReported{facts});
  }
  EXPECT_EQ(name_of(state.nodes, example_id(1)), "n1");
  EXPECT_EQ(name_of(state.nodes, example_id(2)), "twin-02000000");
  EXPECT_EQ(name_of(state.nodes, wire::DeviceRef{.node = example_id(3), .device = "cpu"}), "twin-03000000/cpu");
  EXPECT_EQ(name_of(state.nodes, example_id(9)), "09000000");
  const auto all = names_of(state.nodes);
  EXPECT_EQ(all.size(), 3U);
  for (const auto& [id, name] : all) EXPECT_EQ(name, name_of(state.nodes, id));
  add(state, wire::NodeLost{.node = example_id(3), .reason = "silent"});
  add(state, wire::NodeForgotten{example_id(3)});
  EXPECT_EQ(name_of(state.nodes, example_id(2)), "twin");
}

}  // namespace
}  // namespace exogpu::cluster
