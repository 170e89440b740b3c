// SPDX-License-Identifier: MIT
//
// Stacks of fibers as a list that is scanned: how often one is looked at, and that none is missed
// or scanned twice, whatever is left, continued, made or taken away meanwhile. Nobody really runs
// on these stacks: each is one word, which says which stack it is.
#include "mutators/user_stacks.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "os/futex.h"

namespace spanheap {
namespace {

constexpr uint64_t kAnyBytes = UINT64_MAX;
constexpr uintptr_t kFirstWord = 0x5ec9'0000'0000;

UserStacks& Stacks() { return TestRegistry().stacks(); }

// What the collector and the barrier have seen, by the number of the stack.
using Seen = std::vector<unsigned>;

void NoteWord(uintptr_t word, Seen& seen) {
  if (word - kFirstWord < seen.size()) ++seen[word - kFirstWord];
}
// The thread's frames are among these words: only a stack of one word is one of ours.
SPANHEAP_NO_SANITIZE void Note(const WordRanges& ranges, void* seen) {
  for (const os::WordSpan& range : ranges) {
    if (range.end - range.begin == 1) NoteWord(*range.begin, *static_cast<Seen*>(seen));
  }
}
void NoteRemembered(Seen& seen) {
  BarrierBuffer& buffer = this_mutator->barrier;
  for (uint32_t i = 0; i < buffer.count; ++i) NoteWord(AddressOf(buffer.entries[i]).value, seen);
  buffer.count = 0;
}

// Fibers that were left with one word on their stack, its last.
class Fibers {
 public:
  explicit Fibers(size_t count) : words_(count), records_(count) {
    for (size_t i = 0; i < count; ++i) Make(i);
  }
  ~Fibers() {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (records_[i] != nullptr) TakeAway(i);
    }
  }
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  size_t count() const { return words_.size(); }
  bool is_there(size_t i) const { return records_[i] != nullptr; }
  StackRecord& operator[](size_t i) { return *records_[i]; }

  void Make(size_t i) {
    words_[i] = kFirstWord + i;
    const Address low = AddressOf(&words_[i]);
    records_[i] = Stacks().Register({low, low + Bytes(sizeof(uintptr_t))});
    ASSERT_NE(records_[i], nullptr);
    records_[i]->stack_pointer = low.value;
  }
  void TakeAway(size_t i) {
    Stacks().Unregister(*this_mutator, *records_[i]);
    records_[i] = nullptr;
  }
  // The calling thread runs there, or on its own, as far as anybody else can tell.
  void Enter(size_t i) { Enter(*records_[i]); }
  static void Return() { Enter(this_mutator->own_stack); }
  // Goes off the stack, which keeps its word only.
  void Leave(size_t i, StackRecord& to) {
    Enter(to);
    records_[i]->frames.count = 0;
    records_[i]->stack_pointer = AddressOf(&words_[i]).value;
  }

 private:
  // Not inlined: what lies between its frame and the registers is copied, and that is to be little.
  [[gnu::noinline]] static void Enter(StackRecord& to) {
    Stacks().Switch(*this_mutator, to, __builtin_frame_address(0));
  }

  std::vector<uintptr_t> words_;
  std::vector<StackRecord*> records_;
};

class UserStacksTest : public testing::Test {
 protected:
  void BeginEpoch() {
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().BeginEpoch(++epoch_);
    SetBarrier(true);
  }
  bool BeginWithScan(uint64_t most, Seen& seen) {
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().BeginEpoch(++epoch_);
    SetBarrier(true);
    uint64_t bytes = 0;
    return TestRegistry().ScanStopped(epoch_, most, Note, &seen, bytes);
  }
  void EndEpoch() {
    const StopTheWorld stopped(TestRegistry());
    SetBarrier(false);
    TestRegistry().EndEpoch();
  }
  static bool ScanNext(Seen& seen) {
    uint64_t bytes = 0;
    return Stacks().ScanNext(Note, &seen, bytes);
  }
  // The calling thread among them, without being asked.
  void ScanThread() { this_mutator->scanned_epoch = this_mutator->taken_epoch = epoch_; }

  Attached attached_;
  uint64_t epoch_ = 0;
};

TEST_F(UserStacksTest, EachIsLookedAtOnceInAnEpoch) {
  constexpr size_t kCount = 20'000;
  Fibers fibers(kCount);
  for (int round = 0; round < 3; ++round) {
    Seen seen(kCount);
    BeginEpoch();
    const uint64_t before = Stacks().looks();
    while (ScanNext(seen)) {}
    EXPECT_EQ(seen, Seen(kCount, 1));
    EXPECT_EQ(Stacks().looks() - before, kCount + 1);
    EndEpoch();
  }
}

// Stacks that nobody has run on have no words; they cost a look all the same.
TEST_F(UserStacksTest, AStopLooksAtFewWhereThereAreMany) {
  constexpr size_t kCount = 20'000;
  constexpr uint64_t kStacks = 100;
  Fibers fibers(kCount);
  for (size_t i = 0; i < kCount; ++i) fibers[i].stack_pointer = 0;
  Seen seen(kCount);
  const uint64_t before = Stacks().looks();
  EXPECT_FALSE(BeginWithScan(kStacks * UserStacks::kBytesPerStack, seen));
  EXPECT_LE(Stacks().looks() - before, kStacks + 1);
  while (ScanNext(seen)) {}
  EXPECT_LE(Stacks().looks() - before, kCount + kStacks + 2);
  EndEpoch();
}

TEST_F(UserStacksTest, AStopThatMayLooksAtAllOfThem) {
  constexpr size_t kCount = 50;
  Fibers fibers(kCount);
  Seen seen(kCount);
  EXPECT_TRUE(BeginWithScan(kAnyBytes, seen));
  EXPECT_FALSE(ScanNext(seen));
  EXPECT_EQ(seen, Seen(kCount, 1));
  EndEpoch();
}

// What a thread leaves before it was scanned itself is scanned again, even if it was already.
TEST_F(UserStacksTest, WhatIsLeftIsAsWellScannedAsTheThread) {
  Fibers fibers(3);
  Seen seen(3);
  BeginEpoch();
  while (ScanNext(seen)) {}
  fibers.Enter(0);
  fibers.Leave(0, fibers[1]);
  EXPECT_TRUE(ScanNext(seen));  // the thread's own, or the first
  EXPECT_TRUE(ScanNext(seen));
  EXPECT_FALSE(ScanNext(seen));
  EXPECT_EQ(seen, Seen({2, 1, 1}));
  ScanThread();
  fibers.Leave(1, fibers[2]);
  fibers.Leave(2, attached_.record().own_stack);
  EXPECT_FALSE(ScanNext(seen));
  NoteRemembered(seen);
  EXPECT_EQ(seen, Seen({2, 1, 1}));
  EndEpoch();
}

// At any point of a scan, any movement. The thread was scanned at once, so that each word is to be
// seen exactly once: by the scan, or by who comes to the stack or takes it away.
TEST_F(UserStacksTest, MovementsDuringAScanLoseNothingAndRepeatNothing) {
  constexpr size_t kCount = 40;
  Fibers fibers(kCount);
  std::minstd_rand random(2024);
  for (int round = 0; round < 2000; ++round) {
    Seen seen(kCount);
    std::vector<bool> was_there(kCount);
    for (size_t i = 0; i < kCount; ++i) was_there[i] = fibers.is_there(i);
    BeginEpoch();
    ScanThread();
    for (size_t left = random() % 120; left != 0; --left) {
      const size_t i = random() % kCount;
      const size_t j = random() % kCount;
      switch (random() % 4) {
        case 0:
          ScanNext(seen);
          break;
        case 1:
          if (fibers.is_there(i)) fibers.TakeAway(i);
          break;
        case 2:
          if (!fibers.is_there(i)) fibers.Make(i);
          break;
        case 3:
          if (!fibers.is_there(i) || !fibers.is_there(j) || i == j) break;
          fibers.Enter(i);
          if (random() % 2 == 0) ScanNext(seen);
          fibers.Leave(i, fibers[j]);
          if (random() % 2 == 0) ScanNext(seen);
          fibers.Leave(j, attached_.record().own_stack);
          break;
      }
      NoteRemembered(seen);
    }
    while (ScanNext(seen)) {}
    for (size_t i = 0; i < kCount; ++i) ASSERT_EQ(seen[i], was_there[i] ? 1U : 0U) << round;
    EndEpoch();
    // Between epochs, too: the order is any then.
    for (int k = 0; k < 8; ++k) {
      const size_t i = random() % kCount;
      if (!fibers.is_there(i)) {
        fibers.Make(i);
      } else if (random() % 2 == 0) {
        fibers.TakeAway(i);
      } else {
        fibers.Enter(i);
        fibers.Leave(i, attached_.record().own_stack);
      }
    }
  }
}

// A mark that a fork's child takes up begins a new epoch before the last has ended.
TEST_F(UserStacksTest, AnEpochMayBeginInTheMidstOfAnother) {
  constexpr size_t kCount = 10;
  Fibers fibers(kCount);
  Seen ignored(kCount);
  BeginEpoch();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ScanNext(ignored));
  Seen seen(kCount);
  BeginEpoch();
  while (ScanNext(seen)) {}
  EXPECT_EQ(seen, Seen(kCount, 1));
  EndEpoch();
}

// Two threads go from stack to stack while a third scans epoch after epoch: whoever finds what.
TEST_F(UserStacksTest, ThreadsMoveWhileOthersScan) {
  constexpr size_t kCount = 64;
  Fibers fibers(kCount);
  Atomic<bool> is_over;
  std::vector<std::thread> movers;
  for (size_t mover = 0; mover < 2; ++mover) {
    movers.emplace_back([&, mover] {
      const Attached mine;
      std::minstd_rand random(static_cast<unsigned>(mover + 1));
      while (!is_over.LoadAcquire()) {
        const size_t i = 2 * (random() % 16) + mover;  // of the first 32, half are each mover's
        if (random() % 4 == 0) {
          fibers.TakeAway(i);
          fibers.Make(i);
        }
        fibers.Enter(i);
        Fibers::Return();
        this_mutator->barrier.count = 0;
      }
    });
  }
  {
    const BlockingRegion region;
    for (int round = 0; round < 200; ++round) {
      Seen seen(kCount);
      BeginEpoch();
      uint64_t bytes = 0;
      while (TestRegistry().ScanNextStack(epoch_, Note, &seen, bytes)) {}
      EndEpoch();
      for (size_t i = 32; i < kCount; ++i) ASSERT_EQ(seen[i], 1U) << round;
    }
    is_over.StoreRelease(true);
    for (std::thread& mover : movers) mover.join();
  }
}

// In the child a stack on which a thread ran that is gone has nothing, and may be run on.
TEST_F(UserStacksTest, AForkedChildFindsAllStacksButThoseOfLostThreads) {
  Fibers fibers(4);
  Atomic<bool> is_there;
  Atomic<bool> may_go;
  std::thread lost([&] {
    const Attached mine;
    fibers.Enter(1);
    is_there.StoreRelease(true);
    while (!may_go.LoadAcquire()) os::SpinHint();
    fibers.Leave(1, this_mutator->own_stack);
  });
  while (!is_there.LoadAcquire()) os::SpinHint();
  Seen seen(4);
  BeginEpoch();
  ScanThread();
  ScanNext(seen);
  TestRegistry().BeforeFork();
  const pid_t child = fork();
  if (child == 0) {
    TestRegistry().AfterForkInChild();
    if (this_mutator->own_stack.is_listed) _exit(1);
    Seen rest(4);
    BeginEpoch();
    while (ScanNext(rest)) {}
    if (rest != Seen({1, 0, 1, 1})) _exit(2);
    fibers.Enter(1);
    Fibers::Return();
    fibers.TakeAway(1);
    EndEpoch();
    _exit(0);
  }
  TestRegistry().AfterForkInParent();
  may_go.StoreRelease(true);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  {
    const BlockingRegion region;
    lost.join();
  }
  EndEpoch();
}

// Nor is the stack listed that it had of its own; its record may be another thread's next.
TEST_F(UserStacksTest, AThreadThatEndedOnAFibersStackIsForgotten) {
  static Mutator* const record = new Mutator;
  Fibers fibers(3);
  std::thread([&] {
    ASSERT_TRUE(TestRegistry().Attach(*record));
    fibers.Enter(1);
    this_mutator = nullptr;
  }).join();
  { const StopTheWorld noticed(TestRegistry()); }
  std::thread([] { const Attached another; }).join();  // takes it out
  Seen seen(3);
  BeginEpoch();
  while (ScanNext(seen)) {}
  EXPECT_EQ(seen, Seen({1, 0, 1}));
  EndEpoch();
}

}  // namespace
}  // namespace spanheap
