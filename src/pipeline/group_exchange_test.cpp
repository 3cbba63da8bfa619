// Members with connections against members that share memory: the same bits.
#include "pipeline/group_exchange.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/testing/expect.h"
#include "engine/cut/shared_exchange.h"
#include "net/testing/members.h"

namespace exogpu::pipeline {
namespace {

using exogpu::testing::expect_error;
using net::testing::connect_meshes;
using net::testing::run_members;

using Values = std::vector<float>;

Values values_of(uint32_t rank, size_t size) {
  Values values(size);
  for (size_t i = 0; i < size; ++i)
    values[i] = std::sin(static_cast<float>(i * (rank + 3))) * (rank == 0 ? 100.0F : 1.0F);
  return values;
}

std::vector<std::unique_ptr<GroupExchange>> exchanges(const std::vector<std::shared_ptr<net::Mesh>>& meshes,
                                                      wire::Dtype sums, const std::vector<uint32_t>& columns = {}) {
  std::vector<std::unique_ptr<GroupExchange>> all;
  for (const auto& mesh : meshes) all.push_back(std::make_unique<GroupExchange>(mesh, sums, columns));
  return all;
}

// What each member has as sums.
std::vector<Values> sums_of(std::span<const std::unique_ptr<GroupExchange>> members, size_t size) {
  std::vector<Values> sums(members.size());
  run_members(static_cast<uint32_t>(members.size()), [&](uint32_t rank) {
    sums[rank] = values_of(rank, size);
    const auto done = members[rank]->sum(sums[rank]);
    EXPECT_TRUE(done) << done.error().message;
  });
  return sums;
}

Values shared_sums(uint32_t members, size_t size) {
  const engine::SharedExchange exchange(members);
  std::vector<Values> sums(members);
  run_members(members, [&](uint32_t rank) {
    sums[rank] = values_of(rank, size);
    EXPECT_TRUE(exchange.member(rank)->sum(sums[rank]));
  });
  return sums[0];
}

// Few values, which go whole, and many, which are divided; also such that fill no blocks.
TEST(GroupExchange, SumsAreThoseOfOneProcess) {
  for (const uint32_t members : {2U, 3U, 4U}) {
    const auto all = exchanges(connect_meshes(members), wire::Dtype::f32);
    for (const size_t size : {size_t{0}, size_t{1}, size_t{2048}, size_t{8193}, size_t{200'000}}) {
      const Values expected = shared_sums(members, size);
      for (const Values& sums : sums_of(all, size)) EXPECT_EQ(sums, expected) << members << " members, " << size;
    }
  }
}

TEST(GroupExchange, SmallerTypesGiveAllMembersTheSameBits) {
  for (const auto& [type, error] : {std::pair{wire::Dtype::f16, 0.1F}, {wire::Dtype::q8_0, 0.9F}}) {
    const auto all = exchanges(connect_meshes(3), type);
    for (const size_t size : {size_t{100}, size_t{2048}, size_t{50'016}}) {
      const auto sums = sums_of(all, size);
      EXPECT_EQ(sums[1], sums[0]);
      EXPECT_EQ(sums[2], sums[0]);
      const Values exact = shared_sums(3, size);
      float worst = 0;
      for (size_t i = 0; i < size; ++i) worst = std::max(worst, std::abs(sums[0][i] - exact[i]));
      EXPECT_LT(worst, error) << to_string(type) << " " << size;
      EXPECT_GT(worst, 0) << "nothing was rounded";
    }
  }
}

TEST(GroupExchange, TheFirstMemberJoinsTheColumnsOfAll) {
  const auto meshes = connect_meshes(3);
  for (const wire::Dtype type : {wire::Dtype::f32, wire::Dtype::q8_0}) {
    const auto all = exchanges(meshes, type, {2, 1, 3});
    const std::vector<Values> parts = {{1, 2, 3, 4}, {10, 20}, {7, 8, 9, 70, 80, 90}};  // two rows each
    Values whole(12);
    run_members(3, [&](uint32_t rank) {
      EXPECT_TRUE(all[rank]->gather(parts[rank], 2, rank == 0 ? std::span(whole) : std::span<float>()));
    });
    EXPECT_EQ(whole, (Values{1, 2, 10, 7, 8, 9, 3, 4, 20, 70, 80, 90}));
  }
}

TEST(GroupExchange, ValuesThatAreNotFiniteAreRefusedWithTheirMember) {
  for (const wire::Dtype type : {wire::Dtype::f32, wire::Dtype::f16}) {
    const auto all = exchanges(connect_meshes(2), type);
    run_members(2, [&](uint32_t rank) {
      Values values(64, 1.0F);
      if (rank == 1) values[40] = std::numeric_limits<float>::quiet_NaN();
      const auto done = all[rank]->sum(values);
      if (rank == 1 && !done) all[rank]->abandon();
      if (rank == 0 && type == wire::Dtype::f32)
        expect_error(done, ErrorCode::corrupt, "member 1 of the group computed values that are not finite");
      EXPECT_FALSE(done);
    });
  }
}

}  // namespace
}  // namespace exogpu::pipeline
