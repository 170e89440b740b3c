// SPDX-License-Identifier: MIT
#include "pages/page_cache.h"

#include <gtest/gtest.h>

#include <random>

namespace spanheap {
namespace {

PageCache& Fill(PageCache& cache, uint64_t free, uint64_t scavenged, uint64_t zeroed) {
  cache.Fill({PageIndex(640), free, scavenged, zeroed});
  return cache;
}

TEST(PageCacheTest, HandsOutTheLowestRunAndSaysWhatIsKnownOfIt) {
  PageCache cache;
  Fill(cache, 0xf0f1, 0x3000, 0x5000);
  PageRun run = cache.Allocate(Pages(1));
  EXPECT_EQ(run.first, PageIndex(640));
  EXPECT_EQ(run.scavenged, Pages(0));
  run = cache.Allocate(Pages(3));
  EXPECT_EQ(run.first, PageIndex(644));
  EXPECT_FALSE(run.zeroed);
  run = cache.Allocate(Pages(1));
  EXPECT_EQ(run.first, PageIndex(647));
  run = cache.Allocate(Pages(3));
  EXPECT_EQ(run.first, PageIndex(652));
  EXPECT_EQ(run.scavenged, Pages(2));
  EXPECT_FALSE(run.zeroed);
  EXPECT_FALSE(cache.Allocate(Pages(2)));
  EXPECT_TRUE(cache.Allocate(Pages(1)));
  EXPECT_TRUE(cache.is_empty());
}

TEST(PageCacheTest, EmptyAndNeverFilledCachesGiveNothing) {
  PageCache cache;
  EXPECT_FALSE(cache.Allocate(Pages(1)));
  EXPECT_FALSE(cache.Allocate(Pages(64)));
  EXPECT_FALSE(cache.Allocate(Pages(65)));
  EXPECT_FALSE(cache.Free(PageIndex(3), Pages(1)));
  EXPECT_TRUE(Fill(cache, ~uint64_t{0}, 0, ~uint64_t{0}).Allocate(Pages(64)).zeroed);
}

TEST(PageCacheTest, TakesFreesOfItsOwnBlockOnly) {
  PageCache cache;
  Fill(cache, 0xf0, 0, 0xf0);
  EXPECT_FALSE(cache.Free(PageIndex(639), Pages(1)));
  EXPECT_FALSE(cache.Free(PageIndex(704), Pages(1)));
  EXPECT_FALSE(cache.Free(PageIndex(700), Pages(5)));
  EXPECT_TRUE(cache.Free(PageIndex(700), Pages(4)));
  const PageRun run = cache.Allocate(Pages(4));
  EXPECT_EQ(run.first, PageIndex(644));
  EXPECT_TRUE(run.zeroed);
  EXPECT_TRUE(cache.Free(run.first, run.count));
  EXPECT_FALSE(cache.Allocate(Pages(4)).zeroed);  // somebody has written there
}

TEST(PageCacheTest, DrainGivesTheFreePagesAndForgetsTheBlock) {
  PageCache cache;
  Fill(cache, 0xff, 0x0f, 0x33);
  cache.Allocate(Pages(2));
  const PageBlock block = cache.Drain();
  EXPECT_EQ(block.base, PageIndex(640));
  EXPECT_EQ(block.free, 0xfcU);
  EXPECT_EQ(block.scavenged, 0x0cU);
  EXPECT_EQ(block.zeroed, 0x30U);
  EXPECT_TRUE(cache.is_empty());
  EXPECT_FALSE(cache.Free(PageIndex(640), Pages(1)));
}

TEST(PageCacheDeathTest, FreeingAPageThatIsFreeInTheCacheIsFatal) {
  PageCache cache;
  Fill(cache, 0xff, 0, 0);
  EXPECT_DEATH(cache.Free(PageIndex(647), Pages(2)), "free");
}

}  // namespace
}  // namespace spanheap
