// Whatever overlaps with what, each row arrives as it was.
#include "engine/tensors/row_moves.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>
#include <random>

namespace exogpu::engine {
namespace {

constexpr uint32_t kRows = 40;
using Rows = std::vector<int>;

void copy(Rows& rows, const RowMove& move) {
  for_parts_apart(move, [&rows](const RowMove& part) {
    ASSERT_TRUE(part.from + part.count <= part.to || part.to + part.count <= part.from) << "a part that overlaps";
    std::copy_n(rows.begin() + static_cast<ptrdiff_t>(part.from), part.count,
                rows.begin() + static_cast<ptrdiff_t>(part.to));
  });
}

// Regions of these sizes with gaps between them.
std::vector<uint64_t> any_places(const std::vector<uint64_t>& sizes, std::minstd_rand& random) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::shuffle(order, random);
  uint64_t spare = kRows - std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  std::vector<uint64_t> places(sizes.size());
  uint64_t at = 0;
  for (const size_t i : order) {
    const uint64_t gap = random() % (spare + 1);
    spare -= gap;
    places[i] = at + gap;
    at = places[i] + sizes[i];
  }
  return places;
}

TEST(RowMoves, EachRowArrivesAsItWas) {
  size_t by_way = 0;
  EXPECT_TRUE(rc::check([&by_way](uint32_t seed) {
    std::minstd_rand random(seed);
    std::vector<uint64_t> sizes(1 + random() % 6);
    for (uint64_t& size : sizes) size = 1 + random() % (kRows / 6);
    const auto from = any_places(sizes, random), to = any_places(sizes, random);
    std::vector<RowMove> moves;
    for (size_t i = 0; i < sizes.size(); ++i) moves.push_back({from[i], to[i], sizes[i]});
    Rows rows(kRows);
    std::iota(rows.begin(), rows.end(), 0);
    const Rows before = rows;
    std::vector<Rows> elsewhere(moves.size());
    const auto slice = [](Rows& of, uint64_t begin, uint64_t count) { return std::span(of).subspan(begin, count); };
    for (const auto& [kind, index] : order_moves(moves)) {
      const RowMove& move = moves[index];
      if (kind == MoveStep::Kind::move) copy(rows, move);
      if (kind == MoveStep::Kind::read) {
        const auto source = slice(rows, move.from, move.count);
        elsewhere[index] = {source.begin(), source.end()};
        ++by_way;
      }
      if (kind == MoveStep::Kind::write) std::ranges::copy(elsewhere[index], slice(rows, move.to, move.count).begin());
    }
    for (const RowMove& move : moves)
      for (uint64_t i = 0; i < move.count; ++i) RC_ASSERT(rows[move.to + i] == before[move.from + i]);
  }));
  EXPECT_GT(by_way, 0U) << "there was no circle";
}

TEST(RowMoves, OnlyACircleGoesByWayOfOtherMemory) {
  using Kind = MoveStep::Kind;
  const std::vector<RowMove> chain = {{0, 2, 2}, {2, 4, 2}};
  EXPECT_EQ(order_moves(chain), (std::vector<MoveStep>{{Kind::move, 1}, {Kind::move, 0}}));
  const std::vector<RowMove> circle = {{0, 2, 2}, {2, 0, 2}};
  EXPECT_EQ(order_moves(circle), (std::vector<MoveStep>{{Kind::read, 0}, {Kind::move, 1}, {Kind::write, 0}}));
}

}  // namespace
}  // namespace exogpu::engine
