// SPDX-License-Identifier: MIT
#include "pages/page_allocator.h"

#include <gtest/gtest.h>

#include "allocator_fixture.h"

namespace spanheap {
namespace {

constexpr uint64_t kAll = ~uint64_t{0};

TEST(PageAllocatorTest, FreshPagesAreUnbackedAndZero) {
  AllocatorOnTables pages(16);
  ASSERT_TRUE(pages.Grow(1, 3));
  const PageRun run = pages->Allocate(Pages(600));
  EXPECT_EQ(run.first, PageAt(1, 0));
  EXPECT_EQ(run.scavenged, Pages(600));
  EXPECT_TRUE(run.zeroed);
  EXPECT_EQ(pages->Verify(), 600U);
}

TEST(PageAllocatorTest, PagesUsedBeforeAreNotKnownToBeZero) {
  AllocatorOnTables pages(16);
  pages.Grow(1, 2);
  pages->Free(pages->Allocate(Pages(4)).first, Pages(4));
  EXPECT_FALSE(pages->Allocate(Pages(1)).zeroed);
  EXPECT_FALSE(pages->Allocate(Pages(8)).zeroed);  // three used before, five fresh
  EXPECT_TRUE(pages->Allocate(Pages(8)).zeroed);
}

TEST(PageAllocatorTest, ReleasedPagesAreZeroAgain) {
  AllocatorOnTables pages(16);
  pages.Grow(1, 2);
  pages->Free(pages->Allocate(Pages(512)).first, Pages(512));
  EXPECT_EQ(pages->counts().scavenged, 0U);
  EXPECT_EQ(pages->Scavenge(kAll), 512U);
  const PageRun run = pages->Allocate(Pages(512));
  EXPECT_TRUE(run.zeroed);
  EXPECT_EQ(run.scavenged, Pages(512));
}

TEST(PageAllocatorTest, SummaryIsExactWhenAskedForAlthoughItIsDelayed) {
  AllocatorOnTables pages(4096, 5);
  pages.Grow(8, 10);
  for (unsigned n = 1; n <= 40; ++n) {
    pages->Allocate(Pages(1));
    EXPECT_EQ(pages->Summary(4, 8).start(), 0U);
    EXPECT_EQ(pages->Summary(4, 8).max(), 512 - n);
    EXPECT_EQ(pages->Summary(3, 1).max(), 1024 - n);
  }
  pages->Verify();
}

TEST(PageAllocatorTest, ASwingIsWhatWasTakenAndFreedBetweenTwoLooks) {
  AllocatorOnTables pages(16);
  pages.Grow(1, 4);
  pages->Allocate(Pages(100));
  pages->TakeSwing();
  EXPECT_EQ(pages->TakeSwing(), 0U);
  pages->Free(pages->Allocate(Pages(300)).first, Pages(300));
  pages->Allocate(Pages(50));
  EXPECT_EQ(pages->TakeSwing(), 250U);
  EXPECT_EQ(pages->TakeSwing(), 0U);
  pages->Scavenge(kAll);
  EXPECT_EQ(pages->TakeSwing(), 0U);
}

TEST(PageAllocatorTest, SearchAfterChangesInAChunkSeesThem) {
  AllocatorOnTables pages(64);
  pages.Grow(1, 4);
  const PageRun first = pages->Allocate(Pages(512));
  const PageRun second = pages->Allocate(Pages(512));
  pages->Free(second.first + Pages(100), Pages(50));  // delayed in chunk 2
  pages->Free(first.first + Pages(10), Pages(20));    // delayed in chunk 1, and the lowest
  EXPECT_EQ(pages->Allocate(Pages(30)).first, PageAt(2, 100));
  EXPECT_EQ(pages->Allocate(Pages(20)).first, PageAt(1, 10));
  EXPECT_EQ(pages->Allocate(Pages(1)).first, PageAt(2, 130));
}

TEST(PageAllocatorTest, AllocateAtTakesExactlyThesePagesOrNone) {
  AllocatorOnTables pages(64);
  pages.Grow(1, 3);
  EXPECT_TRUE(pages->AllocateAt(PageAt(1, 500), Pages(30)));
  EXPECT_FALSE(pages->AllocateAt(PageAt(1, 490), Pages(11)));
  EXPECT_TRUE(pages->AllocateAt(PageAt(1, 490), Pages(10)));
  EXPECT_FALSE(pages->AllocateAt(PageAt(2, 500), Pages(13)));  // chunk 3 is not there
  EXPECT_FALSE(pages->AllocateAt(PageAt(0, 0), Pages(1)));
  EXPECT_EQ(pages->Verify(), 40U);
}

TEST(PageAllocatorTest, AnAlignedSearchEndsAfterSoManyLooks) {
  AllocatorOnTables pages(64);
  pages.Grow(1, 40);
  for (uint32_t c = 1; c < 40; ++c) {
    for (uint32_t page = 0; page < 512; page += 4) pages->AllocateAt(PageAt(c, page), Pages(1));
  }
  pages->Free(PageAt(30, 256), Pages(1));
  const PageAlignment fours{4, 0};
  EXPECT_EQ(pages->FindAligned(Pages(3), fours, 29), PageAllocator::kNone);
  EXPECT_EQ(pages->FindAligned(Pages(3), fours, 30), PageAt(30, 256));
  EXPECT_EQ(pages->AllocateAligned(Pages(3), fours).first, PageAt(30, 256));
  EXPECT_FALSE(pages->AllocateAligned(Pages(3), fours));
  EXPECT_EQ(pages->FindAligned(Pages(3), {4, 3}, 1), PageAt(1, 1));
}

TEST(PageAllocatorTest, ShrinkTakesChunksOutAndKeepsTheRestFindable) {
  AllocatorOnTables pages(64);
  pages.Grow(1, 5);
  const PageRun low = pages->Allocate(Pages(1));
  const PageRun high = pages->AllocateAt(PageAt(4, 5), Pages(1));
  EXPECT_EQ(pages->FindFreeChunks(Count(8)), (ChunkRange{ChunkIndex(2), ChunkIndex(4)}));
  EXPECT_EQ(pages->FindFreeChunks(Count(1)), (ChunkRange{ChunkIndex(3), ChunkIndex(4)}));
  ASSERT_TRUE(pages->Shrink({ChunkIndex(2), ChunkIndex(4)}));
  EXPECT_EQ(pages->counts().grown, 1024U);
  EXPECT_FALSE(pages->Allocate(Pages(512)));
  pages->Free(low.first, Pages(1));
  EXPECT_EQ(pages->Allocate(Pages(512)).first, PageAt(1, 0));
  EXPECT_EQ(pages->Allocate(Pages(400)).first, PageAt(4, 6));
  pages->Free(high.first, Pages(1));
  pages->Verify();
}

// Regressions. Each of these went wrong in some release of the Go runtime.

TEST(PageAllocatorTest, PagesFlushedFromACacheAreReleasable) {
  AllocatorOnTables pages(16);
  pages.GrowBacked(1);
  PageBlock block = pages->TakeBlock();
  EXPECT_EQ(pages->Scavenge(kAll), 448U);
  pages->ReturnBlock(block);
  EXPECT_EQ(pages->Scavenge(kAll), 64U);
  EXPECT_EQ(pages->counts().scavenged, 512U);
}

TEST(PageAllocatorTest, NothingIsLostWhenTheMiddleThenHigherThenLowerChunksAreGrown) {
  AllocatorOnTables pages(8192);
  pages.GrowBacked(4000);
  pages.GrowBacked(8000);
  pages.GrowBacked(3);
  EXPECT_EQ(pages->Scavenge(kAll), 3 * 512U);
  pages->Verify();
}

TEST(PageAllocatorTest, SearchStaysInGrownChunksWhenTheyAreFarApart) {
  // The entry of level 0 or 1 that holds the far chunk begins long before anything is grown.
  AllocatorOnTables pages(32768, 5);
  pages.Grow(1, 2);
  pages.Grow(0x6000, 0x6001);
  ASSERT_TRUE(pages->Allocate(Pages(512)));
  EXPECT_EQ(pages->Allocate(Pages(1)).first, PageAt(0x6000, 0));
  EXPECT_EQ(pages->TakeBlock().base, PageAt(0x6000, 0));
  EXPECT_EQ(pages->Allocate(Pages(1)).first, PageAt(0x6000, 64));
  pages->Verify();
}

TEST(PageAllocatorTest, ReleaseByForceTakesDenseChunksUnforcedDoesNot) {
  AllocatorOnTables pages(16);
  pages.GrowBacked(1);
  pages->Allocate(Pages(500));
  pages->NextGeneration();
  EXPECT_FALSE(pages->ClaimForRelease(512, false));
  EXPECT_EQ(pages->Scavenge(kAll), 12U);
}

TEST(PageAllocatorTest, FreedPagesWaitForTheNextGenerationUnlessForced) {
  AllocatorOnTables pages(16);
  pages.Grow(1, 2);
  pages->Free(pages->Allocate(Pages(100)).first, Pages(100));
  EXPECT_FALSE(pages->ClaimForRelease(512, false));
  pages->NextGeneration();
  const PageRun run = pages->ClaimForRelease(512, false);
  EXPECT_EQ(run.count, Pages(100));
  EXPECT_FALSE(pages->AllocateAt(run.first, Pages(1)));  // on its way
  pages->FinishRelease(run, true, true);
  EXPECT_TRUE(pages->AllocateAt(run.first, Pages(1)));
  pages->Verify();
}

TEST(PageAllocatorTest, PagesThatCouldNotBeReleasedAreFoundAgainInTheNextGeneration) {
  AllocatorOnTables pages(16);
  pages.GrowBacked(1);
  const PageRun run = pages->ClaimForRelease(512, true);
  EXPECT_FALSE(pages->ClaimForRelease(512, true));
  pages->FinishRelease(run, false, false);
  EXPECT_EQ(pages->counts().scavenged, 0U);
  EXPECT_FALSE(pages->ClaimForRelease(512, true));
  pages->Verify();
  pages->NextGeneration();
  EXPECT_EQ(pages->Scavenge(kAll), 512U);
  pages->Verify();
}

TEST(PageAllocatorTest, HugePagesAreClaimedFromTheTopOneByOne) {
  AllocatorOnTables pages(64);
  for (uint32_t c = 1; c < 4; ++c) pages.GrowBacked(c);
  pages.GrowBacked(20);
  pages->AllocateAt(PageAt(2, 300), Pages(1));
  ChunkIndex from(63);
  std::vector<PageIndex> found;
  while (from.value != 0) {
    const PageRun run = pages->ClaimHugePage(from, true);
    if (run) found.push_back(run.first);
  }
  const std::vector<PageIndex> expected = {PageAt(20, 256), PageAt(20, 0), PageAt(3, 256),
                                           PageAt(3, 0),    PageAt(2, 0),  PageAt(1, 256),
                                           PageAt(1, 0)};
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace spanheap
