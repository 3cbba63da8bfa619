#include "node/library/served_names.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_id;

class ServedNamesTest : public ::testing::Test {
 protected:
  ServedNamesTest() {
    for (const uint8_t number : {1, 2}) add(state_, wire::NodeReported{example_facts(number)});
  }
  void serve(const std::string& name, const std::string& content) {
    wire::ServedModel model = cluster::testing::example_model(2);
    model.model = name;
    model.content = content;
    add(state_, wire::ModelSet{model});
  }
  // Names and contents.
  void have(uint8_t node, const std::map<std::string, std::string>& files) {
    wire::LibraryReported library{.node = example_id(node), .models = {}};
    for (const auto& [name, content] : files) {
      wire::LibraryModel& facts = library.models.emplace_back();
      facts.model = name;
      facts.content = content;
    }
    add(state_, library);
  }
  std::string content_of(const std::string& name) const {
    const wire::ModelRecord* model = find_served(state_, name);
    return model == nullptr ? "none" : model->served.content;
  }
  using Names = std::map<std::string, std::string>;

  wire::ReplicatedState state_;
};

TEST_F(ServedNamesTest, FilesOfTheSameContentAreOtherNames) {
  serve("first", "abc");
  have(1, {{"first", "abc"}, {"second", "abc"}, {"third", "def"}, {"unread", ""}});
  EXPECT_EQ(other_names(state_), (Names{{"second", "abc"}}));
  EXPECT_EQ(content_of("first"), "abc");
  EXPECT_EQ(content_of("second"), "abc");
  EXPECT_EQ(content_of("third"), "none");
  EXPECT_EQ(content_of("unread"), "none");
}

TEST_F(ServedNamesTest, TheNameThatAModelIsServedByComesFirst) {
  serve("first", "abc");
  serve("second", "def");
  have(1, {{"first", "def"}, {"second", "abc"}});
  EXPECT_EQ(other_names(state_), Names{});
  EXPECT_EQ(content_of("first"), "abc");
  EXPECT_EQ(content_of("second"), "def");
}

TEST_F(ServedNamesTest, TheFirstNodeThatKnowsTheContentDecides) {
  serve("first", "abc");
  have(1, {{"second", ""}, {"third", "def"}});
  have(2, {{"second", "abc"}, {"third", "abc"}});
  EXPECT_EQ(other_names(state_), (Names{{"second", "abc"}}));
  EXPECT_EQ(content_of("second"), "abc");
  EXPECT_EQ(content_of("third"), "none");
  state_.nodes.at(example_id(1)).online = false;
  EXPECT_EQ(content_of("third"), "abc");
  EXPECT_EQ(other_names(state_).size(), 2U);
}

}  // namespace
}  // namespace exogpu::node
