#include "wire/cluster.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "base/utf8.h"
#include "wire/cluster_coding.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {

// They travel inside of other messages.
ByteVector encode(const NodeInfo& message) {
  proto::NodeInfo out;
  put(out, message);
  return serialize(out);
}
ByteVector encode(const StagePlan& message) {
  proto::StagePlan out;
  put(out, message);
  return serialize(out);
}
template <>
Result<NodeInfo> decode<NodeInfo>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::NodeInfo>(bytes, "node info"));
  return node_info_of(in);
}
template <>
Result<StagePlan> decode<StagePlan>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StagePlan>(bytes, "plan"));
  return stage_plan_of(in);
}

namespace {

using namespace testing;

// Encoded by us, and then spoilt by `spoil`.
template <typename Proto, typename Message>
void expect_spoilt(const Message& good, const std::function<void(Proto&)>& spoil, std::string_view words) {
  Proto proto;
  const auto bytes = encode(good);
  ASSERT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  spoil(proto);
  expect_corrupt<Message>(bytes_of(proto), words);
}

Member some_member() {
  return {.node = id_of(7),
          .name = "desk \u00e4",
          .addresses = {"192.168.1.7", "::1"},
          .link_port = 7766,
          .api_url = "http://192.168.1.7:8080/v1"};
}

NodeInfo some_info() {
  NodeInfo info{.self = some_member(), .devices = {}, .links = {}};
  DeviceProfile device;
  device.id = {.node = info.self.node, .device = "vulkan0"};
  device.node_name = info.self.name;
  device.name = "A GPU";
  device.kind = DeviceKind::integrated;
  device.uses_host_memory = false;
  device.memory_free = 1ULL << 40;
  device.memory_bytes_per_s = 1e12;
  device.rates = {{.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = 1e11, .matmul_flops_per_s = 2e13}};
  device.step_s = 1e-5;
  device.fixed_columns = 140;
  device.upload_bytes_per_s = 3;
  device.download_bytes_per_s = 4;
  device.limits = {{.type = "mxfp4", .use = "experts", .held_as = "q8_0", .growth = 2},
                   {.type = "tq1_0", .use = "matrix", .held_as = {}}};
  device.active_w = 5;
  device.stream_bytes_per_s = 6;
  info.devices = {device};
  info.links = {
      {.from = info.self.node, .to = id_of(9), .delay_s = 1e-4, .bytes_per_s = 1e8, .jitter_s = 2e-5, .loss = 0.01}};
  return info;
}

StagePlan some_plan() {
  return {.epoch = PlanEpoch(12),
          .model = "demo",
          .content = "abc",
          .stages = {{.device = {.node = id_of(1), .device = "cpu"}, .layers = {0, 4}},
                     {.device = {.node = id_of(2), .device = "cuda1"}, .layers = {4, 5}}},
          .settings = {.context = 4096,
                       .sequences = 4,
                       .batch_tokens = 512,
                       .kv_type = KvType::q8_0,
                       .flash_attention = FlashAttention::off,
                       .activations = Dtype::q8_0,
                       .objective = Objective::first_token,
                       .pool_tokens = 70000,
                       .private_prefixes = true},
          .step_cost_tokens = 3.5};
}

TEST(ClusterMessages, RoundTrip) {
  const NodeInfo info = decode<NodeInfo>(encode(some_info())).value();
  EXPECT_EQ(info.self, some_member());
  ASSERT_EQ(info.devices.size(), 1U);
  const DeviceProfile& device = info.devices[0];
  EXPECT_EQ(device.id, some_info().devices[0].id);
  EXPECT_EQ(device.node_name, some_member().name);
  EXPECT_EQ(device.name, "A GPU");
  EXPECT_EQ(device.kind, DeviceKind::integrated);
  EXPECT_FALSE(device.uses_host_memory);
  EXPECT_EQ(device.memory_free, 1ULL << 40);
  EXPECT_EQ(device.memory_bytes_per_s, 1e12);
  ASSERT_EQ(device.rates.size(), 1U);
  EXPECT_EQ(device.rates[0].type, "q4_K");
  EXPECT_EQ(device.rates[0].bits_per_weight, 4.5);
  EXPECT_EQ(device.rates[0].matvec_bytes_per_s, 1e11);
  EXPECT_EQ(device.rates[0].matmul_flops_per_s, 2e13);
  EXPECT_EQ(device.step_s, 1e-5);
  EXPECT_EQ(device.fixed_columns, 140);
  EXPECT_EQ(device.upload_bytes_per_s, 3);
  EXPECT_EQ(device.download_bytes_per_s, 4);
  EXPECT_EQ(device.limits, some_info().devices[0].limits);
  EXPECT_EQ(device.active_w, 5);
  ASSERT_EQ(info.links.size(), 1U);
  EXPECT_EQ(info.links[0].from, id_of(7));
  EXPECT_EQ(info.links[0].to, id_of(9));
  EXPECT_EQ(info.links[0].delay_s, 1e-4);
  EXPECT_EQ(info.links[0].jitter_s, 2e-5);
  EXPECT_EQ(info.links[0].loss, 0.01);
  EXPECT_EQ(info.links[0].bytes_per_s, 1e8);

  EXPECT_EQ(decode<StagePlan>(encode(some_plan())).value(), some_plan());
  EXPECT_EQ(decode<LinkProbeResult>(encode(LinkProbeResult{1 << 20})).value().bytes, 1U << 20);
  EXPECT_EQ(decode<LeaderHint>(encode(LeaderHint{some_member()})).value().leader, some_member());
  const StageProgress progress{
      .epoch = PlanEpoch(5), .stage = 2, .done = 1ULL << 40, .total = UINT64_MAX, .activity = "loading"};
  EXPECT_EQ(decode<StageProgress>(encode(progress)).value(), progress);
}

// A file's name, an error of the system: what a person or a library wrote must not part a cluster.
TEST(ClusterMessages, InvalidTextIsMadePrintableBeforeItIsSent) {
  const std::string odd = "a\n\x1b\xFF";
  NodeInfo info = some_info();
  info.self.name = odd;
  info.self.api_url = odd;
  info.self.addresses = {odd};
  info.devices[0].name = odd;
  info.devices[0].rates[0].type = odd;
  const auto decoded = decode<NodeInfo>(encode(info));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->self.name, printable(odd));
  StagePlan plan = some_plan();
  plan.model = odd + std::string(kNameCharsMax, 'x');
  const auto planned = decode<StagePlan>(encode(plan));
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->model.size(), kNameCharsMax);
  const auto progress = decode<StageProgress>(encode(StageProgress{.epoch = {}, .activity = odd}));
  ASSERT_TRUE(progress) << progress.error().message;
  EXPECT_EQ(progress->activity, printable(odd));
}

TEST(ClusterMessages, WhatIsCutShortIsRefused) {
  const ByteVector broken{std::byte{0xFF}};
  expect_corrupt<NodeInfo>(broken, "a broken node info message");
  expect_corrupt<StagePlan>(broken, "a broken plan message");
  expect_corrupt<StageProgress>(broken, "a broken stage progress message");
  expect_corrupt<LinkProbeResult>(broken, "a broken link probed message");
  expect_corrupt<LeaderHint>(broken, "a broken leads message");
  expect_corrupt<LeaderHint>({}, "the id of a member is not 16 bytes");
}

TEST(ClusterMessages, AnInfoOutOfBoundsIsRefused) {
  const auto spoilt = [](const std::function<void(proto::NodeInfo&)>& spoil, std::string_view words) {
    expect_spoilt<proto::NodeInfo>(some_info(), spoil, words);
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  spoilt([](auto& p) { p.mutable_self()->set_node("short"); }, "the id of a member is not 16 bytes");
  spoilt([](auto& p) { p.mutable_self()->set_name("a\nb"); }, "the name of a member is too long or not text");
  spoilt([](auto& p) { p.mutable_self()->set_name(std::string(257, 'x')); }, "the name of a member is too long");
  spoilt([](auto& p) { p.mutable_self()->set_link_port(65536); }, "the port of a member is 65536");
  spoilt([](auto& p) { p.mutable_self()->set_api_url("\xFF"); }, "the URL of a member");
  spoilt([](auto& p) { p.mutable_self()->set_addresses(0, "\x01"); }, "the address of a member");
  spoilt(
      [](auto& p) {
        for (size_t i = 0; i < kAddressesMax; ++i) p.mutable_self()->add_addresses("a");
      },
      "the addresses of a member: 66 entries, at most 64");
  spoilt(
      [](auto& p) {
        for (size_t i = 0; i < kDevicesMax; ++i) p.add_devices();
      },
      "the devices of a node");
  spoilt(
      [](auto& p) {
        for (size_t i = 0; i < 64; ++i) p.mutable_devices(0)->add_rates();
      },
      "the rates of a device");
  spoilt(
      [](auto& p) {
        for (size_t i = 0; i < kMembersMax; ++i) p.add_links();
      },
      "the links of a node");
  spoilt([](auto& p) { p.mutable_devices(0)->set_id("\n"); }, "the id of a device");
  spoilt([](auto& p) { p.mutable_devices(0)->set_name("\n"); }, "the name of a device");
  spoilt([](auto& p) { p.mutable_devices(0)->set_kind(3); }, "device vulkan0 is of a kind that is not known here (3)");
  spoilt([](auto& p) { p.mutable_devices(0)->set_memory_bytes_per_s(-1); }, "the memory rate of a device");
  spoilt([](auto& p) { p.mutable_devices(0)->set_step_s(infinity); }, "the step time of a device");
  spoilt([](auto& p) { p.mutable_devices(0)->set_upload_bytes_per_s(-1); }, "the upload rate");
  spoilt([](auto& p) { p.mutable_devices(0)->set_download_bytes_per_s(-1); }, "the download rate");
  spoilt([](auto& p) { p.mutable_devices(0)->mutable_rates(0)->set_type("\n"); }, "the type of a rate");
  spoilt([](auto& p) { p.mutable_devices(0)->mutable_rates(0)->set_bits_per_weight(-1); }, "the bits of a rate");
  spoilt([](auto& p) { p.mutable_devices(0)->mutable_rates(0)->set_matvec_bytes_per_s(-1); }, "the rate of a device");
  spoilt([](auto& p) { p.mutable_devices(0)->mutable_rates(0)->set_matmul_flops_per_s(-1); }, "the rate of a device");
  spoilt([](auto& p) { p.mutable_links(0)->set_to(""); }, "the end of a link");
  spoilt([](auto& p) { p.mutable_links(0)->set_delay_s(-1); }, "the delay of a link is negative or no number");
  spoilt([](auto& p) { p.mutable_links(0)->set_bytes_per_s(infinity); }, "the rate of a link");
}

TEST(ClusterMessages, APlanOutOfBoundsIsRefused) {
  const auto spoilt = [](const std::function<void(proto::StagePlan&)>& spoil, std::string_view words) {
    expect_spoilt<proto::StagePlan>(some_plan(), spoil, words);
  };
  spoilt([](auto& p) { p.clear_stages(); }, "a plan without stages");
  spoilt([](auto& p) { p.mutable_stages(0)->set_layers_begin(1); }, "stages do not follow each other");
  spoilt([](auto& p) { p.mutable_stages(1)->set_layers_begin(3); }, "stages do not follow each other");
  spoilt([](auto& p) { p.mutable_stages(1)->set_layers_end(4); }, "stages do not follow each other");
  spoilt([](auto& p) { p.mutable_stages(1)->set_node("x"); }, "the node of a stage");
  spoilt([](auto& p) { p.mutable_stages(1)->set_device("\n"); }, "the device of a stage");
  spoilt(
      [](auto& p) {
        for (size_t i = 0; i < kMembersMax; ++i) p.add_stages();
      },
      "the stages of a plan");
  spoilt([](auto& p) { p.set_model("\n"); }, "the model of a plan");
  spoilt([](auto& p) { p.set_content("\n"); }, "the content of a plan");
  spoilt([](auto& p) { p.mutable_settings()->set_kv_type(3); },
         "a plan with a KV cache type that is not known here (3)");
  spoilt([](auto& p) { p.mutable_settings()->set_flash_attention(3); },
         "a choice of flash attention that is not known here (3)");
  spoilt([](auto& p) { p.mutable_settings()->set_objective(256); }, "an objective that is not known here (256)");
  spoilt([](auto& p) { p.clear_settings(); }, "a plan for no context");
  spoilt([](auto& p) { p.mutable_settings()->set_pool_tokens(4095); }, "sequences of 4096 tokens and a pool of 4095");
  spoilt([](auto& p) { p.mutable_settings()->set_context(0); }, "a plan for no context");
  spoilt([](auto& p) { p.mutable_settings()->set_sequences(0); }, "no sequences");
  spoilt([](auto& p) { p.mutable_settings()->set_batch_tokens(0); }, "no tokens at once");
  spoilt([](auto& p) { p.mutable_settings()->set_activations(77); }, "not known here (77)");
  spoilt([](auto& p) { p.mutable_settings()->set_activations(257); }, "not known here (257)");
  spoilt([](auto& p) { p.mutable_settings()->set_activations(static_cast<uint32_t>(Dtype::i32)); }, "not known here");
  spoilt([](auto& p) { p.set_step_cost_tokens(-1); }, "the step cost of a plan");
}

TEST(ClusterMessages, ProgressThatIsNoTextIsRefused) {
  proto::StageProgress progress;
  progress.set_activity("\x1b");
  expect_corrupt<StageProgress>(bytes_of(progress), "what a stage does");
}

}  // namespace
}  // namespace exogpu::wire
