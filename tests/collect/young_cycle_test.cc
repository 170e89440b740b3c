// SPDX-License-Identifier: MIT
//
// Marks that take for alive what the last one found alive: what they scan, what they keep, and that
// they lose nothing as long as stores note their pages.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <utility>
#include <vector>

#include "model_world.h"

namespace spanheap::collected {
namespace {

constexpr uint64_t kFirstFourWords = 0xf;
constexpr size_t kWords = 64;  // 512 bytes, the largest objects that have a bit for each word

// An old list of more than the least heap that has young marks: 8192 objects.
class YoungCycleTest : public testing::Test {
 protected:
  static constexpr uint64_t kOld = 8192;

  YoungCycleTest() {
    world_.heap.AllowYoung(true);
    for (uint64_t i = 0; i < kOld; ++i) {
      void** const at = New();
      at[0] = world_.roots.empty() ? nullptr : world_.roots[0];
      world_.roots.assign(1, at);
    }
    Cycle();
    EXPECT_FALSE(last().young);
  }

  void** New() { return static_cast<void**>(world_.New(node_)); }
  void** head() { return static_cast<void**>(world_.roots[0]); }
  CycleFigures last() const { return world_.heap.last_cycle(); }
  // A cycle as the pacer asks for one; returns what it lost.
  uint64_t Cycle(bool forced = false) {
    world_.heap.RequestVerify();
    world_.heap.RunCycle(forced);
    while (world_.heap.SweepSome()) {}
    world_.heap.SweepHeld();
    world_.heap.store.Verify();
    return world_.heap.missed();
  }
  uint64_t Allocated() {
    world_.ReleaseCaches();
    return world_.AllocatedSlots();
  }

  ModelWorld world_;
  sh_layout node_ = PreciseLayout(kWords, &kFirstFourWords);
};

TEST_F(YoungCycleTest, OnlyWhatIsNewIsScanned) {
  void** const fresh = New();
  world_.roots.push_back(fresh);
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  EXPECT_LT(last().heap_scanned, kOld * kWords);  // an eighth of all
  EXPECT_GE(last().marked, (kOld + 1) * kWords * 8);
}

TEST_F(YoungCycleTest, WhatDiesYoungGoesAndWhatWasOldGoesWithAFullMark) {
  world_.ReleaseCaches();
  for (int i = 0; i < 1000; ++i) New();
  head()[0] = nullptr;  // all but one of the old ones die
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  EXPECT_GE(Allocated(), kOld);
  EXPECT_LT(Allocated(), kOld + 1000);
  EXPECT_EQ(Cycle(true), 0U);
  EXPECT_FALSE(last().young);
  EXPECT_EQ(Allocated(), 1U);
}

TEST_F(YoungCycleTest, WhatOldObjectsGotSinceIsFoundByTheNoteOfTheirPage) {
  void** const fresh = New();
  world_.Store(&head()[1], fresh);
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  // And without the note it is lost: the mark relies on it. (A slot claimed before would be old.)
  world_.ReleaseCaches();
  void** const unseen = New();
  head()[2] = unseen;
  EXPECT_EQ(Cycle(), 1U);
  EXPECT_TRUE(last().young);
}

// Slots that a thread had claimed while marking went on are black, and handed out later.
TEST_F(YoungCycleTest, SlotsThatWereClaimedBeforeMayHoldNewObjects) {
  sh_layout other = PreciseLayout(kWords / 2, &kFirstFourWords);
  std::vector<void**> made;
  for (int i = 0; i < 8; ++i) {
    made.push_back(New());
    world_.roots.push_back(made.back());
  }
  for (void** each : made) world_.Store(&each[0], world_.New(other));
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
}

TEST_F(YoungCycleTest, WhatIsFreedByHandIsNotOldInItsNextLife) {
  void** const second = static_cast<void**>(head()[0]);
  void** const third = static_cast<void**>(second[0]);
  world_.Store(&head()[0], third);
  const uint64_t before = Allocated();
  const ObjectFinder finder(world_.heap.store);
  world_.heap.NoteFreed(world_.heap.store.Free(finder.Find(reinterpret_cast<uintptr_t>(second))));
  EXPECT_EQ(Allocated(), before - 1);
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  EXPECT_EQ(last().live(), (kOld - 1) * kWords * 8);
}

TEST_F(YoungCycleTest, ArraysAreScannedOnceMoreWhereTheyWereStoredInto) {
  constexpr size_t kLength = 1 << 17;  // 1 MiB: eight slices
  sh_layout pointer = PreciseLayout(1, &kFirstWord);
  void** const array = static_cast<void**>(world_.New(pointer, kLength));
  world_.roots.push_back(array);
  EXPECT_EQ(Cycle(), 0U);
  for (const size_t at : {size_t{0}, kLength / 2, kLength - 1}) {
    world_.Store(&array[at], New());
    EXPECT_EQ(Cycle(), 0U);
    EXPECT_TRUE(last().young);
    if (at != 0) {
      EXPECT_LT(last().heap_scanned, kLength * 8 / 2);
    }
  }
}

TEST_F(YoungCycleTest, SmallObjectsWithATypeNumberAreToo) {
  sh_layout row = PreciseLayout(kWords * 2, &kFirstFourWords);
  const uint64_t bits[] = {kFirstFourWords, 0};
  row.pointer_bits = bits;
  std::vector<void**> rows;
  for (int i = 0; i < 20; ++i) {
    rows.push_back(static_cast<void**>(world_.New(row)));
    world_.roots.push_back(rows.back());
  }
  EXPECT_EQ(Cycle(), 0U);
  for (void** each : rows) world_.Store(&each[3], New());
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
}

TEST_F(YoungCycleTest, MarksThatAreDroppedAreMadeAnew) {
  world_.Store(&head()[1], New());
  EXPECT_NE(world_.notes.notes, nullptr);
  EXPECT_NE(world_.heap.MarksLast_ns(), 0U);
  world_.heap.DropMarks();
  EXPECT_EQ(world_.notes.notes, nullptr);  // stores note no pages any more
  EXPECT_EQ(world_.heap.MarksLast_ns(), 0U);
  world_.Store(&head()[2], New());
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_FALSE(last().young);
  EXPECT_GE(Allocated(), kOld + 2);
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
}

// After the first cycle nobody knows how long it takes until the next: not since the machine began.
TEST_F(YoungCycleTest, MarksOfTheFirstCycleLastASecond) {
  EXPECT_EQ(world_.heap.MarksLast_ns(), 1'000'000'000U);
}

TEST_F(YoungCycleTest, WordsThatChangeUnseenEndIt) {
  sh_layout searched = PlainLayout(512);
  searched.kind = SH_SCAN_CONSERVATIVE;
  world_.heap.layouts.Note(searched);
  Cycle();
  EXPECT_FALSE(last().young);
  Cycle();
  EXPECT_FALSE(last().young);
}

// What trace() names need not lie in the object: no page is noted.
TEST_F(YoungCycleTest, SoDoTypesThatNameTheirPointersThemselves) {
  static void* elsewhere;
  elsewhere = nullptr;
  sh_layout traced = PlainLayout(512);
  traced.kind = SH_SCAN_TRACED;
  traced.trace = [](const void*, sh_visitor* visitor) { sh_gc_visit(visitor, elsewhere); };
  world_.roots.push_back(world_.New(traced));
  EXPECT_EQ(Cycle(), 0U);
  world_.ReleaseCaches();
  elsewhere = New();
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_FALSE(last().young);
}

// A marker comes to a page that was stored into before the job that looks for such pages does: it
// leaves the page to the job, with what it has marked there.
TEST_F(YoungCycleTest, APageThatWasStoredIntoIsLeftToItsJob) {
  constexpr uintptr_t kPage = 8192;
  void** old = New();
  while (reinterpret_cast<uintptr_t>(old) % kPage != 0) old = New();
  world_.roots.push_back(old);
  world_.ReleaseCaches();
  EXPECT_EQ(Cycle(), 0U);
  const auto page_of = [](void** at) { return reinterpret_cast<uintptr_t>(at) / kPage; };
  void** fresh = New();
  for (int i = 0; i < 100 && page_of(fresh) != page_of(old); ++i) fresh = New();
  ASSERT_EQ(page_of(fresh), page_of(old));
  fresh[0] = New();
  world_.Store(&old[1], fresh);
  world_.roots.push_back(fresh);
  uint64_t scanned = ~uint64_t{0};
  world_.on_root = [&](uint32_t job) {
    if (job != 0) return;
    Marker& marker = world_.thread(0).marker;
    marker.Shade(reinterpret_cast<uintptr_t>(fresh));
    scanned = world_.heap.work.Help(marker, 1 << 20, nullptr, nullptr);
  };
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  EXPECT_EQ(scanned, 0U);
}

// A page comes to be queued twice, and the second time when one object was marked on it since: it
// is not the one that the first entry is about. Nothing of an object that is not marked may be
// noted: what comes to lie in its slot would not be scanned.
TEST_F(YoungCycleTest, APageThatIsQueuedTwiceIsScannedForWhatIsMarkedOnIt) {
  constexpr uintptr_t kPage = 8192;
  world_.ReleaseCaches();
  void** dead = New();
  while (reinterpret_cast<uintptr_t>(dead) % kPage != 0) dead = New();
  void** const first = New();
  void** const second = New();
  ASSERT_EQ(reinterpret_cast<uintptr_t>(second) / kPage, reinterpret_cast<uintptr_t>(dead) / kPage);
  void** old = head();  // the first one that was made, on a page before that
  while (old[0] != nullptr) old = static_cast<void**>(old[0]);
  ASSERT_LT(reinterpret_cast<uintptr_t>(old), reinterpret_cast<uintptr_t>(dead));
  // The roots queue the page for `first`, the job of notes once more, and `old` then for `second`.
  world_.roots.push_back(first);
  for (uint32_t i = 0; i < 2 * MarkWindow::kMost; ++i) world_.roots.push_back(head());
  world_.Store(&old[1], second);
  for (int i = 2; i < 4; ++i) world_.Store(&old[i], head());
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
  // The same place again, found by way of `old` after the notes were looked at.
  world_.ReleaseCaches();
  void** const fresh = New();
  ASSERT_EQ(fresh, dead);
  world_.Store(&fresh[0], New());
  world_.Store(&old[1], fresh);
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_TRUE(last().young);
}

TEST_F(YoungCycleTest, NobodyWhoDoesNotAskForItHasIt) {
  ModelWorld world;
  for (uint64_t i = 0; i < kOld; ++i) {
    auto** const at = static_cast<void**>(world.New(node_));
    at[0] = world.roots.empty() ? nullptr : world.roots[0];
    world.roots.assign(1, at);
  }
  for (int i = 0; i < 3; ++i) {
    world.heap.RunCycle(false);
    EXPECT_FALSE(world.heap.last_cycle().young);
    EXPECT_FALSE(world.heap.store.keeps_marks());
  }
}

// A child that is forked while its parent marks finishes that mark, as what it is; what is asked
// for by hand is another one.
int (*in_child)(Collector& heap);
Collector* forking;
int child_status;

void ForkAndResume(uint32_t job) {
  if (job != 0 || in_child == nullptr) return;
  const pid_t child = fork();
  if (child == 0) {
    const auto check = std::exchange(in_child, nullptr);
    forking->ResetInChild();
    _exit(check(*forking));
  }
  in_child = nullptr;
  waitpid(child, &child_status, 0);
}

// The next cycle's child goes on in `check`, and ends with what that returns.
void ForkInNextCycle(ModelWorld& world, int (*check)(Collector&)) {
  world.on_root = ForkAndResume;
  forking = &world.heap;
  child_status = -1;
  in_child = check;
}

TEST_F(YoungCycleTest, AForkedChildFinishesAYoungMarkAsOne) {
  ForkInNextCycle(world_, [](Collector& heap) {
    heap.RunCycle(false);
    const CycleFigures& resumed = heap.last_cycle();
    return resumed.young && resumed.number == 2 ? 0 : 1;
  });
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_EQ(child_status, 0);
}

TEST_F(YoungCycleTest, WhatAForkedChildAsksForBeginsAfterItsParentsMark) {
  ForkInNextCycle(world_, [](Collector& heap) {
    heap.RunCycle(true);
    const CycleFigures& last = heap.last_cycle();
    return last.forced && !last.young && last.number == 3 ? 0 : 1;
  });
  EXPECT_EQ(Cycle(), 0U);
  EXPECT_EQ(child_status, 0);
}

// Lists of an eighth of the heap each, of which one after the other is made anew.
class ChosenCyclesTest : public testing::Test {
 protected:
  static constexpr uint64_t kLists = 8;
  static constexpr uint64_t kLength = 1024;  // 4 MiB in all
  static constexpr int kCycles = 8;

  ChosenCyclesTest() { world_.heap.AllowYoung(false); }
  void* NewList() {
    void** last = nullptr;
    for (uint64_t i = 0; i < kLength; ++i) {
      auto** const at = static_cast<void**>(world_.New(node_));
      at[0] = last;
      last = at;
    }
    return last;
  }
  // How many of the cycles are young, if `change` comes before each.
  template <class Change>
  int CountYoung(Change&& change) {
    for (uint64_t i = 0; i < kLists; ++i) world_.roots.push_back(NewList());
    int young = 0;
    for (int i = 0; i < kCycles; ++i) {
      change(i);
      world_.heap.RunCycle(false);
      young += world_.heap.last_cycle().young ? 1 : 0;
      world_.ReleaseCaches();
    }
    return young;
  }

  ModelWorld world_;
  sh_layout node_ = PreciseLayout(kWords, &kFirstFourWords);
};

TEST_F(ChosenCyclesTest, WhereWhatIsNewDiesTheyBecomeYoung) {
  EXPECT_GE(CountYoung([&](int) {
              for (int k = 0; k < 4; ++k) NewList();
            }),
            kCycles / 2);
}

TEST_F(ChosenCyclesTest, WhereWhatIsOldDiesTheyStayFull) {
  EXPECT_EQ(CountYoung([&](int i) {
              for (int k = 0; k < 4; ++k) world_.roots[(4 * i + k) % kLists] = NewList();
            }),
            0);
}

// Any change between any two cycles, young or full: nothing that can be reached is lost.
TEST_F(YoungCycleTest, AtRandomNothingIsLost) {
  std::mt19937 random(1);
  std::vector<void**> known;
  for (void** at = head(); at != nullptr; at = static_cast<void**>(at[0])) known.push_back(at);
  int young = 0;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 100; ++i) {
      void** const from = known[random() % known.size()];
      void** const to = random() % 2 == 0 ? New() : known[random() % known.size()];
      world_.Store(&from[1 + random() % 3], to);
    }
    EXPECT_EQ(Cycle(random() % 16 == 0), 0U);
    young += last().young ? 1 : 0;
    if (round % 8 == 0) world_.ReleaseCaches();
  }
  EXPECT_GT(young, 30);
}

}  // namespace
}  // namespace spanheap::collected
