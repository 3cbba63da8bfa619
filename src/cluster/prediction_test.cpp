#include "cluster/prediction.h"

#include <gtest/gtest.h>

#include "cluster/plan_search.h"
#include "cluster/testing/examples.h"
#include "cluster/what_fits.h"

namespace exogpu::cluster {
namespace {

using namespace testing;

// What a file's header says of example_model(layers).
wire::LibraryModel file_of(uint32_t layers, const std::string& name = "made") {
  const wire::ModelShape shape = example_model(layers).shape;
  wire::LibraryModel file;
  file.model = name;
  file.content = name == "made" ? "abc" : "content of " + name;
  file.architecture = "llama";
  file.layers = layers;
  file.work.activation_width = shape.activation_width;
  file.work.vocabulary = shape.vocabulary;
  for (const wire::LayerShape& layer : shape.layers) {
    file.work.layer_bytes += layer.weight_bytes;
    file.work.active_layer_bytes += layer.active_weight_bytes;
    file.work.kv_bytes_per_token += layer.kv_bytes_per_token;
    file.work.flops_per_token += layer.flops_per_token;
  }
  file.bytes = file.work.layer_bytes;
  file.parameters = static_cast<uint64_t>(static_cast<double>(file.bytes) * 8 / shape.bits_per_weight);
  return file;
}

// Two nodes, each of which has room for nine layers of 100 MB.
wire::ReplicatedState cluster_of_two() {
  wire::ReplicatedState state;
  for (const uint8_t number : {1, 2}) add(state, wire::NodeReported{example_facts(number)});
  return state;
}

void pin(wire::ReplicatedState& state, const std::string& name, uint32_t layers, bool pinned = true) {
  wire::ServedModel model = example_model(layers);
  model.model = model.content = name;
  model.pinned = pinned;
  add(state, wire::ModelSet{model});
  wire::PlanMade made;
  made.plan.epoch = wire::PlanEpoch(state.epoch_last.value() + 1);
  made.plan.content = name;
  made.plan.stages = {{.device = {.node = example_id(1), .device = "gpu0"}, .layers = {0, layers}}};
  made.stage_bytes = {layers * Bytes{100'000'000}};
  add(state, made);
}

TEST(Prediction, IsThatOfTheModelOnceItIsLoaded) {
  for (const uint32_t layers : {4U, 12U}) {
    wire::ReplicatedState state = cluster_of_two();
    const Prediction predicted = predict(state, file_of(layers), example_model(layers).settings);
    ASSERT_EQ(predicted.reason, "");
    add(state, wire::ModelSet{example_model(layers)});
    const auto loaded = search_plan(view(state));
    ASSERT_TRUE(loaded) << loaded.error().message;
    const wire::Plan& plan = loaded->plan;
    EXPECT_NEAR(predicted.speed.tokens_per_s_alone, plan.predicted.tokens_per_s_alone,
                plan.predicted.tokens_per_s_alone / 20);
    EXPECT_NEAR(predicted.speed.first_token_s, plan.predicted.first_token_s, plan.predicted.first_token_s / 20);
    ASSERT_EQ(predicted.devices.size(), plan.stages.size());
    for (size_t i = 0; i < plan.stages.size(); ++i) EXPECT_EQ(predicted.devices[i], plan.stages[i].device);
  }
}

TEST(Prediction, SaysWhatIsMissingBesidePinnedModelsOnly) {
  wire::ReplicatedState state = cluster_of_two();
  const wire::ServingSettings settings = example_model(12).settings;
  pin(state, "other", 8, false);
  EXPECT_EQ(predict(state, file_of(12), settings).reason, "") << "a model that is not pinned makes room";
  pin(state, "other", 8);
  EXPECT_TRUE(predict(state, file_of(12), settings).reason.contains("bytes are missing"));
  wire::LibraryModel old = file_of(4);
  old.work = {};
  EXPECT_NE(predict(state, old, settings).reason, "") << "a node of an earlier version says nothing";
}

TEST(Prediction, NoFileFromTheNetworkIsTooOdd) {
  const wire::ReplicatedState state = cluster_of_two();
  for (const uint64_t odd : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    wire::LibraryModel file = file_of(4);
    file.layers = static_cast<uint32_t>(odd);
    file.parameters = odd;
    file.work = {.layer_bytes = std::max<uint64_t>(odd, 1),
                 .active_layer_bytes = odd,
                 .embedding_bytes = odd,
                 .head_bytes = odd,
                 .ends_shared_bytes = odd,
                 .kv_bytes_per_token = odd,
                 .flops_per_token = static_cast<double>(odd),
                 .activation_width = static_cast<uint32_t>(odd),
                 .vocabulary = static_cast<uint32_t>(odd)};
    const Prediction predicted = predict(state, file, example_model(4).settings);
    EXPECT_EQ(predicted.reason.empty(), !predicted.devices.empty()) << predicted.reason;
  }
}

TEST(Prediction, ItsBasisChangesWithDevicesAndPinnedModels) {
  wire::ReplicatedState state = cluster_of_two();
  const std::string before = prediction_basis(state);
  add(state, wire::LibraryReported{.node = example_id(1), .models = {file_of(4)}});
  pin(state, "other", 2, false);
  EXPECT_EQ(prediction_basis(state), before);
  pin(state, "other", 2);
  EXPECT_NE(prediction_basis(state), before);
  add(state, wire::ModelRemoved{.content = "other", .reason = "unloaded"});
  EXPECT_EQ(prediction_basis(state), before);
  add(state, wire::NodeLost{.node = example_id(2), .reason = "silent"});
  EXPECT_NE(prediction_basis(state), before);
}

TEST(WhatFits, NamesASmallerContextAnotherQuantisationAndPinnedModels) {
  wire::ReplicatedState state = cluster_of_two();
  wire::ServedModel model = example_model(17);
  model.settings.context = 1'000'000;
  add(state, wire::LibraryReported{.node = example_id(1), .models = {file_of(17)}});
  EXPECT_TRUE(what_would_fit(state, model).starts_with("It would fit with a context of "))
      << what_would_fit(state, model);
  model.settings.context = 512;
  EXPECT_EQ(what_would_fit(state, model), "") << "that is short already, and there is no other file";

  wire::LibraryModel smaller = file_of(17, "made-Q2_K"), other = file_of(17, "distinct");
  smaller.bytes /= 2;
  smaller.work.layer_bytes /= 2;
  smaller.work.active_layer_bytes /= 2;
  other.parameters *= 2;
  other.bytes /= 2;
  add(state, wire::LibraryReported{.node = example_id(2), .models = {smaller, other}});
  pin(state, "pinned", 4);
  const std::string ways = what_would_fit(state, model);
  EXPECT_TRUE(ways.contains("another quantisation: made-Q2_K")) << ways;
  EXPECT_TRUE(ways.contains("unloaded: pinned")) << ways;
  EXPECT_FALSE(ways.contains("distinct")) << "it is another model: " << ways;
}

}  // namespace
}  // namespace exogpu::cluster
