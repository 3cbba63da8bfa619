#include "pipeline/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <format>

#include "pipeline/testing/ring_requests.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

class AnyCut : public ::testing::TestWithParam<std::vector<uint32_t>> {};

TEST_P(AnyCut, WritesWhatOneDeviceWrites) {
  const TinyFile file = small();
  const uint32_t n_vocab = 64;
  RingCluster cluster(file, GetParam(), shard_options(4), {});
  std::vector<Request> requests;
  for (uint64_t i = 0; i < 6; ++i) {
    const auto length = static_cast<uint32_t>(3 + 50 * i);
    requests.push_back(request(tokens_of(length, n_vocab, static_cast<uint32_t>(i)), 30, i));
  }
  std::vector<Received> received(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) ASSERT_TRUE(cluster.driver->generate(requests[i], into(received[i])));
  cluster.run_until([&] { return std::ranges::all_of(received, &Received::over); });
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_FALSE(received[i].failure) << received[i].failure->message;
    EXPECT_EQ(received[i].end, wire::GenerateEnd::length);
    EXPECT_EQ(received[i].tokens, alone(file, requests[i])) << "request " << i;
  }
  for (const auto& node : cluster.nodes) EXPECT_TRUE(node->broken.empty());
}

INSTANTIATE_TEST_SUITE_P(Cuts, AnyCut,
                         ::testing::Values(std::vector<uint32_t>{}, std::vector<uint32_t>{1},
                                           std::vector<uint32_t>{1, 2}, std::vector<uint32_t>{1, 2, 3}));

class RecurrentRing : public ::testing::TestWithParam<const char*> {};

TEST_P(RecurrentRing, EightSequencesAreEachWrittenAsAlone) {
  const TinyFile file = small(GetParam());
  RingCluster cluster(file, {1, 2}, shard_options(8), {});
  std::vector<Request> requests;
  std::vector<wire::TokenId> tokens = tokens_of(60, 64, 3);
  for (uint32_t i = 0; i < 10; ++i) {  // more than there are sequences; some begin alike
    tokens.resize(60 - 5 * i);
    if (i % 3 == 0) tokens.back() = static_cast<wire::TokenId>(i + 1);
    requests.push_back(request(tokens, 6 + i, i));
  }
  std::vector<Received> received(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) ASSERT_TRUE(cluster.driver->generate(requests[i], into(received[i])));
  cluster.run_until([&] { return std::ranges::all_of(received, &Received::over); });
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_FALSE(received[i].failure) << received[i].failure->message;
    EXPECT_EQ(received[i].tokens, alone(file, requests[i])) << "request " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RecurrentRing, ::testing::Values("qwen35", "falcon-h1", "lfm2"));

TEST(Ring, ASequenceIsUsedAgainForAPromptThatBeginsAlike) {
  const TinyFile file = small();
  RingCluster cluster(file, {2}, shard_options(2), {});
  auto tokens = tokens_of(100, 64);
  Received first;
  ASSERT_TRUE(cluster.driver->generate(request(tokens, 10, 1), into(first)));
  cluster.run_until([&] { return first.over(); });
  EXPECT_EQ(first.reused, 0U);
  tokens.insert(tokens.end(), first.tokens.begin(), first.tokens.end());
  tokens.push_back(5);
  Received second;
  const Request next = request(tokens, 10, 2);
  ASSERT_TRUE(cluster.driver->generate(next, into(second)));
  cluster.run_until([&] { return second.over(); });
  EXPECT_EQ(second.reused, 109U);  // the last token of the first answer was never computed
  EXPECT_EQ(second.tokens, alone(file, next));
}

TEST(Ring, TwoThatBeginAlikeComputeTheirPromptOnce) {
  const TinyFile file = small();
  RingCluster cluster(file, {2}, shard_options(2), {});
  const auto tokens = tokens_of(200, 64);
  Received a;
  Received b;
  ASSERT_TRUE(cluster.driver->generate(request(tokens, 12, 1), into(a)));
  ASSERT_TRUE(cluster.driver->generate(request(tokens, 12, 2), into(b)));
  cluster.run_until([&] { return a.over() && b.over(); });
  EXPECT_GT(b.reused, 0U);
  EXPECT_EQ(a.tokens, alone(file, request(tokens, 12, 1)));
  EXPECT_EQ(b.tokens, alone(file, request(tokens, 12, 2)));
}

TEST(Ring, ACancelledRequestMakesRoom) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  Received endless;
  const auto id = cluster.driver->generate(request(tokens_of(200, 64), 300, 1), into(endless));
  ASSERT_TRUE(id);
  Received waits;
  const Request next = request(tokens_of(150, 64, 3), 10, 2);
  ASSERT_TRUE(cluster.driver->generate(next, into(waits)));
  cluster.run_until([&] { return endless.tokens.size() >= 3; });
  cluster.driver->cancel(*id);
  const size_t tokens_received = endless.tokens.size();
  cluster.run_until([&] { return waits.over(); });
  EXPECT_EQ(waits.tokens, alone(file, next));
  EXPECT_EQ(endless.tokens.size(), tokens_received);
  EXPECT_FALSE(endless.over());
}

TEST(Ring, SettingsThatTheSamplerRefusesConcernOneRequest) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(2), {});
  Request bad = request(tokens_of(9, 64), 5, 1);
  bad.sampling.top_p = 3;
  Received refused;
  Received good;
  ASSERT_TRUE(cluster.driver->generate(bad, into(refused)));
  ASSERT_TRUE(cluster.driver->generate(request(tokens_of(9, 64), 5, 1), into(good)));
  cluster.run_until([&] { return refused.over() && good.over(); });
  ASSERT_TRUE(refused.failure);
  EXPECT_EQ(refused.failure->code, ErrorCode::invalid_argument);
  EXPECT_EQ(good.tokens, alone(file, request(tokens_of(9, 64), 5, 1)));
}

// Of a peer that has another model's tokens, or lies.
TEST(Ring, ATokenThatIsNoneConcernsOneRequest) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(2), {});
  const auto n_vocab = static_cast<wire::TokenId>(engine::read_architecture(file.gguf()).value().n_vocab);
  const Request fine = request(tokens_of(30, 64), 20, 1);
  Received good;
  ASSERT_TRUE(cluster.driver->generate(fine, into(good)));
  cluster.run_until([&] { return good.tokens.size() == 2; });
  for (const wire::TokenId bad : {n_vocab, -1}) {
    Received never;
    const auto refused = cluster.driver->generate(request({1, 2, bad}, 5, 1), into(never));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message.find(std::format("token {}", bad)), std::string::npos) << refused.error().message;
  }
  cluster.run_until([&] { return good.over(); });
  EXPECT_EQ(good.tokens, alone(file, fine));
}

TEST(Ring, APeerThatSendsTooManyStepsBreaksIt) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  RingNode& second = *cluster.nodes[1];
  for (uint64_t number = 1; number <= 2 * steps_in_flight_max(2); ++number) {
    second.ring->on_step(id_of(0), {.epoch = wire::PlanEpoch(3),
                                    .stage = 1,
                                    .number = number,
                                    .changes = {{.sequence = wire::SeqId(0), .kind = wire::Truncate{0}}}});
  }
  cluster.run_until([&] { return !second.broken.empty(); });
  EXPECT_NE(second.broken.front().message.find("while 4 are in flight"), std::string::npos)
      << second.broken.front().message;
  EXPECT_EQ(second.broken.size(), 1U);
}

TEST(Ring, SmallerActivationsGiveNearlyTheSame) {
  const TinyFile file = small();
  for (const auto dtype : {wire::Dtype::f16, wire::Dtype::bf16, wire::Dtype::q8_0}) {
    RingCluster cluster(file, {1, 2}, shard_options(1), {}, dtype);
    Received received;
    ASSERT_TRUE(cluster.driver->generate(request(tokens_of(20, 64), 1, 0), into(received)));
    cluster.run_until([&] { return received.over(); });
    EXPECT_FALSE(received.failure) << received.failure->message;
    EXPECT_EQ(received.tokens.size(), 1U);
  }
}

TEST(Ring, InvalidFramesBreakItAndAreReported) {
  const TinyFile file = small();
  const auto try_out = [&](const std::function<void(Ring&)>& send, std::string_view expected) {
    RingCluster cluster(file, {1, 2}, shard_options(1), {});
    RingNode& middle = *cluster.nodes[1];
    send(*middle.ring);
    cluster.run_until([&] { return !middle.broken.empty(); });
    EXPECT_NE(middle.broken.front().message.find(expected), std::string::npos) << middle.broken.front().message;
  };
  wire::Step step{.epoch = wire::PlanEpoch(3), .stage = 1, .number = 1, .spans = {{wire::SeqId(0), 0, 4, false}}};
  const auto activation = [](uint32_t rows) {
    return wire::FrameHeader{.of = wire::Activation{.epoch = wire::PlanEpoch(3),
                                                    .sequence = wire::SeqId(0),
                                                    .position = 0,
                                                    .rows = rows,
                                                    .columns = 64,
                                                    .dtype = wire::Dtype::f32},
                             .payload_bytes = rows * 64 * 4};
  };
  try_out([&](Ring& ring) { ring.on_step(id_of(2), step); }, "not its next");
  try_out([&](Ring& ring) { (void)ring.receive_buffer(id_of(0), activation(4)); }, "belong to no step");
  try_out(
      [&](Ring& ring) {
        ring.on_step(id_of(0), step);
        EXPECT_FALSE(ring.receive_buffer(id_of(0), activation(5)));
      },
      "belong to no step");
  try_out(
      [&](Ring& ring) {
        ring.on_step(id_of(0), step);
        ring.on_step(id_of(0), step);
      },
      "without activations");
  try_out(
      [&](Ring& ring) {
        wire::Step huge = step;
        huge.spans[0].count = 65;
        ring.on_step(id_of(0), huge);
      },
      "at most 64");
  try_out([&](Ring& ring) { ring.on_step_done(id_of(2), {.epoch = wire::PlanEpoch(3), .number = 1}); }, "not the last");
}

TEST(Ring, ADriverThatIsClosedEndsWhatItHasBegun) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  const Request fine = request(tokens_of(20, 64), 10, 1);
  Received received;
  ASSERT_TRUE(cluster.driver->generate(fine, into(received)));
  EXPECT_FALSE(cluster.driver->idle());
  cluster.driver->close({ErrorCode::unavailable, "there is a new plan"});
  EXPECT_TRUE(cluster.driver->over());
  Received late;
  const auto refused = cluster.driver->generate(fine, into(late));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "there is a new plan");
  cluster.run_until([&] { return received.over(); });
  EXPECT_EQ(received.tokens, alone(file, fine));
  EXPECT_TRUE(cluster.driver->idle());
}

TEST(Ring, ShardsOutliveTheirRing) {
  const TinyFile file = small();
  RingCluster cluster(file, {2}, shard_options(1), {});
  Received received;
  ASSERT_TRUE(cluster.driver->generate(request(tokens_of(200, 64), 300, 1), into(received)));
  cluster.run_until([&] { return received.tokens.size() >= 3; });
  cluster.driver.reset();
  for (uint32_t i = 0; i < 2; ++i) {
    Ring& ring = *cluster.nodes[i]->ring;
    EXPECT_GE(ring.steps_begun(), 3U);
    ring.retire();
    auto shards = ring.end();
    ASSERT_TRUE(shards.contains(i));
    engine::ShardGroup& shard = dynamic_cast<ShardCompute&>(*shards.at(i).compute).shard();
    EXPECT_EQ(shard.layers(), (wire::LayerRange{2 * i, 2 * i + 2}));
    EXPECT_GE(shard.length(wire::SeqId(0)), 200U);
    EXPECT_EQ(shards.at(i).epoch, wire::PlanEpoch(3));
    EXPECT_TRUE(shard.truncate(wire::SeqId(0), 0));
  }
}

TEST(Ring, AStepThatIsLostBreaksIt) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  RingNode &first = *cluster.nodes[0], &second = *cluster.nodes[1];
  const auto step = [](uint64_t number) {
    return wire::Step{.epoch = wire::PlanEpoch(3),
                      .stage = 1,
                      .number = number,
                      .changes = {{.sequence = wire::SeqId(0), .kind = wire::Truncate{0}}}};
  };
  second.ring->on_step(id_of(0), step(1));
  second.ring->on_step(id_of(0), step(3));
  cluster.run_until([&] { return !second.broken.empty(); });
  EXPECT_NE(second.broken.front().message.find("after step 1; what was between is lost"), std::string::npos)
      << second.broken.front().message;
  second.ring->on_step(id_of(0), step(2));
  first.ring->on_step_done(id_of(1), {.epoch = wire::PlanEpoch(3), .number = 2});
  cluster.run_until([&] { return !first.broken.empty(); });
  EXPECT_NE(first.broken.front().message.find("after step 0"), std::string::npos) << first.broken.front().message;
}

TEST(Ring, FramesOfAnOldPlanArePassedOver) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  Ring& second = *cluster.nodes[1]->ring;
  second.on_step(id_of(0),
                 {.epoch = wire::PlanEpoch(2), .stage = 1, .number = 1, .spans = {{wire::SeqId(0), 0, 4, false}}});
  EXPECT_FALSE(second.receive_buffer(id_of(0), {.of = wire::Activation{.epoch = wire::PlanEpoch(2)}}));
  Received received;
  ASSERT_TRUE(cluster.driver->generate(request(tokens_of(20, 64), 3, 0), into(received)));
  cluster.run_until([&] { return received.over(); });
  EXPECT_FALSE(received.failure);
  EXPECT_TRUE(cluster.nodes[1]->broken.empty());
}

}  // namespace
}  // namespace exogpu::pipeline
