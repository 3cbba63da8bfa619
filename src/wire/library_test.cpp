#include "wire/library.h"

#include <gtest/gtest.h>

#include "proto/cluster.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

TEST(LibraryMessages, RoundTrip) {
  const LoadModel all{.model = "demo",
                      .settings = {.pinned = true, .context = 512, .sequences = 2, .keep_loaded_s = 0}};
  LoadModel with_defaults = all;
  with_defaults.settings.defaults = {.serving = {.context = 0, .sequences = 0, .kv_type = KvType::q8_0},
                                     .devices_min = 2,
                                     .without = {"desk/cpu"},
                                     .keep_loaded_s = 60};
  LoadModel by_hand = all;
  by_hand.settings.layers = "desk/cpu:0-3,lap:4-7";
  by_hand.settings.without = {"desk/gpu0"};
  by_hand.settings.objective = Objective::throughput;
  EXPECT_FALSE(by_hand.settings.same_wish(all.settings));
  LoadModel planned = all;
  planned.settings.layers = "";
  planned.settings.without.emplace();
  EXPECT_FALSE(planned.settings.same_wish(all.settings)) << "no cut and no exclusion are wishes, too";
  EXPECT_EQ(decode<LoadModel>(encode(with_defaults)).value(), with_defaults);
  EXPECT_TRUE(with_defaults.settings.same_wish(all.settings));
  for (const LoadModel& message : {all, by_hand, planned, LoadModel{.model = "x", .settings = {}}}) {
    EXPECT_EQ(decode<LoadModel>(encode(message)).value(), message);
  }
  const auto refused =
      decode<LoadRefused>(encode(LoadRefused{.model = "demo", .reason = {ErrorCode::resource_exhausted, "no room"}}));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->model, "demo");
  EXPECT_EQ(refused->reason.code, ErrorCode::resource_exhausted);
  EXPECT_EQ(refused->reason.message, "no room");
}

TEST(LibraryMessages, WhatIsNoTextIsRefused) {
  expect_corrupt<LoadModel>(ByteVector{std::byte{0xFF}}, "a broken load model message");
  expect_corrupt<LoadRefused>(ByteVector{std::byte{0xFF}}, "a broken load refused message");
  proto::LoadModel load;
  load.set_model("\n");
  expect_corrupt<LoadModel>(bytes_of(load), "the name of a model to load");
  load.set_model("demo");
  load.set_objective(99);
  expect_corrupt<LoadModel>(bytes_of(load), "an objective that is not known here (99)");
  load.set_layers("\n");
  expect_corrupt<LoadModel>(bytes_of(load), "the layers of a model to load");
  proto::LoadRefused refused;
  refused.set_message(std::string(kReasonCharsMax + 1, 'x'));
  expect_corrupt<LoadRefused>(bytes_of(refused), "whose text is too long");
}

}  // namespace
}  // namespace exogpu::wire
