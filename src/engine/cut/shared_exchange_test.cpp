#include "engine/cut/shared_exchange.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

namespace exogpu::engine {
namespace {

// Runs `work` for each member on a thread of its own, and waits for all.
void run_members(SharedExchange& exchange, uint32_t members, const std::function<void(uint32_t, Exchange&)>& work) {
  std::vector<std::jthread> threads;
  for (uint32_t rank = 0; rank < members; ++rank)
    threads.emplace_back([&, rank, own = exchange.member(rank)] { work(rank, *own); });
}

float value(uint32_t rank, size_t i) {
  return std::sin(static_cast<float>(i * (rank + 3))) * (rank == 0 ? 1e4F : 1.0F);
}

TEST(SharedExchange, AddsInTheOrderOfTheRanksWhateverTheSize) {
  constexpr uint32_t members = 3;
  SharedExchange exchange(members);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{15}, size_t{100}, size_t{4096}, size_t{70001}}) {
    std::vector<std::vector<float>> values(members, std::vector<float>(size));
    for (uint32_t rank = 0; rank < members; ++rank)
      for (size_t i = 0; i < size; ++i) values[rank][i] = value(rank, i);
    run_members(exchange, members, [&](uint32_t rank, Exchange& own) { EXPECT_TRUE(own.sum(values[rank])); });
    std::vector<float> expected(size);
    for (size_t i = 0; i < size; ++i) expected[i] = value(0, i) + value(1, i) + value(2, i);
    for (const auto& sums : values) EXPECT_EQ(sums, expected);
  }
}

TEST(SharedExchange, ManyRoundsDoNotMix) {
  constexpr uint32_t members = 4;
  SharedExchange exchange(members);
  run_members(exchange, members, [&](uint32_t rank, Exchange& own) {
    std::vector<float> values(40);
    for (uint32_t round = 0; round < 300; ++round) {
      values.assign(values.size(), static_cast<float>(round * (rank + 1)));
      ASSERT_TRUE(own.sum(values));
      ASSERT_EQ(values.back(), static_cast<float>(round * 10));
    }
  });
}

TEST(SharedExchange, JoinsTheColumnsOfAllMembers) {
  SharedExchange exchange(2);
  const std::vector<float> left = {1, 2, 3, 4};  // two rows of two
  const std::vector<float> right = {10, 20};     // two rows of one
  std::vector<float> whole(6);
  run_members(exchange, 2, [&](uint32_t rank, Exchange& own) {
    EXPECT_TRUE(own.gather(rank == 0 ? left : right, 2, rank == 0 ? std::span(whole) : std::span<float>()));
  });
  EXPECT_EQ(whole, (std::vector<float>{1, 2, 10, 3, 4, 20}));
}

TEST(SharedExchange, NobodyWaitsForAMemberThatFailed) {
  SharedExchange exchange(3);
  run_members(exchange, 3, [&](uint32_t rank, Exchange& own) {
    std::vector<float> values(10, 1.0F);
    if (rank == 2) return own.abandon();
    const auto sum = own.sum(values);
    ASSERT_FALSE(sum);
    EXPECT_EQ(sum.error().code, ErrorCode::cancelled);
    EXPECT_FALSE(own.sum(values));
  });
  exchange.restart();
  run_members(exchange, 3, [&](uint32_t, Exchange& own) {
    std::vector<float> values(10, 1.0F);
    EXPECT_TRUE(own.sum(values));
    EXPECT_EQ(values.front(), 3.0F);
  });
}

TEST(SharedExchange, MembersOfOtherSizesAreAnError) {
  SharedExchange exchange(2);
  run_members(exchange, 2, [&](uint32_t rank, Exchange& own) {
    std::vector<float> values(10 + rank);
    EXPECT_FALSE(own.sum(values));
    own.abandon();
  });
}

}  // namespace
}  // namespace exogpu::engine
