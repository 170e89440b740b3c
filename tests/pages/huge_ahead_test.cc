// SPDX-License-Identifier: MIT
//
// HugeAhead under a PageHeap on a fake OS: who takes pages, and who touches ahead of them.
#include "pages/huge_ahead.h"

#include <gtest/gtest.h>

#include <memory>

#include "os/fake_memory.h"
#include "pages/page_heap.h"

namespace spanheap {
namespace {

constexpr Pages kUnit{256};
constexpr Pages kWord = kPagesPerWord;

class HugeAheadTest : public testing::Test {
 protected:
  void SetUp() override {
    huge_.Init(memory_, {BytesOf(kUnit), os::HugePageSettings::Use::kOnAdvice},
               [] { return uint64_t{1'000'000'000}; });
    PageHeapOptions options;
    options.huge_page = BytesOf(kUnit);
    options.huge_pages = &huge_;
    ASSERT_TRUE(heap_->Init(memory_, options));
    cache_.SetAhead();
  }
  void TearDown() override { heap_->Verify(); }

  // Takes all that is free, and 64 pages of the next step of growth.
  PageRun GrowOnce() {
    const uint64_t before = heap_->grown_bytes();
    while (heap_->grown_bytes() == before) Take();
    return last_;
  }
  // Grows until a step is to be huge; returns the first pages of it.
  PageRun GrowToHugeStep() {
    for (int i = 0; i < 64 && !heap_->TakeTouchDue(); ++i) GrowOnce();
    return last_;
  }
  void Take() {
    last_ = heap_->AllocateFrom(cache_, kWord);
    ASSERT_TRUE(last_);
  }
  void TakeUnit() {
    for (uint32_t i = 0; i < kUnit / kWord; ++i) Take();
  }
  PageRun TouchNext() {
    const PageRun run = heap_->TakeAhead();
    if (run) heap_->ReturnAhead(heap_->TouchAhead(run));
    return run;
  }
  bool IsHuge(PageIndex p) const { return memory_.IsAdvisedHuge(heap_->AddressOf(p)); }
  const os::FakeMemory::Calls& calls() const { return memory_.calls(); }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};  // the heap writes its tables
  HugePages huge_;
  std::unique_ptr<PageHeap> heap_ = std::make_unique<PageHeap>();
  PageCache cache_;
  PageRun last_;
};

TEST_F(HugeAheadTest, WhoGrowsTheHeapTouchesNoHugePage) {
  const PageRun first = GrowToHugeStep();
  ASSERT_TRUE(first);
  EXPECT_EQ(calls().first_touches + calls().advise_huge, 0U);
  EXPECT_FALSE(IsHuge(first.first));
}

TEST_F(HugeAheadTest, TheNextHugePageIsTouchedWhileTheOneBeforeItIsTaken) {
  const PageRun first = GrowToHugeStep();
  const PageRun touched = TouchNext();
  EXPECT_EQ(touched.first, first.first + kUnit);
  EXPECT_EQ(touched.count, kUnit);
  EXPECT_TRUE(IsHuge(touched.first));
  EXPECT_TRUE(heap_->IsAdvisedHuge(touched.first));
  EXPECT_EQ(calls().first_touches, 1U);
  EXPECT_FALSE(TouchNext()) << "one ahead";
  EXPECT_FALSE(heap_->TakeTouchDue());
  TakeUnit();
  EXPECT_EQ(last_.first, touched.first);
  EXPECT_TRUE(last_.zeroed);
  EXPECT_EQ(last_.scavenged, Pages(0)) << "it is resident already";
  EXPECT_TRUE(heap_->TakeTouchDue());
  EXPECT_EQ(TouchNext().first, touched.first + kUnit);
}

TEST_F(HugeAheadTest, PagesBehindTheOneBeingTouchedAreTakenMeanwhile) {
  GrowToHugeStep();
  const PageRun touched = heap_->TakeAhead();
  ASSERT_TRUE(touched);
  TakeUnit();
  EXPECT_EQ(last_.first, touched.end());
  EXPECT_FALSE(heap_->TakeTouchDue());
  EXPECT_EQ(heap_->ReadStats().cached, BytesOf(kUnit).value);
  heap_->Verify();
  heap_->ReturnAhead(heap_->TouchAhead(touched));
  EXPECT_TRUE(heap_->TakeTouchDue()) << "somebody is further already";
  EXPECT_EQ(TouchNext().first, touched.end() + kUnit) << "taken pages stay ordinary";
  EXPECT_FALSE(IsHuge(touched.end()));
  Take();
  EXPECT_EQ(last_.first, touched.first) << "the lowest";
}

TEST_F(HugeAheadTest, AStepWhosePagesAreTakenFasterStaysOrdinaryAfterAFewMisses) {
  GrowToHugeStep();
  const uint64_t grown = heap_->grown_bytes();
  for (unsigned i = 0; i <= 2 * HugeAhead::kMostMissed; ++i) TakeUnit();
  EXPECT_EQ(heap_->grown_bytes(), grown);
  EXPECT_FALSE(TouchNext());
  TakeUnit();
  EXPECT_FALSE(heap_->TakeTouchDue() && TouchNext());
}

TEST_F(HugeAheadTest, ARefusedAdviceEndsTheStep) {
  GrowToHugeStep();
  memory_.set_advice_is_refused(true);
  const PageRun refused = TouchNext();
  ASSERT_TRUE(refused);
  EXPECT_EQ(calls().first_touches, 0U);
  TakeUnit();
  EXPECT_EQ(last_.first, refused.first);
  EXPECT_EQ(last_.scavenged, kWord) << "nobody has touched it";
  EXPECT_FALSE(TouchNext());
}

TEST_F(HugeAheadTest, UnderALimitNothingIsResidentAheadOfNeed) {
  heap_->gauge().SetLimit((8_GiB).value);
  for (int i = 0; i < 64 && calls().advise_huge == 0; ++i) GrowOnce();
  EXPECT_EQ(calls().first_touches, 1U) << "by who grows";
  EXPECT_FALSE(heap_->TakeTouchDue());
  EXPECT_FALSE(TouchNext());
}

TEST_F(HugeAheadTest, CachesThatNobodyTouchesForGrowAsBefore) {
  PageCache other;
  while (calls().advise_huge == 0) ASSERT_TRUE(heap_->AllocateFrom(other, kWord));
  EXPECT_EQ(calls().first_touches, 1U);
  EXPECT_FALSE(heap_->TakeTouchDue());
}

TEST_F(HugeAheadTest, ARunThatIsExtendedGrowsAsBefore) {
  const PageRun first = GrowToHugeStep();
  ASSERT_EQ(calls().advise_huge, 0U);
  ASSERT_TRUE(heap_->TryExtend(first.end(), Pages(64 * kChunkPages.value)));
  EXPECT_GT(calls().advise_huge, 0U);
}

TEST_F(HugeAheadTest, AChildTakesBackWhatItsParentWasTouching) {
  GrowToHugeStep();
  const PageRun touched = heap_->TakeAhead();
  ASSERT_TRUE(touched);
  heap_->ResetInChild();
  EXPECT_FALSE(TouchNext());
  TakeUnit();
  EXPECT_GE(last_.first, touched.first);
  EXPECT_LT(last_.first, touched.end());
}

}  // namespace
}  // namespace spanheap
