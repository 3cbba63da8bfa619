// Regions never overlap, and there is always a place for what fits.
#include "pipeline/region_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>

namespace exogpu::pipeline {
namespace {

using wire::Placement;
using wire::Region;

// Does the changes one after another, and checks each.
void apply(std::vector<Region>& regions, const std::vector<Placement>& changes, uint32_t rows, uint32_t step) {
  for (const Placement& change : changes) {
    Region& own = regions[change.sequence.value()];
    own = {};
    RC_ASSERT(change.region.end() <= rows);
    RC_ASSERT(change.region.begin % step == 0 && change.region.rows % step == 0);
    for (const Region& other : regions) {
      RC_ASSERT(change.region.rows == 0 || other.rows == 0 || !other.overlaps(change.region));
    }
    own = change.region;
  }
}

TEST(RegionPool, RegionsNeverOverlapAndWhatFitsHasAPlace) {
  EXPECT_TRUE(rc::check([](uint32_t seed) {
    std::minstd_rand random(seed);
    const auto any = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    const uint32_t step = 1 + any(4), sequences = 1 + any(6), rows = step * (1 + any(30));
    RegionPool pool(sequences, rows, step);
    std::vector<Region> regions(sequences);
    for (int i = 0; i < 200; ++i) {
      const uint32_t of = any(sequences);
      std::vector<Placement> changes;
      if (any(3) == 0) {
        const uint32_t kept = any(pool.of(of).rows / step + 1) * step;
        pool.shrink(of, kept, changes);
        RC_ASSERT(pool.of(of).rows == kept);
      } else if (const uint32_t most = pool.of(of).rows + pool.free_rows(); most > 0) {
        const uint32_t needed = (1 + any(most / step)) * step;
        const uint32_t wished = needed + any(5) * step;
        pool.grow(of, needed, wished, changes);
        RC_ASSERT(pool.of(of).rows >= needed);
      }
      apply(regions, changes, rows, step);
      RC_ASSERT(regions == pool.regions());
      uint32_t used = 0;
      for (const Region& region : regions) used += region.rows;
      RC_ASSERT(pool.free_rows() == rows - used);
    }
    RC_ASSERT(RegionPool(regions, rows, step).regions() == regions);
  }));
}

TEST(RegionPool, ARegionGrowsInPlaceWhereTheRowsBehindItAreFree) {
  RegionPool pool(3, 1024, 256);
  std::vector<Placement> changes;
  pool.grow(0, 256, 256, changes);
  pool.grow(1, 256, 256, changes);
  changes.clear();
  pool.grow(1, 512, 1024, changes);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].region, (Region{.begin = 256, .rows = 768}));
}

TEST(RegionPool, OthersMakeRoomOnlyWhereNoHoleIsLargeEnough) {
  RegionPool pool(3, 1280, 256);
  std::vector<Placement> changes;
  for (const uint32_t i : {0U, 1U, 2U}) pool.grow(i, 256, 256, changes);
  pool.shrink(0, 0, changes);
  changes.clear();
  pool.grow(1, 768, 768, changes);  // of 256 free rows before it, and 512 behind the third
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(pool.of(1), (Region{.begin = 0, .rows = 768}));
  EXPECT_EQ(pool.of(2), (Region{.begin = 1024, .rows = 256}));
}

// A region that overlaps with an earlier one, or that lies beyond the pool, is no region.
TEST(RegionPool, ImpossibleRegionsAreDropped) {
  const RegionPool pool({{0, 256}, {0, 256}, {128, 256}, {256, 512}}, 512, 256);
  EXPECT_EQ(pool.regions(), (std::vector<Region>{{0, 256}, {}, {}, {}}));
  EXPECT_EQ(pool.free_rows(), 256U);
}

}  // namespace
}  // namespace exogpu::pipeline
