#include "placement/input.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "placement/testing/examples.h"

namespace exogpu::placement {
namespace {

using testing::example_device;
using testing::example_shape;
using testing::MB;

struct Input {
  wire::ClusterView view;
  wire::ModelShape shape = example_shape(4);
  PlacementRequest request;
};

Input good() {
  Input input;
  input.view.devices = {example_device(1, 1000 * MB, 1e11), example_device(2, 1000 * MB, 1e11)};
  testing::link_all(input.view, 1e-4, 1e9);
  return input;
}

// The error for a good input after `spoil`.
std::string refusal(const std::function<void(Input&)>& spoil) {
  Input input = good();
  spoil(input);
  const auto answer = assign_layers(input.view, input.shape, input.request);
  if (answer) return "accepted";
  EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument) << answer.error().message;
  return answer.error().message;
}

TEST(Input, GoodInputIsAccepted) {
  EXPECT_EQ(refusal([](Input&) {}), "accepted");
}

TEST(Input, InvalidModelsAreRefusedByName) {
  EXPECT_EQ(refusal([](Input& i) { i.shape.layers.clear(); }), "example: it has no layers");
  EXPECT_EQ(refusal([](Input& i) { i.shape.layers[2].weight_bytes = 0; }), "example: layer 2: it has no weights");
  EXPECT_EQ(refusal([](Input& i) { i.shape.layers[1].active_weight_bytes = 200 * MB; }),
            "example: layer 1: a token reads 200000000 bytes of weights, and the layer has 100000000");
  EXPECT_EQ(refusal([](Input& i) { i.shape.layers[0].flops_per_token = std::nan(""); }),
            "example: layer 0: flops_per_token is nan; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.shape.layers[3].weight_bytes = std::numeric_limits<Bytes>::max(); }),
            "example: layer 3: weight_bytes is 18446744073709551615; more than 281474976710656 is no size");
  EXPECT_EQ(refusal([](Input& i) { i.shape.bits_per_weight = 0; }),
            "example: bits_per_weight is 0; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.shape.experts_used_share = 1.5; }),
            "example: experts_used_share is 1.5; it must be above 0 and at most 1");
  EXPECT_EQ(refusal([](Input& i) { i.shape.activation_width = 0; }), "example: activation_width is 0");
  EXPECT_EQ(refusal([](Input& i) { i.shape.vocabulary = 0; }), "example: vocabulary is 0");
  EXPECT_EQ(refusal([](Input& i) { i.shape.ends_shared_bytes = 1; }),
            "example: ends_shared_bytes is 1, more than one of the ends has");
}

TEST(Input, InvalidDevicesAndLinksAreRefusedByName) {
  EXPECT_EQ(refusal([](Input& i) { i.view.devices.clear(); }), "there is no device to plan for");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[1].rates[0].matvec_bytes_per_s = 0; }),
            "n2/gpu0: q4_K: matvec_bytes_per_s is 0; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[1].rates[0].matmul_flops_per_s = -1; }),
            "n2/gpu0: q4_K: matmul_flops_per_s is -1; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[0].memory_bytes_per_s = std::nan(""); }),
            "n1/gpu0: memory_bytes_per_s is nan; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[0].upload_bytes_per_s = std::numeric_limits<double>::infinity(); }),
            "n1/gpu0: upload_bytes_per_s is inf; it must be a number above 0");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[0].step_s = -1e-6; }),
            "n1/gpu0: step_s is -1e-06; it must be a number of seconds, 0 or more");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[0].rates.clear(); }), "n1/gpu0: no rate of any weight type is known");
  EXPECT_EQ(refusal([](Input& i) { i.view.devices[1] = i.view.devices[0]; }),
            "n1/gpu0: there are two devices of this id on its node");
  EXPECT_EQ(refusal([](Input& i) { i.view.links[0].delay_s = -1; }),
            "link 01000000 to 02000000: delay_s is -1; it must be a number of seconds, 0 or more");
  EXPECT_EQ(refusal([](Input& i) { i.view.links[1].bytes_per_s = 0; }),
            "link 02000000 to 01000000: bytes_per_s is 0; it must be a number above 0");
}

TEST(Input, InvalidRequestsAreRefusedByName) {
  EXPECT_EQ(refusal([](Input& i) { i.request.serving.context = 0; }),
            "a context of 0 tokens is not possible; choose 1 to 16777216");
  EXPECT_EQ(refusal([](Input& i) { i.request.serving.sequences = 0; }),
            "0 sequences are not possible; choose 1 to 4096");
  EXPECT_EQ(refusal([](Input& i) { i.request.prompt = 5000; }),
            "a prompt of 5000 tokens does not fit a context of 4096");
  EXPECT_EQ(refusal([](Input& i) { i.request.context_mean = 5000; }),
            "sequences of 5000 tokens on average do not fit a context of 4096");
  EXPECT_EQ(refusal([](Input& i) { i.request.serving.pool_tokens = 4000; }),
            "sequences of 4096 tokens do not fit a pool of 4000");
  EXPECT_EQ(refusal([](Input& i) { i.request.serving.batch_tokens = 0; }),
            "prompts cannot be cut into chunks of 0 tokens");
  EXPECT_EQ(refusal([](Input& i) {
              i.shape.activation_width = 1000;
              i.request.serving.activations = wire::Dtype::q8_0;
            }),
            "activations of 1000 values cannot be sent as q8_0");
  EXPECT_EQ(refusal([](Input& i) { i.request.excluded = {{testing::example_node(7), "x"}}; }),
            "there is no device 07000000/x to leave out");
}

TEST(Input, SizesThatWouldOverflowAreRefused) {
  EXPECT_EQ(refusal([](Input& i) {
              i.shape.layers[0].kv_bytes_per_token = Bytes{1} << 48;
              i.request.serving.context = 1U << 24;
              i.request.serving.sequences = 4096;
            }),
            "the KV cache of 4096 sequences of 16777216 tokens would be larger than any machine's memory");
}

}  // namespace
}  // namespace exogpu::placement
