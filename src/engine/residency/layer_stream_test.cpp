#include "engine/residency/layer_stream.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/testing/expect.h"

namespace exogpu::engine {
namespace {

using exogpu::testing::expect_error;

// Slots in which a layer leaves its number.
struct Slots {
  Residency residency;
  std::vector<std::atomic<int>> content{std::vector<std::atomic<int>>(4)};
  std::atomic<int> failing = -1;  // a layer

  // Layers 1, 3, 5 ... of `layers` stream.
  explicit Slots(uint32_t slots, uint32_t layers = 10) {
    residency = {.slot_of = std::vector<std::optional<uint32_t>>(layers), .slots = slots};
    for (uint32_t i = 1; i < layers; i += 2) residency.slot_of[i] = i / 2 % slots;
  }

  LayerStream::Bring bring() {
    return [this](uint32_t layer) -> Result<void> {
      content[*residency.slot_of[layer]] = -1;
      if (failing == static_cast<int>(layer)) return fail(ErrorCode::unavailable, "layer {} is lost", layer);
      content[*residency.slot_of[layer]] = static_cast<int>(layer);
      return {};
    };
  }

  void walk(LayerStream& stream) const {
    for (uint32_t layer = 0; layer < residency.slot_of.size(); ++layer) {
      if (!residency.streams(layer)) continue;
      const auto there = stream.acquire(layer);
      ASSERT_TRUE(there) << there.error().message;
      EXPECT_EQ(content[*residency.slot_of[layer]], static_cast<int>(layer));
      stream.release(layer);
    }
  }
};

TEST(LayerStream, HasEachLayerInItsSlotWhileItIsAcquired) {
  for (const uint32_t slots : {1U, 2U, 3U}) {
    Slots s(slots);
    LayerStream stream(s.residency, s.bring());
    for (int step = 0; step < 20; ++step) s.walk(stream);
  }
}

TEST(LayerStream, ReadsEachLayerOnceForEachStep) {
  Slots s(2);
  StreamUse use;
  {
    LayerStream stream(s.residency, s.bring());
    for (int step = 0; step < 20; ++step) s.walk(stream);
    use = stream.use();
  }
  EXPECT_GE(use.layers, 98U);
  EXPECT_LE(use.layers, 102U) << "of the next step, what goes into the slots";
}

TEST(LayerStream, AnErrorIsGivenToTheOneWhoNeedsTheLayerAndTriedAgain) {
  Slots s(2);
  LayerStream stream(s.residency, s.bring());
  s.walk(stream);
  s.failing = 5;
  ASSERT_TRUE(stream.acquire(1));
  stream.release(1);
  ASSERT_TRUE(stream.acquire(3));
  stream.release(3);
  for (int i = 0; i < 2; ++i) expect_error(stream.acquire(5), ErrorCode::unavailable, "layer 5 is lost");
  s.failing = -1;
  s.walk(stream);
}

TEST(LayerStream, GoesWhereTheNextStepIs) {
  Slots s(2);
  LayerStream stream(s.residency, s.bring());
  for (const uint32_t layer : {1U, 3U, 1U, 9U, 5U, 1U}) {  // as after steps that failed
    ASSERT_TRUE(stream.acquire(layer));
    EXPECT_EQ(s.content[*s.residency.slot_of[layer]], static_cast<int>(layer));
    stream.release(layer);
  }
}

}  // namespace
}  // namespace exogpu::engine
