#include "pipeline/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <format>

#include "engine/generator.h"
#include "pipeline/testing/ring_cluster.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;
using engine::testing::TinyFile;
using engine::testing::tokens_of;

TinyFile small() {
  return TinyFile("llama", 1, {.matrices = tiny::MatrixType::f32, .layers = 4, .embedding_length = 64});
}

struct Told {
  std::vector<wire::TokenId> tokens;
  std::optional<wire::GenerateEnd> end;
  std::optional<Error> failure;
  uint32_t reused = 0;
  bool interrupted = false;
  bool over() const { return end || failure; }
};

Driver::Listener into(Told& told) {
  return [&told](const TokenEvent& event) {
    EXPECT_FALSE(told.over()) << "something came after the end";
    if (event.token) told.tokens.push_back(event.token->token);
    told.end = event.end;
    told.failure = event.failure;
    told.reused = event.prompt_reused;
    told.interrupted = event.interrupted;
  };
}

Request request(std::vector<wire::TokenId> tokens, uint32_t tokens_max, uint64_t seed) {
  Request made{.tokens = std::move(tokens), .sampling = {}, .tokens_max = tokens_max, .end_tokens = {}};
  made.sampling.seed = seed;
  made.sampling.temperature = seed == 0 ? 0.0F : 2.0F;
  made.sampling.repeat_penalty = 1.1F;
  made.sampling.min_p = 0;
  return made;
}

engine::ShardOptions shard_options(uint32_t sequences) {
  engine::ShardOptions options;
  options.context = 512;
  options.sequences = sequences;
  options.batch_tokens = 64;
  options.kv_type = engine::KvType::f32;
  return options;
}

// What the engine writes by itself, without a ring.
std::vector<wire::TokenId> alone(const TinyFile& file, const Request& wanted) {
  auto chain = engine::testing::load_chain(file, {}, shard_options(1));
  auto sampler = engine::Sampler::create(wanted.sampling, chain.architecture().n_vocab).value();
  for (const wire::TokenId token : wanted.tokens) sampler.accept(token);
  std::vector<wire::TokenId> tokens;
  std::vector<float> logits;
  for (std::span<const wire::TokenId> left = wanted.tokens; !left.empty();) {
    const auto chunk = left.first(std::min<size_t>(left.size(), 64));
    left = left.subspan(chunk.size());
    logits = engine::testing::feed(chain, chunk, left.empty() ? 1 : 0);
  }
  while (true) {
    const auto choice = sampler.sample(logits);
    EXPECT_TRUE(choice);
    tokens.push_back(choice->token);
    sampler.accept(choice->token);
    if (tokens.size() == wanted.tokens_max) return tokens;
    logits = engine::testing::feed(chain, {&tokens.back(), 1}, 1);
  }
}

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
  std::vector<Told> told(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) ASSERT_TRUE(cluster.driver->generate(requests[i], into(told[i])));
  cluster.run_until([&] { return std::ranges::all_of(told, &Told::over); });
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_FALSE(told[i].failure) << told[i].failure->message;
    EXPECT_EQ(told[i].end, wire::GenerateEnd::length);
    EXPECT_EQ(told[i].tokens, alone(file, requests[i])) << "request " << i;
  }
  for (const auto& node : cluster.nodes) EXPECT_TRUE(node->broken.empty());
}

INSTANTIATE_TEST_SUITE_P(Cuts, AnyCut,
                         ::testing::Values(std::vector<uint32_t>{}, std::vector<uint32_t>{1},
                                           std::vector<uint32_t>{1, 2}, std::vector<uint32_t>{1, 2, 3}));

// A ring of four stages ends in the middle of some answers, and another goes on from what is left of it.
class AfterALoss : public ::testing::Test {
 protected:
  static constexpr uint32_t kBefore = 12;  // tokens that are heard of the first ring
  static constexpr uint32_t kInAll = 30;

  AfterALoss() {
    for (uint32_t i = 0; i < 3; ++i) {
      requests_.push_back(request(tokens_of(40 + 60 * i, 64, i), kInAll, i));
      expected_.push_back(alone(file_, requests_.back()));
    }
    RingCluster first(file_, {1, 2, 3}, shard_options(4), {});
    std::vector<Told> told(requests_.size());
    for (size_t i = 0; i < told.size(); ++i) EXPECT_TRUE(first.driver->generate(requests_[i], into(told[i])));
    first.run_until(
        [&] { return std::ranges::all_of(told, [](const Told& each) { return each.tokens.size() >= kBefore; }); });
    held_ = first.driver->scheduler().held();
    for (auto& node : first.nodes) remains_.merge(node->ring->end());
    for (size_t i = 0; i < told.size(); ++i) {
      auto& tokens = requests_[i].tokens;
      tokens.insert(tokens.end(), told[i].tokens.begin(), told[i].tokens.end());
      requests_[i].tokens_max = kInAll - static_cast<uint32_t>(told[i].tokens.size());
      heard_.push_back(std::move(told[i].tokens));
    }
  }

  Before before(wire::StageRange anew) {
    return {
        .epoch = wire::PlanEpoch(4), .kept = KeptTokens{.held = held_, .anew = anew}, .stages = std::move(remains_)};
  }

  // Of the ring that goes on; the number of requests that had to be asked again.
  size_t expect_the_rest(RingCluster& next) {
    size_t again = 0;
    for (size_t i = 0; i < requests_.size(); ++i) {
      Told told;
      EXPECT_TRUE(next.driver->generate(requests_[i], into(told)));
      next.run_until([&] { return told.over(); });
      if (told.interrupted) {
        ++again;
        told = {};
        EXPECT_TRUE(next.driver->generate(requests_[i], into(told)));
        next.run_until([&] { return told.over(); });
      }
      EXPECT_FALSE(told.failure) << told.failure->message;
      std::vector<wire::TokenId> all = heard_[i];
      all.insert(all.end(), told.tokens.begin(), told.tokens.end());
      EXPECT_EQ(all, expected_[i]) << "request " << i;
    }
    for (const auto& node : next.nodes) EXPECT_TRUE(node->broken.empty());
    return again;
  }
  uint64_t held_tokens() const {
    uint64_t tokens = 0;
    for (const auto& sequence : held_.sequences) tokens += sequence.size();
    return tokens;
  }

  TinyFile file_ = small();
  std::vector<Request> requests_;
  std::vector<std::vector<wire::TokenId>> expected_, heard_;
  HeldTokens held_;
  std::map<uint32_t, StageRemains> remains_;
};

class LostStages : public AfterALoss, public ::testing::WithParamInterface<wire::StageRange> {};

TEST_P(LostStages, AreGivenAgainWhatTheyHadAndNobodyElseComputes) {
  const wire::StageRange anew = GetParam();
  for (uint32_t lost = anew.begin; lost < anew.end; ++lost) remains_.erase(lost);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before(anew));
  EXPECT_EQ(expect_the_rest(next), 0U);
  const Scheduler& scheduler = next.driver->scheduler();
  EXPECT_GE(held_tokens(), 40U + 100 + 160 + 3 * (kBefore - 1));
  EXPECT_EQ(scheduler.tokens_replayed(), anew.empty() ? 0 : held_tokens());
  // What was on its way when the ring ended, and what followed.
  EXPECT_LE(scheduler.tokens_computed(), 3 * (kInAll - kBefore + 1));
}

INSTANTIATE_TEST_SUITE_P(Stages, LostStages,
                         ::testing::Values(wire::StageRange{1, 2}, wire::StageRange{3, 4}, wire::StageRange{0, 1},
                                           wire::StageRange{1, 3}, wire::StageRange{2, 2}));

TEST_F(AfterALoss, WhoHoldsNothingAfterAllIsFoundOut) {
  remains_.erase(2);  // started anew, and believed to be as before
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U);
}

TEST_F(AfterALoss, WhatIsOfAnotherRingIsNotTaken) {
  held_.epoch = wire::PlanEpoch(2);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U);
}

TEST_F(AfterALoss, ActivationsThatAreNotKeptAnyMoreAreComputedAgain) {
  remains_.erase(1);
  remains_.at(0).sent = SentRows(remains_.at(0).sent.row_bytes(), size_t{64} << 20);
  RingCluster next(file_, {1, 2, 3}, shard_options(4), {}, wire::Dtype::f32, before({1, 2}));
  EXPECT_EQ(expect_the_rest(next), 1U) << "the others know by then that nothing is kept";
}

TEST(Ring, ASequenceIsUsedAgainForAPromptThatBeginsAlike) {
  const TinyFile file = small();
  RingCluster cluster(file, {2}, shard_options(2), {});
  auto tokens = tokens_of(100, 64);
  Told first;
  ASSERT_TRUE(cluster.driver->generate(request(tokens, 10, 1), into(first)));
  cluster.run_until([&] { return first.over(); });
  EXPECT_EQ(first.reused, 0U);
  tokens.insert(tokens.end(), first.tokens.begin(), first.tokens.end());
  tokens.push_back(5);
  Told second;
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
  Told a;
  Told b;
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
  Told endless;
  const auto id = cluster.driver->generate(request(tokens_of(200, 64), 300, 1), into(endless));
  ASSERT_TRUE(id);
  Told waits;
  const Request next = request(tokens_of(150, 64, 3), 10, 2);
  ASSERT_TRUE(cluster.driver->generate(next, into(waits)));
  cluster.run_until([&] { return endless.tokens.size() >= 3; });
  cluster.driver->cancel(*id);
  const size_t heard = endless.tokens.size();
  cluster.run_until([&] { return waits.over(); });
  EXPECT_EQ(waits.tokens, alone(file, next));
  EXPECT_EQ(endless.tokens.size(), heard);
  EXPECT_FALSE(endless.over());
}

TEST(Ring, SettingsThatTheSamplerRefusesConcernOneRequest) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(2), {});
  Request bad = request(tokens_of(9, 64), 5, 1);
  bad.sampling.top_p = 3;
  Told refused;
  Told good;
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
  Told good;
  ASSERT_TRUE(cluster.driver->generate(fine, into(good)));
  cluster.run_until([&] { return good.tokens.size() == 2; });
  for (const wire::TokenId bad : {n_vocab, -1}) {
    Told never;
    const auto refused = cluster.driver->generate(request({1, 2, bad}, 5, 1), into(never));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message.find(std::format("token {}", bad)), std::string::npos) << refused.error().message;
  }
  cluster.run_until([&] { return good.over(); });
  EXPECT_EQ(good.tokens, alone(file, fine));
}

TEST(Ring, APeerThatDoesNotWaitIsToldHowManyStepsThereMayBe) {
  const TinyFile file = small();
  RingCluster cluster(file, {1}, shard_options(1), {});
  RingNode& second = *cluster.nodes[1];
  for (uint64_t number = 1; number <= 2 * steps_under_way_max(2); ++number) {
    second.ring->on_step(id_of(0), {.epoch = wire::PlanEpoch(3),
                                    .stage = 1,
                                    .number = number,
                                    .changes = {{.sequence = wire::SeqId(0), .what = wire::Truncate{0}}}});
  }
  cluster.run_until([&] { return !second.broken.empty(); });
  EXPECT_NE(second.broken.front().message.find("while 4 are under way"), std::string::npos)
      << second.broken.front().message;
  EXPECT_EQ(second.broken.size(), 1U);
}

TEST(Ring, SmallerActivationsGiveNearlyTheSame) {
  const TinyFile file = small();
  for (const auto dtype : {wire::Dtype::f16, wire::Dtype::bf16, wire::Dtype::q8_0}) {
    RingCluster cluster(file, {1, 2}, shard_options(1), {}, dtype);
    Told told;
    ASSERT_TRUE(cluster.driver->generate(request(tokens_of(20, 64), 1, 0), into(told)));
    cluster.run_until([&] { return told.over(); });
    EXPECT_FALSE(told.failure) << told.failure->message;
    EXPECT_EQ(told.tokens.size(), 1U);
  }
}

TEST(Ring, WhatMakesNoSenseBreaksItAndIsTold) {
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
  try_out([&](Ring& ring) { (void)ring.place(id_of(0), activation(4)); }, "belong to no step");
  try_out(
      [&](Ring& ring) {
        ring.on_step(id_of(0), step);
        EXPECT_FALSE(ring.place(id_of(0), activation(5)));
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
  Told told;
  ASSERT_TRUE(cluster.driver->generate(fine, into(told)));
  EXPECT_FALSE(cluster.driver->idle());
  cluster.driver->close({ErrorCode::unavailable, "there is a new plan"});
  EXPECT_TRUE(cluster.driver->over());
  Told late;
  const auto refused = cluster.driver->generate(fine, into(late));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "there is a new plan");
  cluster.run_until([&] { return told.over(); });
  EXPECT_EQ(told.tokens, alone(file, fine));
  EXPECT_TRUE(cluster.driver->idle());
}

TEST(Ring, ShardsOutliveTheirRing) {
  const TinyFile file = small();
  RingCluster cluster(file, {2}, shard_options(1), {});
  Told told;
  ASSERT_TRUE(cluster.driver->generate(request(tokens_of(200, 64), 300, 1), into(told)));
  cluster.run_until([&] { return told.tokens.size() >= 3; });
  cluster.driver.reset();
  for (uint32_t i = 0; i < 2; ++i) {
    Ring& ring = *cluster.nodes[i]->ring;
    EXPECT_GE(ring.steps_begun(), 3U);
    ring.retire();
    auto shards = ring.end();
    ASSERT_TRUE(shards.contains(i));
    engine::Shard& shard = shards.at(i).shard;
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
                      .changes = {{.sequence = wire::SeqId(0), .what = wire::Truncate{0}}}};
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
  EXPECT_FALSE(second.place(id_of(0), {.of = wire::Activation{.epoch = wire::PlanEpoch(2)}}));
  Told told;
  ASSERT_TRUE(cluster.driver->generate(request(tokens_of(20, 64), 3, 0), into(told)));
  cluster.run_until([&] { return told.over(); });
  EXPECT_FALSE(told.failure);
  EXPECT_TRUE(cluster.nodes[1]->broken.empty());
}

}  // namespace
}  // namespace exogpu::pipeline
