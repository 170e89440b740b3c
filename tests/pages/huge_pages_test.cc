// SPDX-License-Identifier: MIT
//
// HugePages and HugeGrowth under a PageHeap on a fake OS, with each setting of the system.
#include "pages/huge_pages.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "os/fake_memory.h"
#include "pages/page_heap.h"

namespace spanheap {
namespace {

using Use = os::HugePageSettings::Use;

uint64_t now_ns = 1'000'000'000;
uint64_t Now() { return now_ns; }

class HugePagesTest : public testing::Test {
 protected:
  static constexpr Bytes kUnit = 2_MiB;

  void Start(Use use, HugePageMode mode = HugePageMode::kAuto) {
    huge_.Init(memory_, {kUnit, use}, Now);
    huge_.SetMode(mode);
    PageHeapOptions options;
    options.huge_page = kUnit;
    options.huge_pages = &huge_;
    ASSERT_TRUE(heap_->Init(memory_, options));
  }
  // Takes pages until the heap has grown to `size`; the lowest of them first.
  void GrowTo(Bytes size) {
    while (heap_->ReadStats().grown < size.value) {
      const PageRun run = heap_->Allocate(Pages(64));
      ASSERT_TRUE(run);
      live_.push_back(run);
    }
  }
  Bytes AdvisedHuge() const { return memory_.advised_huge().Total(os::RangeState::kReady); }
  const os::FakeMemory::Calls& calls() const { return memory_.calls(); }
  Address Start(const PageRun& run) const { return heap_->AddressOf(run.first); }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};  // the heap writes its tables
  HugePages huge_;
  std::unique_ptr<PageHeap> heap_ = std::make_unique<PageHeap>();
  std::vector<PageRun> live_;
};

// ---- when

TEST_F(HugePagesTest, ASmallHeapIsLeftAlone) {
  Start(Use::kOnAdvice);
  GrowTo(HugePagePolicy::kOrdinaryStart);
  EXPECT_EQ(calls().advise_huge + calls().advise_ordinary + calls().first_touches, 0U);
}

TEST_F(HugePagesTest, ASmallHeapForbidsWhatItDoesNotKnowOf) {
  static int asked = 0;
  asked = 0;
  const auto ask = [] {
    ++asked;
    return os::HugePageSettings{kUnit, Use::kOnAdvice};
  };
  huge_.Init(memory_, kUnit, ask, Now);
  PageHeapOptions options;
  options.huge_page = kUnit;
  options.huge_pages = &huge_;
  ASSERT_TRUE(heap_->Init(memory_, options));
  GrowTo(HugePagePolicy::kOrdinaryStart);
  EXPECT_EQ(asked, 0);
  const uint64_t forbidden = calls().advise_ordinary;
  EXPECT_GT(forbidden, 0U);
  GrowTo(512_MiB);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(calls().advise_ordinary, forbidden);
  EXPECT_GE(AdvisedHuge(), 400_MiB);
}

TEST_F(HugePagesTest, ADenseHeapGrowsByHugeStepsInAddressOrder) {
  Start(Use::kOnAdvice);
  GrowTo(512_MiB);
  EXPECT_GE(AdvisedHuge(), 400_MiB);
  EXPECT_EQ(calls().first_touches, calls().advise_huge);
  EXPECT_EQ(calls().advise_ordinary, 0U);
  EXPECT_FALSE(memory_.IsAdvisedHuge(Start(live_.front())));
  EXPECT_FALSE(heap_->IsAdvisedHuge(live_.front().first));
  EXPECT_TRUE(memory_.IsAdvisedHuge(Start(live_.back())));
  EXPECT_TRUE(heap_->IsAdvisedHuge(live_.back().first));
}

TEST_F(HugePagesTest, TenGigabytesKeepToAFewHundredMappings) {
  Start(Use::kOnAdvice);
  GrowTo(10_GiB);
  EXPECT_GE(AdvisedHuge(), 9_GiB);
  // An advised range and the ordinary one behind it.
  EXPECT_LE(2 * memory_.advised_huge().range_count(), 500U);
}

TEST_F(HugePagesTest, AHeapWithUntouchedPagesAsksForNone) {
  Start(Use::kOnAdvice);
  memory_.set_resident_percent(80);
  GrowTo(512_MiB);
  EXPECT_EQ(calls().advise_huge, 0U);
}

TEST_F(HugePagesTest, AHeapThatBecomesSparseStopsAskingAtItsNextSample) {
  Start(Use::kOnAdvice);
  GrowTo(128_MiB);
  const Bytes before = AdvisedHuge();
  ASSERT_GT(before.value, 0U);
  memory_.set_resident_percent(50);
  GrowTo(1_GiB);
  EXPECT_LE(AdvisedHuge(), before + 64_MiB);
}

TEST_F(HugePagesTest, TheHeapsOwnLimitCountsAsMemoryThatIsScarce) {
  Start(Use::kOnAdvice);
  huge_.SetGauge(heap_->gauge());
  heap_->gauge().SetLimit((400_MiB).value);
  GrowTo(392_MiB);
  EXPECT_GE(AdvisedHuge(), 300_MiB);
  EXPECT_LE(AdvisedHuge(), 376_MiB) << "a step is more than is left";
  const uint64_t before = calls().advise_huge;
  heap_->gauge().SetLimit(MemoryGauge::kNone);
  heap_->gauge().SetCeiling((8_GiB).value);
  now_ns += HugePagePolicy::kPause_ns;
  GrowTo(640_MiB);
  EXPECT_GT(calls().advise_huge, before);
}

TEST_F(HugePagesTest, ScarceMemoryMeansAMinuteWithout) {
  Start(Use::kOnAdvice);
  memory_.set_state({16_GiB, 3_GiB, false});
  GrowTo(128_MiB);
  EXPECT_EQ(calls().advise_huge, 0U);
  EXPECT_EQ(huge_.pauses(), 1U);
  memory_.set_state({16_GiB, 15_GiB, false});
  now_ns += HugePagePolicy::kPause_ns - 1;
  GrowTo(256_MiB);
  EXPECT_EQ(calls().advise_huge, 0U);
  now_ns += 1;
  GrowTo(384_MiB);
  EXPECT_GT(calls().advise_huge, 0U);
}

TEST_F(HugePagesTest, PressureMeansAMinuteWithout) {
  Start(Use::kOnAdvice);
  memory_.set_state({16_GiB, 15_GiB, true});
  GrowTo(128_MiB);
  EXPECT_EQ(calls().advise_huge, 0U);
  EXPECT_EQ(huge_.pauses(), 1U);
}

TEST_F(HugePagesTest, PagesThatComeSlowlyAreNotAskedForAgainSoon) {
  Start(Use::kOnAdvice);
  memory_.set_touch_ns(30'000'000);
  GrowTo(512_MiB);
  EXPECT_EQ(calls().advise_huge, 1U);
  EXPECT_EQ(calls().first_touches, 2U);  // once more, in case it was an accident
  EXPECT_EQ(calls().advise_ordinary, 1U);
  EXPECT_EQ(AdvisedHuge(), Bytes(0));
  EXPECT_FALSE(heap_->IsAdvisedHuge(live_.back().first));
}

TEST_F(HugePagesTest, NobodyWaitsForTwoSlowPagesInARow) {
  Start(Use::kOnAdvice);
  memory_.set_touch_ns(3'000'000);
  GrowTo(48_MiB);
  EXPECT_EQ(calls().first_touches, 1U);
  EXPECT_EQ(AdvisedHuge(), 32_MiB);  // it may have been an accident
  GrowTo(512_MiB);
  EXPECT_EQ(calls().first_touches, 2U);  // the next step's
  EXPECT_EQ(AdvisedHuge(), 32_MiB);
  EXPECT_EQ(calls().advise_ordinary, 1U);
}

TEST_F(HugePagesTest, ARefusedAdviceLeavesTheHeapGrowing) {
  Start(Use::kOnAdvice);
  memory_.set_advice_is_refused(true);
  GrowTo(512_MiB);
  EXPECT_EQ(calls().advise_huge, 1U);
  EXPECT_EQ(calls().first_touches, 0U);
  EXPECT_FALSE(heap_->IsAdvisedHuge(live_.back().first));
}

// ---- options and settings of the system

TEST_F(HugePagesTest, OffAsksForNothing) {
  Start(Use::kOnAdvice, HugePageMode::kOff);
  GrowTo(256_MiB);
  EXPECT_EQ(calls().advise_huge + calls().advise_ordinary, 0U);
}

TEST_F(HugePagesTest, EagerAsksFromTheFirstByteAndTriesNothing) {
  Start(Use::kOnAdvice, HugePageMode::kEager);
  memory_.set_state({16_GiB, 1_GiB, true});
  memory_.set_resident_percent(10);
  GrowTo(64_MiB);
  EXPECT_GE(AdvisedHuge(), 64_MiB);
  EXPECT_EQ(calls().first_touches, 0U);
}

TEST_F(HugePagesTest, TheModeMayChangeWhileTheHeapGrows) {
  Start(Use::kOnAdvice, HugePageMode::kOff);
  GrowTo(64_MiB);
  huge_.SetMode(HugePageMode::kEager);
  GrowTo(128_MiB);
  EXPECT_GT(calls().advise_huge, 0U);
  huge_.SetMode(HugePageMode::kOff);
  const uint64_t asked = calls().advise_huge;
  GrowTo(256_MiB);
  EXPECT_EQ(calls().advise_huge, asked);
}

TEST_F(HugePagesTest, ASystemWithoutThemIsToldNothing) {
  Start(Use::kNever, HugePageMode::kEager);
  GrowTo(128_MiB);
  EXPECT_EQ(calls().advise_huge + calls().advise_ordinary, 0U);
}

TEST_F(HugePagesTest, ASystemThatGivesThemUnaskedLeavesASmallHeapOrdinary) {
  Start(Use::kAlways);
  GrowTo(HugePagePolicy::kOrdinaryStart);
  for (const PageRun& run : live_) EXPECT_TRUE(memory_.IsAdvisedOrdinary(Start(run)));
}

TEST_F(HugePagesTest, OffHoldsWhereTheSystemGivesThemUnasked) {
  Start(Use::kAlways, HugePageMode::kOff);
  GrowTo(256_MiB);
  for (const PageRun& run : live_) EXPECT_TRUE(memory_.IsAdvisedOrdinary(Start(run)));
}

// So programs take the same memory whichever of the two is set.
TEST_F(HugePagesTest, TheSamePagesAreHugeWhetherOnAdviceOrUnasked) {
  Start(Use::kOnAdvice);
  GrowTo(256_MiB);
  const Bytes on_advice = AdvisedHuge();
  PageHeapOptions options;
  os::FakeMemory memory{os::FakeMemory::Backing::kKernel};
  HugePages huge;
  PageHeap heap;
  options.huge_page = kUnit;
  options.huge_pages = &huge;
  huge.Init(memory, {kUnit, Use::kAlways}, Now);
  ASSERT_TRUE(heap.Init(memory, options));
  while (heap.ReadStats().grown < (256_MiB).value) ASSERT_TRUE(heap.Allocate(Pages(64)));
  EXPECT_EQ(memory.advised_huge().Total(os::RangeState::kReady), on_advice);
}

// ---- giving back

TEST_F(HugePagesTest, WholeHugePagesGoBackAndStayAdvised) {
  Start(Use::kOnAdvice);
  GrowTo(128_MiB);
  const Bytes advised = AdvisedHuge();
  for (const PageRun& run : live_) heap_->Free(run.first, run.count);
  EXPECT_GT(heap_->ReleaseFree(Pages(1U << 20), true), Pages(0));
  EXPECT_EQ(AdvisedHuge(), advised);
}

TEST_F(HugePagesTest, AHoleTakesTheAdviceBackAroundIt) {
  Start(Use::kOnAdvice);
  GrowTo(512_MiB);
  const Bytes advised = AdvisedHuge();
  const PageRun victim = live_[live_.size() / 2];
  const PageRun far = live_.back();
  ASSERT_TRUE(heap_->IsAdvisedHuge(victim.first));
  heap_->Free(victim.first, victim.count);
  while (heap_->ReleaseFree(Pages(64), true) != Pages(0)) {}
  EXPECT_FALSE(heap_->IsAdvisedHuge(victim.first));
  EXPECT_FALSE(memory_.IsAdvisedHuge(Start(victim)));
  EXPECT_TRUE(memory_.IsAdvisedOrdinary(Start(victim)));
  EXPECT_LT(AdvisedHuge(), advised);
  EXPECT_GE(AdvisedHuge() + 64_MiB, advised);  // around the hole and the unused end of the heap
  EXPECT_EQ(memory_.IsAdvisedHuge(Start(far)), heap_->IsAdvisedHuge(far.first));
}

TEST_F(HugePagesTest, AllAdviceCanBeTakenBack) {
  Start(Use::kOnAdvice);
  GrowTo(512_MiB);
  ASSERT_GT(AdvisedHuge().value, 0U);
  heap_->ForgetHugeAdvice();
  EXPECT_EQ(AdvisedHuge(), Bytes(0));
  for (const PageRun& run : live_) ASSERT_FALSE(heap_->IsAdvisedHuge(run.first));
  heap_->ForgetHugeAdvice();  // finds nothing
}

// What PageHeap says is advised is what the OS was told, through growth, holes and refusals.
TEST_F(HugePagesTest, TheBitsFollowTheAdviceThroughARandomLife) {
  Start(Use::kOnAdvice);
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    if (i % 500 == 0) memory_.set_resident_percent(90 + random() % 11);
    if (i % 700 == 0) memory_.set_advice_is_refused(random() % 4 == 0);
    if (random() % 5 < 3) {
      const PageRun run = heap_->Allocate(Pages(1 + random() % 400));
      ASSERT_TRUE(run);
      live_.push_back(run);
    } else if (!live_.empty()) {
      std::swap(live_[random() % live_.size()], live_.back());
      heap_->Free(live_.back().first, live_.back().count);
      live_.pop_back();
    }
    if (random() % 50 == 0) heap_->ReleaseFree(Pages(random() % 3000), true);
    now_ns += 1'000'000'000;
  }
  ASSERT_GT(calls().advise_huge, 0U);
  for (const PageRun& run : live_) {
    if (!heap_->IsAdvisedHuge(run.first)) continue;
    ASSERT_TRUE(memory_.IsAdvisedHuge(Start(run)));
  }
  heap_->Verify();
}

}  // namespace
}  // namespace spanheap
