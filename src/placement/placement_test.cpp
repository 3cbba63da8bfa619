#include "placement/placement.h"

#include <gtest/gtest.h>

#include <chrono>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::link_all;
using testing::MB;

// A GPU that reads 1 TB/s and a CPU of the same node at a twentieth of it.
wire::ClusterView gpu_and_cpu(Bytes gpu_memory) {
  wire::ClusterView view;
  view.devices.push_back(example_device(1, gpu_memory, 1e12));
  view.devices.push_back(example_device(1, 100'000 * MB, 5e10));
  view.devices[1].id.device = "cpu";
  view.devices[1].kind = wire::DeviceKind::cpu;
  view.devices[1].uses_host_memory = true;
  return view;
}

const UnusedDevice* unused(const PlacementResult& answer, const wire::DeviceRef& device) {
  auto found = std::ranges::find(answer.unused, device, &UnusedDevice::device);
  return found == answer.unused.end() ? nullptr : &*found;
}

TEST(Placement, AModelThatFitsTheFastDeviceDoesNotUseTheSlowOneAndGivesTheReason) {
  const wire::ClusterView view = gpu_and_cpu(2000 * MB);
  const auto answer = assign_layers(view, example_shape(10), {});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->plan.stages.size(), 1U);
  EXPECT_EQ(answer->plan.stages[0].device.device, "gpu0");
  EXPECT_TRUE(answer->proven);
  const UnusedDevice* cpu = unused(*answer, view.devices[1].id);
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(cpu->constraint, "speed");
  // Alone 10 layers of 0.1 ms; with it 9 of them and one of 2 ms. The cache of 2048 tokens adds two percent.
  EXPECT_EQ(cpu->reason, "slower with it: 337.9 against 979.9 tokens/s");
}

TEST(Placement, AModelThatDoesNotFitSpillsAsLittleAsPossible) {
  const wire::ClusterView view = gpu_and_cpu(750 * MB);
  const auto answer = assign_layers(view, example_shape(10), {});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->plan.stages.size(), 2U);
  uint32_t on_gpu = 0;
  for (const wire::Stage& stage : answer->plan.stages) {
    if (stage.device.device == "gpu0") on_gpu = stage.layers.size();
  }
  EXPECT_EQ(on_gpu, 7U);  // of 104.1 MB each, with 4096 tokens of cache
  EXPECT_TRUE(answer->unused.empty());
  EXPECT_GT(answer->plan.predicted.tokens_per_s_alone, 140);  // 3 layers of 2 ms, 7 of 0.1 ms
  EXPECT_LT(answer->plan.predicted.tokens_per_s_alone, 150);
}

TEST(Placement, APoolNeedsMemoryForItsTokensHoweverManySequencesThereAre) {
  wire::ClusterView view;
  view.devices = {example_device(1, 50'000 * MB, 1e11)};
  const wire::ModelShape shape = example_shape(6);
  const auto cache = [&](uint32_t sequences, uint32_t pool) {
    PlacementRequest request;
    request.serving.context = 4096;
    request.serving.sequences = sequences;
    request.serving.pool_tokens = pool;
    const auto answer = assign_layers(view, shape, request);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? answer->plan.stages[0].memory.cache : 0;
  };
  EXPECT_EQ(cache(16, 4 * 4096), cache(4, 0));
  EXPECT_EQ(cache(64, 8192), cache(2, 0));
}

TEST(Placement, PredictionsFollowFromTheRates) {
  wire::ClusterView view;
  view.devices = {example_device(1, 500 * MB, 1e11), example_device(2, 500 * MB, 2e11)};
  link_all(view, 1e-3, 1e8);
  view.devices[0].step_s = view.devices[1].step_s = 1e-4;
  view.devices[0].fixed_columns = view.devices[1].fixed_columns = 4096;  // so that no prompt is cut
  wire::ModelShape shape = example_shape(6);
  shape.head_bytes = 40 * MB;
  shape.head_flops_per_token = 1;
  PlacementRequest request;
  request.serving.context = 4096;
  request.context_mean = 1000;
  request.fixed_layers = {{view.devices[0].id, {0, 2}}, {view.devices[1].id, {2, 6}}};
  const auto answer = assign_layers(view, shape, request);
  ASSERT_TRUE(answer) << answer.error().message;
  const wire::Plan& plan = answer->plan;
  // Weights, 1 MB of cache for each layer, the step.
  EXPECT_NEAR(plan.stages[0].decode_s, 2 * 101e6 / 1e11 + 1e-4, 1e-9);
  EXPECT_NEAR(plan.stages[1].decode_s, (4 * 101e6 + 40e6) / 2e11 + 1e-4, 1e-9);
  EXPECT_NEAR(plan.stages[0].hop_s, 1e-3 + 4096 / 1e8, 1e-9);  // 1024 values of four bytes
  EXPECT_NEAR(plan.stages[1].hop_s, 1e-3 + 4 / 1e8, 1e-9);     // a token
  const double pass_s = plan.stages[0].decode_s + plan.stages[1].decode_s + plan.stages[0].hop_s + plan.stages[1].hop_s;
  EXPECT_NEAR(plan.predicted.tokens_per_s_alone, 1 / pass_s, 1e-6);
  EXPECT_NEAR(plan.predicted.tokens_per_s_parallel, 1 / pass_s, 1e-6);  // one sequence
  // 512 tokens of 0.2 GFLOP at 2 and 4 TFLOP/s, 256 tokens of cache read, no way back.
  const double first_s = 2 * (512 * 2e8 / 2e12 + 256e3 / 1e11) + 4 * (512 * 2e8 / 4e12 + 256e3 / 2e11) + 40e6 / 2e11 +
                         2e-4 + 1e-3 + 512.0 * 4096 * (1 / 1e8 + 2 / 1e15);
  EXPECT_NEAR(plan.predicted.first_token_s, first_s, 1e-9);
  EXPECT_EQ(plan.stages[1].memory, (wire::StageMemory{.weights = 440 * MB, .cache = 4 * 4096 * 1000, .compute = 0}));
}

TEST(Placement, ManySequencesKeepTwoEqualStagesBusyAtOnce) {
  wire::ClusterView view;
  view.devices = {example_device(1, 4000 * MB, 1e11), example_device(2, 4000 * MB, 1e11)};
  link_all(view, 1e-5, 1e9);
  PlacementRequest request;
  request.serving.context = 256;
  request.serving.sequences = 8;
  wire::ModelShape shape = example_shape(10);
  for (wire::LayerShape& layer : shape.layers) layer.kv_bytes_per_token = 0;
  const auto alone = assign_layers(view, shape, request);
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(alone->plan.stages.size(), 1U);
  request.serving.objective = wire::Objective::throughput;
  const auto parallel = assign_layers(view, shape, request);
  ASSERT_TRUE(parallel) << parallel.error().message;
  ASSERT_EQ(parallel->plan.stages.size(), 1U);  // a batch of 8 reads the weights once: halves would read them twice

  // Where computing is what takes the time, two work at once.
  for (wire::DeviceProfile& device : view.devices) device.rates[0].matmul_flops_per_s = 1e11;
  const auto computed = assign_layers(view, shape, request);
  ASSERT_EQ(computed->plan.stages.size(), 2U);
  EXPECT_EQ(computed->plan.stages[0].layers.size(), 5U);
  EXPECT_GT(computed->plan.predicted.tokens_per_s_parallel, 1.8 * 50);
}

TEST(Placement, ALongPromptIsReadFasterByTwo) {
  wire::ClusterView view;
  view.devices = {example_device(1, 4000 * MB, 1e11), example_device(2, 4000 * MB, 1e11)};
  link_all(view, 1e-4, 1e9);
  PlacementRequest request;
  request.serving.objective = wire::Objective::first_token;
  request.prompt = 4096;
  const auto answer = assign_layers(view, example_shape(10), request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->plan.stages.size(), 2U);
  ASSERT_EQ(answer->alternatives.front().name, "best single device");
  EXPECT_LT(answer->plan.predicted.first_token_s, 0.6 * answer->alternatives.front().plan->predicted.first_token_s);
}

TEST(Placement, TakesAtLeastAsManyDevicesAsAreWished) {
  wire::ClusterView view;
  view.devices = {example_device(1, 4000 * MB, 1e11), example_device(2, 4000 * MB, 1e11),
                  example_device(3, 4000 * MB, 1e11)};
  link_all(view, 1e-4, 1e9);
  PlacementRequest request;
  for (const auto& [wished, taken] : {std::pair(1U, 1U), {2U, 2U}, {3U, 3U}, {9U, 3U}}) {
    request.devices_min = wished;
    const auto answer = assign_layers(view, example_shape(10), request);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->plan.stages.size(), taken) << wished;
  }
  request.devices_min = 3;
  EXPECT_EQ(assign_layers(view, example_shape(2), request)->plan.stages.size(), 2U);  // a layer is not cut
}

TEST(Placement, NoRoomIsReportedInBytes) {
  wire::ClusterView view = gpu_and_cpu(300 * MB);
  view.devices[1].memory_free = 500 * MB;
  const auto answer = assign_layers(view, example_shape(10), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::out_of_memory);
  EXPECT_EQ(
      answer.error().message,
      "example needs 954 MiB for weights and 39.1 MiB for the KV cache, and 2 devices have room for 763 MiB beside "
      "their scratch memory: 240,960,000 bytes are missing");
}

TEST(Placement, RoomThatNoCutCanUseIsReportedToo) {
  wire::ClusterView view;
  for (uint8_t i = 1; i <= 3; ++i) view.devices.push_back(example_device(i, 180 * MB, 1e11));
  link_all(view, 1e-4, 1e9);
  const auto answer = assign_layers(view, example_shape(4), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::out_of_memory);
  EXPECT_NE(answer.error().message.find("in whole layers only for 3 of 4"), std::string::npos)
      << answer.error().message;
  view.devices[0].memory_free = view.devices[1].memory_free = 250 * MB;
  ASSERT_TRUE(assign_layers(view, example_shape(4), {}));
  view.links.erase(view.links.begin());  // from the first to the second: the other direction remains
  ASSERT_TRUE(assign_layers(view, example_shape(4), {}));
  view.links.clear();
  EXPECT_EQ(assign_layers(view, example_shape(4), {}).error().code, ErrorCode::unavailable);
}

TEST(Placement, TheOrderFollowsTheLinks) {
  wire::ClusterView view;
  for (uint8_t i = 1; i <= 3; ++i) view.devices.push_back(example_device(i, 250 * MB, 1e11));
  // Only the way 1, 3, 2 and back to 1 is quick.
  link_all(view, 0.1, 1e9);
  for (wire::LinkProfile& link : view.links) {
    const auto from = link.from.bytes()[0], to = link.to.bytes()[0];
    if ((from == 1 && to == 3) || (from == 3 && to == 2) || (from == 2 && to == 1)) link.delay_s = 1e-4;
  }
  const auto answer = assign_layers(view, example_shape(6), {});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->plan.stages.size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(answer->plan.stages[i].hop_s, 1e-3);
}

TEST(Placement, OneMemoryIsNotCountedTwice) {
  wire::ClusterView view = gpu_and_cpu(800 * MB);
  view.devices[0].uses_host_memory = true;  // an integrated one
  view.devices[1].memory_free = 800 * MB;
  const auto answer = assign_layers(view, example_shape(10), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::out_of_memory);
  const auto fits = assign_layers(view, example_shape(5), {});
  ASSERT_TRUE(fits);
  ASSERT_EQ(fits->unused.size(), 1U);
  EXPECT_EQ(fits->unused[0].constraint, "host memory");
  EXPECT_EQ(fits->unused[0].reason,
            "takes its memory from the same host as gpu0; slower in the place of gpu0: 98.0 against 1,959 tokens/s");
}

TEST(Placement, UnusedDevicesAreReportedByName) {
  wire::ClusterView view = gpu_and_cpu(2000 * MB);
  view.devices.push_back(example_device(2, 50 * MB, 1e12));
  view.devices.push_back(example_device(3, 5000 * MB, 1e12));
  view.devices.push_back(example_device(4, 5000 * MB, 1e12));
  PlacementRequest request;
  request.excluded = {view.devices[4].id};
  const auto answer = assign_layers(view, example_shape(10), request);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->plan.stages.size(), 1U);
  EXPECT_EQ(unused(*answer, view.devices[2].id)->reason, "no room for a single layer: needs 99.3 MiB, 47.7 MiB free");
  EXPECT_EQ(unused(*answer, view.devices[3].id)->constraint, "link");
  EXPECT_EQ(unused(*answer, view.devices[4].id)->reason, "excluded by the user");
  EXPECT_EQ(label(view, view.devices[1].id), "n1/cpu");
}

TEST(Placement, FixedLayersAreCheckedAndComparedWithThePlannersChoice) {
  const wire::ClusterView view = gpu_and_cpu(2000 * MB);
  const wire::DeviceRef gpu = view.devices[0].id, cpu = view.devices[1].id;
  PlacementRequest request;
  auto refused = [&](std::vector<AssignedLayers> stages) {
    request.fixed_layers = std::move(stages);
    const auto answer = assign_layers(view, example_shape(10), request);
    return answer ? std::string() : answer.error().message;
  };
  EXPECT_EQ(refused({{cpu, {0, 4}}, {gpu, {4, 9}}}), "layers by hand: layers 9 to 9 are given to no device");
  EXPECT_EQ(refused({{cpu, {0, 4}}, {gpu, {5, 10}}}),
            "layers by hand: gpu0 begins with layer 5, and the next in order is layer 4");
  EXPECT_EQ(refused({{cpu, {0, 4}}, {cpu, {4, 10}}}),
            "layers by hand: cpu is named twice; a device holds one run of layers");
  EXPECT_EQ(refused({{cpu, {0, 4}}, {gpu, {4, 11}}}),
            "layers by hand: gpu0 gets layer 10, and the last of the model is 9");
  EXPECT_EQ(refused({{{testing::example_node(9), "x"}, {0, 10}}}), "layers by hand: there is no device 09000000/x");
  EXPECT_EQ(refused({{gpu, {0, 0}}}), "layers by hand: gpu0 gets no layer");
  request.fixed_layers = {{cpu, {0, 4}}, {gpu, {4, 10}}};
  const auto answer = assign_layers(view, example_shape(10), request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->plan.stages[0].device, cpu);
  EXPECT_EQ(answer->alternatives[0].name, "the planner's own choice");
  EXPECT_GT(answer->alternatives[0].plan->predicted.tokens_per_s_alone, answer->plan.predicted.tokens_per_s_alone);
  request.fixed_layers = {{cpu, {0, 10}}};
  const auto slow = assign_layers(view, example_shape(10), request);
  ASSERT_TRUE(slow) << slow.error().message;
  EXPECT_EQ(slow->unused[0].constraint, "by hand");
  EXPECT_EQ(slow->unused[0].reason,
            "the layers are assigned by hand, and none to it; faster with it: 337.9 against 49.0 tokens/s");
}

TEST(Placement, AModelIsNotCutBetweenLayersThatShareACache) {
  const wire::ClusterView view = gpu_and_cpu(750 * MB);
  wire::ModelShape shape = example_shape(10);
  for (uint32_t l : {5, 6, 7, 8}) shape.layers[l].joined_to_previous = true;
  const auto answer = assign_layers(view, shape, {});
  ASSERT_TRUE(answer) << answer.error().message;
  for (const wire::Stage& stage : answer->plan.stages)
    EXPECT_FALSE(shape.layers[stage.layers.begin].joined_to_previous) << stage.layers.begin;
  EXPECT_EQ(answer->plan.stages.size(), 2U);

  PlacementRequest by_hand;
  by_hand.fixed_layers = {{view.devices[0].id, {0, 6}}, {view.devices[1].id, {6, 10}}};
  const auto refused = assign_layers(view, shape, by_hand);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(refused.error().message.contains("layer 6")) << refused.error().message;
}

TEST(Placement, StatesOfSequencesTakeMemoryAndTime) {
  const wire::ClusterView view = gpu_and_cpu(2000 * MB);
  wire::ModelShape shape = example_shape(10);
  PlacementRequest request;
  request.serving.sequences = 4;
  const auto without = assign_layers(view, shape, request);
  for (wire::LayerShape& layer : shape.layers) layer.state_bytes = 3 * MB;
  const auto with = assign_layers(view, shape, request);
  ASSERT_TRUE(without && with);
  EXPECT_EQ(with->plan.stages[0].memory.cache, without->plan.stages[0].memory.cache + 10 * 4 * 3 * MB);
  EXPECT_LT(with->plan.predicted.tokens_per_s_alone, without->plan.predicted.tokens_per_s_alone);
}

TEST(Placement, AGroupPaysForItsExchangesInEachLayer) {
  wire::ClusterView view;
  view.devices.push_back(example_device(1, 2000 * MB, 1e12));
  const auto without = assign_layers(view, example_shape(10), {});
  view.devices[0].exchange_s = 1e-4;
  view.devices[0].exchange_bytes_per_s = 1e9;
  const auto with = assign_layers(view, example_shape(10), {});
  ASSERT_TRUE(without && with);
  const auto token_s = [](const PlacementResult& result) { return 1 / result.plan.predicted.tokens_per_s_alone; };
  EXPECT_NEAR(token_s(*with) - token_s(*without), 10 * 1e-4, 1e-9);
  // A prompt's tokens: 8 kB of each in each layer, more than the time of few.
  const double prompt_s = with->plan.predicted.first_token_s - without->plan.predicted.first_token_s;
  EXPECT_GT(prompt_s, 10 * 1e-4);
}

// A group that reads twice as fast is chosen while its exchanges cost less than that gains.
TEST(Placement, TheFasterOfAGroupAndOneDeviceIsChosen) {
  for (const bool slow_exchange : {false, true}) {
    wire::ClusterView view;
    view.devices.push_back(example_device(1, 2000 * MB, 1e12));
    view.devices.push_back(example_device(2, 2000 * MB, 2e12));
    view.devices[1].id.device = "gpu0+gpu1";
    view.devices[1].exchange_s = slow_exchange ? 1e-3 : 1e-5;
    link_all(view, 1e-3, 1e9);
    const auto answer = assign_layers(view, example_shape(10), {});
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->plan.stages.size(), 1U);
    EXPECT_EQ(answer->plan.stages[0].device.device, slow_exchange ? "gpu0" : "gpu0+gpu1");
  }
}

TEST(Placement, FixedLayersMustFit) {
  const wire::ClusterView view = gpu_and_cpu(750 * MB);
  PlacementRequest request;
  request.fixed_layers = {{view.devices[0].id, {0, 10}}};
  const auto answer = assign_layers(view, example_shape(10), request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::out_of_memory);
  EXPECT_NE(answer.error().message.find("290,960,000 bytes are missing"), std::string::npos) << answer.error().message;
}

// Twelve devices that all differ, no one with room for more than a third of the model.
TEST(Placement, TwelveDevicesAreSolvedExactlyInAFewSeconds) {
  wire::ClusterView view;
  for (uint8_t i = 1; i <= 12; ++i)
    view.devices.push_back(example_device(i, (900 + 37 * i) * MB, 1e11 + 3e9 * ((i * 7) % 13)));
  link_all(view, 3e-4, 1e8);
  for (size_t i = 0; i < view.links.size(); ++i) view.links[i].delay_s += 1e-5 * static_cast<double>((i * 31) % 17);
  const auto start = std::chrono::steady_clock::now();
  const auto answer = assign_layers(view, example_shape(32), {});
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(answer) << answer.error().message;
  RecordProperty("milliseconds", static_cast<int>(took_s * 1e3));
  EXPECT_TRUE(answer->proven);
  EXPECT_EQ(answer->plan.stages.size(), 3U);
  EXPECT_LT(took_s, 20);  // with sanitizers, on a busy machine
}

// Each has room for two or three of 80 layers.
TEST(Placement, AThousandDevicesAreAnsweredSoon) {
  wire::ClusterView view;
  for (int i = 0; i < 1000; ++i) {
    wire::DeviceProfile device =
        example_device(static_cast<uint8_t>(i / 4), static_cast<Bytes>(230 + i % 97) * MB, 1e10 * (1 + (i * 13) % 29));
    device.id.device += std::to_string(i);
    device.step_s = 1e-5;
    view.devices.push_back(device);
  }
  for (uint8_t a = 0; a < 250; ++a) {
    for (uint8_t b = 0; b < 250; ++b) {
      if (a != b)
        view.links.push_back({testing::example_node(a), testing::example_node(b), 1e-4 * (1 + (a ^ b) % 8), 1e9});
    }
  }
  const auto start = std::chrono::steady_clock::now();
  const auto answer = assign_layers(view, example_shape(80), {});
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(answer) << answer.error().message;
  RecordProperty("milliseconds", static_cast<int>(took_s * 1e3));
  EXPECT_FALSE(answer->proven);
  EXPECT_GE(answer->plan.stages.size(), 27U);
  EXPECT_LE(answer->plan.stages.size(), 40U);
  EXPECT_EQ(answer->unused.size() + answer->plan.stages.size(), 1000U);
  EXPECT_LT(took_s, 60);  // with sanitizers, on a busy machine
}

}  // namespace
}  // namespace exogpu::placement
