#include "node/dispatch.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"
#include "wire/cluster.h"
#include "wire/ring.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;
using testing::deliver;

TEST(DispatchTest, AMessageIsPassedToTheHandlerOfItsTypeAlone) {
  Dispatch dispatch;
  std::vector<std::string> calls;
  dispatch.on<wire::LinkProbeResult>([&](wire::NodeId from, const wire::LinkProbeResult& message) {
    EXPECT_EQ(from, example_id(2));
    calls.push_back(std::format("probed {}", message.bytes));
  });
  dispatch.on<wire::CancelGenerate>([&](wire::NodeId, const wire::CancelGenerate& message) {
    calls.push_back(std::format("cancel {}", message.request));
  });
  EXPECT_TRUE(deliver(dispatch, example_id(2), wire::LinkProbeResult{.bytes = 7}));
  EXPECT_TRUE(deliver(dispatch, example_id(3), wire::CancelGenerate{.request = 8}));
  EXPECT_EQ(calls, (std::vector<std::string>{"probed 7", "cancel 8"}));
}

TEST(DispatchTest, AMessageThatNothingTakesIsIgnoredAndABrokenOneIsAnError) {
  Dispatch dispatch;
  EXPECT_TRUE(deliver(dispatch, example_id(2), wire::LinkProbeResult{.bytes = 7}));  // of a later version
  bool called = false;
  dispatch.on<wire::LinkProbeResult>([&](wire::NodeId, const wire::LinkProbeResult&) { called = true; });
  const wire::ByteVector garbage(3, std::byte{0xff});
  const auto broken = dispatch.frame(example_id(2), {.of = wire::Control{wire::LinkProbeResult::kType}}, garbage);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::corrupt);
  EXPECT_FALSE(called);
}

TEST(DispatchTest, AnErrorOfAHandlerIsTheSendersError) {
  Dispatch dispatch;
  dispatch.on_raw(wire::ControlType::step,
                  [](wire::NodeId from, wire::ControlType of, std::span<const std::byte> bytes) {
                    EXPECT_EQ(from, example_id(2));
                    EXPECT_EQ(of, wire::ControlType::step);
                    return fail(ErrorCode::corrupt, "{} bytes are no step", bytes.size());
                  });
  const auto done = dispatch.frame(example_id(2), {.of = wire::Control{wire::ControlType::step}}, wire::ByteVector(3));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "3 bytes are no step");
}

TEST(DispatchTest, FramesOfBytesGoByTheirKindAndTransfer) {
  Dispatch dispatch;
  std::vector<std::string> calls;
  std::byte memory[4];
  const auto handler = [&](const std::string& name) {
    return FrameHandler{
        .receive_buffer =
            [&, name](wire::NodeId, const wire::FrameHeader&) {
              calls.push_back(name + " buffer");
              return std::optional<std::span<std::byte>>(memory);
            },
        .on_frame = [&, name](wire::NodeId, const wire::FrameHeader&,
                              std::span<const std::byte>) { calls.push_back(name + " frame"); },
        .on_abandoned = [&, name](wire::NodeId, const wire::FrameHeader&) { calls.push_back(name + " abandoned"); }};
  };
  const wire::FrameHeader activation{.of = wire::Activation{}};
  const wire::FrameHeader bulk{.of = wire::Bulk{.transfer = wire::TransferId(5)}};
  const wire::FrameHeader probe{.of = wire::Bulk{.transfer = wire::kProbeTransfer}};
  // Nothing takes them: they go nowhere.
  EXPECT_FALSE(dispatch.receive_buffer(example_id(2), activation));
  EXPECT_TRUE(dispatch.frame(example_id(2), bulk, {}));
  dispatch.abandoned(example_id(2), bulk);
  dispatch.on_activations(handler("activation"));
  dispatch.on_bulk(handler("bulk"));
  dispatch.on_bulk(wire::kProbeTransfer, handler("probe"));
  EXPECT_TRUE(dispatch.receive_buffer(example_id(2), activation));
  EXPECT_TRUE(dispatch.frame(example_id(2), activation, {}));
  EXPECT_TRUE(dispatch.receive_buffer(example_id(2), bulk));
  dispatch.abandoned(example_id(2), bulk);
  EXPECT_TRUE(dispatch.receive_buffer(example_id(2), probe));
  EXPECT_EQ(calls, (std::vector<std::string>{"activation buffer", "activation frame", "bulk buffer", "bulk abandoned",
                                             "probe buffer"}));
}

}  // namespace
}  // namespace exogpu::node
