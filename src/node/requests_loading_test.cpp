// Requests for models that are not loaded.
#include <gtest/gtest.h>

#include "node/requests.h"
#include "node/testing/requests_fixture.h"

namespace exogpu::node {
namespace {

using namespace testing;
using namespace std::chrono_literals;

class RequestsLoadingTest : public RequestsTest {
 protected:
  RequestsLoadingTest() {
    requests_.set_loading({.want =
                               [this](const std::string& model, const wire::LoadSettings& settings) {
                                 wanted_.push_back(model);
                                 settings_ = settings;
                                 active_.insert(model);
                               },
                           .active = [this](const std::string& model) { return active_.contains(model); },
                           .failure = [this](const std::string& model) -> std::optional<Error> {
                             const auto found = failures_.find(model);
                             return found == failures_.end() ? std::nullopt : std::optional(found->second);
                           },
                           .on_use = [this](const std::string& content) { used_.push_back(content); }});
    add(state_, wire::NodeReported{cluster::testing::example_facts(2)});
  }
  void have(const std::vector<std::string>& names) {
    wire::LibraryReported library{.node = example_id(2), .models = {}};
    for (const std::string& name : names) {
      wire::LibraryModel model;
      model.model = name;
      model.context = 2048;
      library.models.push_back(model);
    }
    add(state_, library);
    update();
  }
  std::vector<std::pair<std::string, ModelState>> states() const {
    std::vector<std::pair<std::string, ModelState>> states;
    for (const ModelEntry& model : requests_.models()) states.emplace_back(model.id, model.state);
    return states;
  }
  using States = std::vector<std::pair<std::string, ModelState>>;

  std::vector<std::string> wanted_, used_;
  wire::LoadSettings settings_;
  std::set<std::string> active_;
  std::map<std::string, Error> failures_;
};

TEST_F(RequestsLoadingTest, ARequestHasItsModelLoadedAndIsAnswered) {
  EXPECT_FALSE(requests_.ready());
  have({"other", "tiny"});
  EXPECT_TRUE(requests_.ready()) << "each request has its model loaded";
  EXPECT_EQ(states(), (States{{"other", ModelState::unloaded}, {"tiny", ModelState::unloaded}}));
  EXPECT_EQ(requests_.models()[0].context_tokens, 2048U);
  EXPECT_EQ(requests_.text("tiny").error().code, ErrorCode::unavailable);

  const auto log = ask(2, "tiny");
  EXPECT_EQ(wanted_, std::vector<std::string>{"tiny"});
  EXPECT_TRUE(log->lines.empty());
  update();
  EXPECT_EQ(wanted_.size(), 1U) << "it is wanted already";
  EXPECT_EQ(states()[0], std::pair("tiny", ModelState::loading));

  active_.clear();
  serve();
  have_ring();
  tasks_.run();
  compute();
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: length, 2 tokens"}));
  EXPECT_EQ(used_, std::vector<std::string>{"abc"});
  EXPECT_EQ(states(), (States{{"tiny", ModelState::loaded}, {"other", ModelState::unloaded}}));
}

TEST_F(RequestsLoadingTest, AModelThatCannotBeLoadedEndsItsRequestsWithTheReason) {
  have({"other", "tiny"});
  const auto log = ask(2, "tiny"), others = ask(2, "other");
  active_.clear();
  failures_["tiny"] = {ErrorCode::resource_exhausted, "9 bytes are missing"};
  update();
  EXPECT_EQ(log->lines, Lines{"error: 9 bytes are missing"});
  EXPECT_TRUE(others->lines.empty());
  const auto models = requests_.models();
  const auto tiny = std::ranges::find(models, "tiny", &ModelEntry::id);
  ASSERT_NE(tiny, models.end());
  EXPECT_TRUE(tiny->load_failed);
  EXPECT_EQ(tiny->load_reason, "9 bytes are missing");
}

TEST_F(RequestsLoadingTest, AModelThatIsToBeLoadedAgainDoesNotShowItsOldFailure) {
  have({"tiny"});
  failures_["tiny"] = {ErrorCode::resource_exhausted, "no room"};
  update();
  EXPECT_TRUE(requests_.models()[0].load_failed);
  requests_.expect_load("tiny");
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(requests_.models()[0].load_failed);
    EXPECT_EQ(requests_.models()[0].state, ModelState::loading);
    update();
  }
  requests_.load_begun("tiny");
  update();
  EXPECT_TRUE(requests_.models()[0].load_failed);
}

TEST_F(RequestsLoadingTest, TheLibraryIsListedOnlyWhenItHasChanged) {
  have({"tiny"});
  active_.insert("tiny");
  update_plans();
  EXPECT_EQ(states(), (States{{"tiny", ModelState::unloaded}})) << "nothing was said of a change";
  requests_.library_changed();
  update_plans();
  EXPECT_EQ(states(), (States{{"tiny", ModelState::loading}}));
}

TEST_F(RequestsLoadingTest, AnUnknownModelIsStillNotFound) {
  have({"tiny"});
  EXPECT_EQ(ask(2, "none")->lines, Lines{"error: there is no model \"none\"; here is \"tiny\""});
  EXPECT_TRUE(wanted_.empty());
}

TEST_F(RequestsLoadingTest, WithoutANameTheFirstOfTheLibraryIsLoadedWhereNoneIs) {
  have({"other", "tiny"});
  (void)ask(2, "");
  EXPECT_EQ(wanted_, std::vector<std::string>{"other"});
}

TEST_F(RequestsLoadingTest, AModelThatMadeRoomIsLoadedAgain) {
  serve();
  have_ring();
  have({"tiny"});
  const auto before = ask(2, "tiny");
  compute();
  EXPECT_EQ(before->lines.back(), "0 ends: length, 2 tokens");
  add(state_, wire::ModelRemoved{.content = "abc", .reason = "it makes room"});
  update();
  EXPECT_EQ(states(), (States{{"tiny", ModelState::unloaded}}));
  now_ += 1h;
  update();
  const auto log = ask(2, "tiny");
  EXPECT_EQ(wanted_, std::vector<std::string>{"tiny"});
  active_.clear();
  serve("abc", "tiny", wire::PlanEpoch(8), TinyFile("llama"));
  tasks_.run();
  EXPECT_TRUE(log->lines.empty()) << "it waits for its ring, however long the model was away";
  EXPECT_TRUE(requests_.busy().contains("abc"));
}

TEST_F(RequestsLoadingTest, WhatARequestWaitsForIsBusy) {
  have({"tiny"});
  (void)ask(2, "tiny");
  EXPECT_TRUE(requests_.busy().empty()) << "it has no content id yet";
  active_.clear();
  wire::ServedModel model = cluster::testing::example_model(2);
  model.model = "tiny";
  add(state_, wire::ModelSet{model});
  update();
  EXPECT_EQ(requests_.busy(), std::set<std::string>{"abc"});
  EXPECT_EQ(states(), (States{{"tiny", ModelState::loading}}));
  EXPECT_NE(requests_.models()[0].created, std::chrono::system_clock::time_point());
}

TEST_F(RequestsLoadingTest, AFileOfTheSameContentIsAnotherNameOfTheModel) {
  serve();
  have_ring();
  wire::LibraryReported library{.node = example_id(2), .models = {}};
  for (const char* name : {"copy", "tiny"}) {
    wire::LibraryModel& model = library.models.emplace_back();
    model.model = name;
    model.content = "abc";
  }
  add(state_, library);
  update();
  EXPECT_EQ(states(), (States{{"tiny", ModelState::loaded}, {"copy", ModelState::loaded}}));
  const auto log = ask(2, "copy");
  compute();
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: length, 2 tokens"}));
  EXPECT_TRUE(wanted_.empty());
}

TEST_F(RequestsLoadingTest, ARequestSaysHowLongItsModelStays) {
  serve();
  have_ring();
  GenerationRequest request{.model = "tiny", .prompt = std::vector<model::TokenId>{1}, .options = {}};
  request.keep_loaded_s = 60;
  requests_.generate(std::move(request), std::make_shared<GenerationLog>(), {});
  tasks_.run();
  EXPECT_EQ(wanted_, std::vector<std::string>{"tiny"});
  EXPECT_EQ(settings_.keep_loaded_s, 60U);
}

}  // namespace
}  // namespace exogpu::node
