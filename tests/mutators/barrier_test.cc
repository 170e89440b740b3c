// SPDX-License-Identifier: MIT
//
// What stores remember while the collector marks: both words as long as some stack may hold what
// nobody has seen, what they overwrite from the moment that all stacks were seen at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "mutators/barrier.h"
#include "mutators/blocking_region.h"
#include "mutators/runner.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr uint64_t kAnyBytes = UINT64_MAX;

using Words = std::vector<uintptr_t>;

uintptr_t WordOf(const void* value) { return AddressOf(value).value; }

SPANHEAP_NO_SANITIZE void Collect(const WordRanges& ranges, void* words) {
  for (const os::WordSpan& range : ranges) {
    for (const uintptr_t* at = range.begin; at != range.end; ++at) {
      const uintptr_t word = *at;  // read here: these are others' frames
      static_cast<Words*>(words)->push_back(word);
    }
  }
}

// The barrier is on, after a stop in which stacks of so many bytes were looked at.
class Phase {
 public:
  explicit Phase(uint64_t most_bytes) {
    static uint64_t epochs = 1000;
    epoch_ = ++epochs;
    words_.reserve(1 << 16);
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().RestartInterruptedStores();
    TestRegistry().BeginEpoch(epoch_);
    SetBarrier(true);
    uint64_t bytes = 0;
    has_seen_all_ = TestRegistry().ScanStopped(epoch_, most_bytes, Collect, &words_, bytes);
    EXPECT_EQ(bytes, words_.size() * sizeof(uintptr_t));
  }
  ~Phase() {
    const StopTheWorld stopped(TestRegistry());
    SetBarrier(false);
    TestRegistry().EndEpoch();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

  bool has_seen_all() const { return has_seen_all_; }
  bool HasSeen(uintptr_t word) const {
    return std::find(words_.begin(), words_.end(), word) != words_.end();
  }
  // How many bytes are found beside those: in stacks, then in ranges.
  uint64_t ScanRest() const {
    Words rest;
    uint64_t bytes = 0;
    while (TestRegistry().ScanNextStack(epoch_, Collect, &rest, bytes)) {}
    while (TestRegistry().ranges().ScanNext(Collect, &rest, bytes)) {}
    return bytes;
  }

 private:
  uint64_t epoch_;
  bool has_seen_all_;
  Words words_;
};

// What the calling thread has remembered since it was last asked.
Words Remembered() {
  BarrierBuffer& buffer = this_mutator->barrier;
  Words words;
  for (uint32_t i = 0; i < buffer.count; ++i) words.push_back(WordOf(buffer.entries[i]));
  buffer.count = 0;
  return words;
}

int targets[4];
void* const kA = &targets[0];
void* const kB = &targets[1];

class BarrierTest : public testing::Test {
 protected:
  void SetUp() override { Remembered(); }
  Attached attached_;
};

TEST_F(BarrierTest, AsLongAsNotAllStacksAreSeenBothWordsAreRemembered) {
  const Phase phase(0);
  EXPECT_FALSE(phase.has_seen_all());
  void* slot = nullptr;
  detail::StorePointer(&slot, kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  detail::StorePointer(&slot, kB);
  EXPECT_EQ(Remembered(), Words({WordOf(kA), WordOf(kB)}));
  detail::StorePointerRelease(&slot, kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kB), WordOf(kA)}));
  EXPECT_EQ(sh_gc_exchange(&slot, kB), kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kA), WordOf(kB)}));
  void* expected = kB;
  EXPECT_EQ(sh_gc_compare_exchange(&slot, &expected, kA), 1);
  EXPECT_EQ(Remembered(), Words({WordOf(kB), WordOf(kA)}));
  EXPECT_EQ(slot, kA);
}

TEST_F(BarrierTest, OnceAllAreSeenOnlyWhatIsOverwrittenIs) {
  const Phase phase(kAnyBytes);
  EXPECT_TRUE(phase.has_seen_all());
  void* slot = nullptr;
  detail::StorePointer(&slot, kA);
  EXPECT_EQ(Remembered(), Words());
  EXPECT_EQ(slot, kA);
  detail::StorePointer(&slot, kB);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  detail::StorePointerRelease(&slot, kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kB)}));
  EXPECT_EQ(sh_gc_exchange(&slot, kB), kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  void* expected = kB;
  EXPECT_EQ(sh_gc_compare_exchange(&slot, &expected, kA), 1);
  EXPECT_EQ(Remembered(), Words({WordOf(kB)}));
  detail::StorePointer(&slot, nullptr);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  detail::StorePointerRelease(&slot, kB);
  EXPECT_EQ(Remembered(), Words());
  EXPECT_EQ(slot, kB);
}

#ifndef SH_PORTABLE_BARRIER
TEST_F(BarrierTest, NullOverNullIsNoStore) {
  static int calls = 0;
  SetAdoptHook([]() -> Mutator* {
    ++calls;
    return nullptr;
  });
  {
    const Phase phase(0);
    std::thread([] {
      void* slot = nullptr;
      detail::StorePointer(&slot, nullptr);
      EXPECT_EQ(calls, 0);
      slot = kA;
      detail::StorePointer(&slot, nullptr);
      EXPECT_EQ(slot, nullptr);
      EXPECT_EQ(calls, 1);
    }).join();
  }
  SetAdoptHook(nullptr);
}
#endif

// A note that comes late, in the middle of a mark, would keep its page from being scanned.
TEST_F(BarrierTest, AThreadIsAttachedBeforeItNotesAPage) {
  static int calls = 0;
  SetAdoptHook([]() -> Mutator* {
    ++calls;
    return nullptr;
  });
  SetNoting(PageNotes{});
  std::thread([] {
    void* slot = nullptr;
    sh_gc_store_release(&slot, kA);
    EXPECT_EQ(slot, kA);
    EXPECT_EQ(calls, 1);
  }).join();
  SetBarrier(false);
  SetAdoptHook(nullptr);
}

TEST_F(BarrierTest, StoresOfManyRememberWhatEachOverwrites) {
  const Phase phase(kAnyBytes);
  void* slots[3] = {kA, nullptr, kB};
  sh_gc_store_many(slots, slots + 1, 2);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  sh_gc_store_many(slots, nullptr, 3);
  EXPECT_EQ(Remembered(), Words({WordOf(kB), WordOf(kB)}));
}

TEST_F(BarrierTest, AThreadThatComesMakesAllRememberBothAgain) {
  const Phase phase(kAnyBytes);
  std::thread late([] {
    const Attached attached;
    void* slot = nullptr;
    detail::StorePointer(&slot, kA);
    EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
  });
  {
    const BlockingRegion region;
    late.join();
  }
  void* slot = nullptr;
  detail::StorePointer(&slot, kB);
  EXPECT_EQ(Remembered(), Words({WordOf(kB)}));
}

TEST_F(BarrierTest, ThatAllAreSeenIsForgottenWithThePhase) {
  { const Phase phase(kAnyBytes); }
  const Phase phase(0);
  void* slot = nullptr;
  detail::StorePointer(&slot, kA);
  EXPECT_EQ(Remembered(), Words({WordOf(kA)}));
}

// Beside a thread that runs and one that is parked.
TEST_F(BarrierTest, WhoIsSeenInTheStopIsNotScannedAgain) {
  constexpr uintptr_t kSpins = 0x5ec9e7'a118'0000;
  constexpr uintptr_t kParked = 0x5ec9e7'a119'0000;
  const Runner spinner([] {
    volatile uintptr_t word = kSpins;
    for (int i = 0; i < 1000; ++i) static_cast<void>(word);
  });
  Atomic<bool> is_parked;
  const Runner sleeper([&] {
    const volatile uintptr_t word = kParked;
    const BlockingRegion region;
    is_parked.StoreRelease(true);
    os::SleepFor_ns(1'000'000);
    static_cast<void>(word);
  });
  while (!is_parked.LoadAcquire()) os::YieldThread();
  const Phase phase(kAnyBytes);
  EXPECT_TRUE(phase.HasSeen(kSpins));
  EXPECT_TRUE(phase.HasSeen(kParked));
  const BlockingRegion region;
  EXPECT_EQ(phase.ScanRest(), 0U);
}

TEST_F(BarrierTest, WhoeverIsNotSeenInTheStopIsScannedLater) {
  const Phase phase(64);
  EXPECT_FALSE(phase.has_seen_all());
  const BlockingRegion region;
  EXPECT_GT(phase.ScanRest(), 64U);
}

// The fiber has left its pointers where another thread may read them.
TEST_F(BarrierTest, AStackThatNobodyHasScannedIsRememberedWhenItIsTakenAway) {
  void* memory[3] = {kA, nullptr, kB};
  UserStacks& stacks = TestRegistry().stacks();
  const auto left = [&] {
    StackRecord* const stack =
        stacks.Register({AddressOf(static_cast<void*>(memory)), AddressOf(memory + 3)});
    stack->stack_pointer = WordOf(memory);
    return stack;
  };
  StackRecord* const unseen = left();
  {
    const Phase phase(0);
    stacks.Unregister(*this_mutator, *unseen);
    EXPECT_EQ(Remembered(), Words({WordOf(kA), WordOf(kB)}));
  }
  StackRecord* const seen = left();
  {
    const Phase phase(kAnyBytes);
    stacks.Unregister(*this_mutator, *seen);
    EXPECT_EQ(Remembered(), Words());
  }
}

TEST_F(BarrierTest, TheRestOfARangeIsRememberedWhenItIsTakenAway) {
  void* range[3] = {kA, nullptr, kB};
  RootRanges& ranges = TestRegistry().ranges();
  const uintptr_t low = WordOf(range);
  ASSERT_TRUE(ranges.Add(low, low + sizeof range));
  {
    const Phase phase(kAnyBytes);
    EXPECT_TRUE(ranges.Remove(low, low + sizeof range, this_mutator));
    EXPECT_EQ(Remembered(), Words({WordOf(kA), WordOf(kB)}));
    ASSERT_TRUE(ranges.Add(low, low + sizeof range));
    {
      const BlockingRegion region;
      EXPECT_EQ(phase.ScanRest(), sizeof range);
    }
    EXPECT_TRUE(ranges.Remove(low, low + sizeof range, this_mutator));
    EXPECT_EQ(Remembered(), Words());
  }
}

}  // namespace
}  // namespace spanheap
