// SPDX-License-Identifier: MIT
//
// The death of objects: weak handles, finalizers, destructors and cleanups, in their order.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "mutators/blocking_region.h"
#include "os/clock.h"
#include "os/futex.h"
#include "runtime/collected_heap.h"
#include "runtime/heap.h"
#include "spanheap/detail/barrier.h"

namespace spanheap {
namespace {

constexpr uint64_t kTwoWords = 3;
std::atomic<int> destroyed{0};
std::atomic<int> finalized{0};
std::atomic<int> cleaned{0};

sh_layout plain = {16, SH_SCAN_PRECISE, 0, &kTwoWords, nullptr, nullptr, "plain", 0, 0};
sh_layout with_destructor = {16,
                             SH_SCAN_PRECISE,
                             SH_FINALIZE_LATER,
                             &kTwoWords,
                             nullptr,
                             [](void*) { ++destroyed; },
                             "with destructor",
                             0,
                             0};
sh_layout destroyed_at_sweep = {16,
                                SH_SCAN_PRECISE,
                                SH_FINALIZE_AT_SWEEP,
                                &kTwoWords,
                                nullptr,
                                [](void*) { ++destroyed; },
                                "destroyed at sweep",
                                0,
                                0};

// On a thread that ends: no frame of the test ever held what is made there.
template <class Function>
void Elsewhere(Function&& function) {
  std::thread(function).join();
}

CollectedHeap& Heap() { return *CollectedHeap::Get(); }
void CollectAndDrain() {
  Heap().Collect();
  EXPECT_TRUE(Heap().DrainFinalizers(60'000'000'000));
}

// As soon as it holds after a cycle and all it queued. The finalizer thread may not be through with
// the object when it is waited for: a word on its stack puts a death off.
template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 50 && !condition(); ++i) CollectAndDrain();
  return condition();
}

constexpr int kMany = 64;

TEST(CollectedDeathTest, AWeakHandleIsOnePerAddressAndBecomesNullWhenTheObjectDies) {
  void** const slots[2] = {Heap().roots.Take(), Heap().roots.Take()};  // the handle is a root
  Elsewhere([&] {
    void* object = Heap().New(plain, 1);
    detail::StorePointer(slots[0], object);
    detail::StorePointer(slots[1], Heap().WeakHandle(object));
    EXPECT_EQ(Heap().WeakHandle(object), *slots[1]);
    EXPECT_NE(Heap().WeakHandle(static_cast<char*>(object) + 8), *slots[1]);
  });
  CollectAndDrain();
  Elsewhere([&] { EXPECT_EQ(Heap().WeakGet(*slots[1]), *slots[0]); });
  detail::StorePointer(slots[0], nullptr);
  CollectAndDrain();
  Elsewhere([&] { EXPECT_EQ(Heap().WeakGet(*slots[1]), nullptr); });
  detail::StorePointer(slots[1], nullptr);
}

constexpr uint64_t kOneWord = 1;
sh_layout flagged = {16,
                     SH_SCAN_PRECISE,
                     SH_FINALIZE_LATER,
                     &kOneWord,
                     nullptr,
                     [](void* object) { static_cast<uint64_t*>(object)[1] = 1; },
                     "flagged when destroyed",
                     0,
                     0};
sh_layout pointers = {8, SH_SCAN_PRECISE, 0, &kOneWord, nullptr, nullptr, "pointers", 0, 0};

void MakeFlagged(void** handles, size_t count) {
  detail::StorePointer(handles, Heap().New(pointers, count));
  for (size_t i = 0; i < count; ++i) {
    void* const object = Heap().New(flagged, 1);
    ASSERT_TRUE(Heap().SetDestructor(object, flagged, 1));
    detail::StorePointer(static_cast<void**>(*handles) + i, Heap().WeakHandle(object));
  }
}

// The handle made last ends first: then the lives of all these objects are just ending.
TEST(CollectedDeathTest, AHandleThatEndsWhileItIsAskedGivesNothingThatIsToBeDestroyed) {
  constexpr size_t kCount = 400;
  void** const root = Heap().roots.Take();
  for (int round = 0; round < 30; ++round) {
    Elsewhere([&] { MakeFlagged(root, kCount); });
    std::atomic<bool> is_over{false};
    std::thread asker([&] {
      Heap().Thread();
      auto** const handles = static_cast<void**>(*root);
      const auto* const last = static_cast<const Atomic<uintptr_t>*>(handles[kCount - 1]);
      while (last->LoadAcquire() != 0 && !is_over) {}
      auto* volatile const found = static_cast<uint64_t*>(Heap().WeakGet(handles[0]));
      while (!is_over) os::YieldThread();
      EXPECT_TRUE(found == nullptr || found[1] == 0);
      Heap().DetachThread();  // a stop must not meet it where ThreadSanitizer has let go of it
    });
    CollectAndDrain();
    is_over = true;
    asker.join();
  }
  detail::StorePointer(root, nullptr);
}

TEST(CollectedDeathTest, DestructorsRunOnceLaterOrAtSweep) {
  for (sh_layout* layout : {&with_destructor, &destroyed_at_sweep}) {
    destroyed = 0;
    Elsewhere([&] {
      for (int i = 0; i < kMany; ++i) {
        ASSERT_TRUE(Heap().SetDestructor(Heap().New(*layout, 2), *layout, 2));
      }
    });
    CollectAndDrain();
    CollectAndDrain();
    EXPECT_EQ(destroyed, 2 * kMany);
  }
}

// No cycle comes by itself, and no more facts fit than some blocks hold.
TEST(CollectedDeathTest, FactsOfTheDeadMakeRoomForThoseOfTheLiving) {
  Heap().Collect();
  constexpr uint32_t kMost = 20'000;
  constexpr int kObjects = 5 * kMost;
  Heap().SetPercent(-1);
  Heap().collector.specials.SetMostForTest(kMost);
  destroyed = 0;
  int weak = 0;
  Elsewhere([&] {
    for (int i = 0; i < kObjects; ++i) {
      void* const object = Heap().New(with_destructor, 1);
      ASSERT_TRUE(Heap().SetDestructor(object, with_destructor, 1)) << i;
      weak += i % 4 == 0 && Heap().WeakHandle(object) != nullptr ? 1 : 0;
    }
  });
  EXPECT_EQ(weak, kObjects / 4);
  CollectAndDrain();
  CollectAndDrain();
  EXPECT_EQ(destroyed, kObjects);
  Heap().collector.specials.SetMostForTest(collected::Specials::most());
  Heap().SetPercent(100);
}

std::atomic<uint64_t> sum_of_destroyed{0};
sh_layout small_with_destructor = {
    8,
    SH_SCAN_NONE,
    SH_FINALIZE_LATER,
    nullptr,
    nullptr,
    [](void* object) { sum_of_destroyed += *static_cast<uint64_t*>(object); },
    "small",
    0,
    0};

TEST(CollectedDeathTest, SmallObjectsWithDestructorsShareNoSlot) {
  sum_of_destroyed = 0;
  Elsewhere([&] {
    for (uint64_t i = 1; i <= kMany; ++i) {
      auto* const object = static_cast<uint64_t*>(Heap().New(small_with_destructor, 1));
      *object = i;
      ASSERT_TRUE(Heap().SetDestructor(object, small_with_destructor, 1));
    }
  });
  CollectAndDrain();
  EXPECT_EQ(sum_of_destroyed, kMany * (kMany + 1) / 2);
}

// A chain that ends where it began, each link of which has a destructor.
void MakeCircle(int length, void** weak) {
  void** first = nullptr;
  void** last = nullptr;
  for (int i = 0; i < length; ++i) {
    auto** link = static_cast<void**>(Heap().New(with_destructor, 1));
    ASSERT_TRUE(Heap().SetDestructor(link, with_destructor, 1));
    detail::StorePointer(&link[0], last);
    if (first == nullptr) first = link;
    last = link;
  }
  detail::StorePointer(&first[0], last);
  detail::StorePointer(weak, Heap().WeakHandle(first));
}

TEST(CollectedDeathTest, CirclesAndChainsOfObjectsWithDestructorsDieAtOnce) {
  constexpr int kLength = 3000;
  void** const weak = Heap().roots.Take();
  CollectAndDrain();
  destroyed = 0;
  Elsewhere([&] { MakeCircle(kLength, weak); });
  CollectAndDrain();
  EXPECT_EQ(destroyed, kLength);
  Elsewhere([&] { EXPECT_EQ(Heap().WeakGet(*weak), nullptr); });
  CollectAndDrain();
  EXPECT_EQ(destroyed, kLength) << "once";
  detail::StorePointer(weak, nullptr);
}

sh_layout looks_at_child = {16,
                            SH_SCAN_PRECISE,
                            SH_FINALIZE_LATER,
                            &kTwoWords,
                            nullptr,
                            [](void* element) {
                              auto** const child = *static_cast<void***>(element);
                              if (child[1] == child) ++destroyed;
                            },
                            "looks at its child",
                            0,
                            0};

TEST(CollectedDeathTest, WhatADestructorReachesIsThereWhenItRuns) {
  destroyed = 0;
  Elsewhere([&] {
    for (int i = 0; i < kMany; ++i) {
      auto** parent = static_cast<void**>(Heap().New(looks_at_child, 1));
      auto** child = static_cast<void**>(Heap().New(plain, 1));
      ASSERT_TRUE(parent != nullptr && child != nullptr);
      detail::StorePointer(&child[1], child);
      detail::StorePointer(&parent[0], child);
      ASSERT_TRUE(Heap().SetDestructor(parent, looks_at_child, 1));
    }
  });
  Heap().Collect();
  Elsewhere([&] {
    for (int i = 0; i < 4 * kMany; ++i) Heap().New(plain, 1);
  });
  EXPECT_TRUE(Heap().DrainFinalizers(60'000'000'000));
  EXPECT_EQ(destroyed, kMany);
}

TEST(CollectedDeathTest, AFinalizerComesBeforeADestructor) {
  destroyed = finalized = 0;
  Elsewhere([&] {
    void* object = Heap().New(with_destructor, 1);
    ASSERT_TRUE(Heap().SetDestructor(object, with_destructor, 1));
    ASSERT_TRUE(Heap().SetFinalizer(object, [](void*, void*) { ++finalized; }, nullptr));
  });
  CollectAndDrain();
  EXPECT_EQ(finalized, 1);
  EXPECT_EQ(destroyed, 0);
  EXPECT_TRUE(Eventually([] { return destroyed == 1; }));
  EXPECT_EQ(finalized, 1);
}

TEST(CollectedDeathTest, AFinalizerMayReviveItsObjectWhoseCleanupComesAtItsNextDeath) {
  finalized = cleaned = 0;
  void** const kept = Heap().roots.Take();
  static void** keep_in;
  keep_in = kept;
  Elsewhere([&] {
    auto** object = static_cast<void**>(Heap().New(plain, 1));
    void** child = static_cast<void**>(Heap().New(plain, 1));
    child[1] = nullptr;
    detail::StorePointer(&object[0], child);
    EXPECT_TRUE(Heap().SetFinalizer(
        object,
        [](void* dead, void* closure) {
          finalized += static_cast<int>(reinterpret_cast<uintptr_t>(closure));
          detail::StorePointer(keep_in, dead);
        },
        reinterpret_cast<void*>(7)));
    EXPECT_NE(Heap().AddCleanup(object, [](void*) { ++cleaned; }, nullptr), 0U);
    const uint64_t stopped = Heap().AddCleanup(object, [](void*) { cleaned += 100; }, nullptr);
    EXPECT_TRUE(Heap().StopCleanup(object, stopped));
    EXPECT_FALSE(Heap().StopCleanup(object, stopped));
  });
  CollectAndDrain();
  ASSERT_EQ(finalized, 7);
  EXPECT_EQ(cleaned, 0);
  ASSERT_NE(*kept, nullptr);
  Elsewhere([&] {
    EXPECT_NE(Heap().BaseOf(static_cast<void**>(*kept)[0]), nullptr) << "what it holds lives, too";
  });
  detail::StorePointer(kept, nullptr);
  EXPECT_TRUE(Eventually([] { return cleaned == 1; }));
  EXPECT_EQ(finalized, 7);
}

TEST(CollectedDeathTest, DeleteRunsDestructorsAtOnceAndClearsWeakHandles) {
  destroyed = 0;
  void* object = Heap().New(with_destructor, 3);
  ASSERT_TRUE(Heap().SetDestructor(object, with_destructor, 3));
  void* handle = Heap().WeakHandle(object);
  Heap().Delete(object);
  EXPECT_EQ(destroyed, 3);
  EXPECT_EQ(Heap().WeakGet(handle), nullptr);
}

std::atomic<bool> may_go_on{false};
std::atomic<void*> waits_in{nullptr};
sh_layout waits_in_destructor = {16,
                                 SH_SCAN_PRECISE,
                                 SH_FINALIZE_LATER,
                                 &kTwoWords,
                                 nullptr,
                                 [](void* object) {
                                   waits_in = object;
                                   const BlockingRegion waiting;
                                   while (!may_go_on) std::this_thread::yield();
                                   ++destroyed;
                                 },
                                 "waits in its destructor",
                                 0,
                                 0};
constexpr uintptr_t kWritten = 0x1234567;
sh_layout looks_at_itself = {
    16,
    SH_SCAN_PRECISE,
    SH_FINALIZE_LATER,
    &kTwoWords,
    nullptr,
    [](void* object) { destroyed += static_cast<uintptr_t*>(object)[1] == kWritten ? 1 : 100; },
    "looks at itself",
    0,
    0};

// One destructor runs and others wait behind it while all their objects are deleted.
TEST(CollectedDeathTest, DeletedObjectsWhoseDestructorsAreQueuedAreDestroyedOnce) {
  destroyed = 0;
  may_go_on = false;
  waits_in = nullptr;
  static std::atomic<uintptr_t> hidden[kMany];
  Elsewhere([] {
    void* const first = Heap().New(waits_in_destructor, 1);
    ASSERT_TRUE(Heap().SetDestructor(first, waits_in_destructor, 1));
  });
  Heap().Collect();
  while (waits_in == nullptr) std::this_thread::yield();
  Elsewhere([] {
    for (auto& address : hidden) {
      auto* const object = static_cast<uintptr_t*>(Heap().New(looks_at_itself, 1));
      ASSERT_TRUE(Heap().SetDestructor(object, looks_at_itself, 1));
      object[1] = kWritten;
      address = ~reinterpret_cast<uintptr_t>(object);
    }
  });
  Heap().Collect();
  Elsewhere([] {
    for (const auto& address : hidden) Heap().Delete(reinterpret_cast<void*>(~address.load()));
    Heap().Delete(waits_in);
    for (int i = 0; i < 4 * kMany; ++i) Heap().New(looks_at_itself, 1);
  });
  EXPECT_EQ(destroyed, 0);
  may_go_on = true;
  CollectAndDrain();
  EXPECT_EQ(destroyed, kMany + 1);
  Heap().Collect();
  Heap().collector.store.Verify();
}

std::atomic<bool> was_waited_for{false};
sh_layout slow_at_sweep = {16,
                           SH_SCAN_PRECISE,
                           SH_FINALIZE_AT_SWEEP,
                           &kTwoWords,
                           nullptr,
                           [](void* object) {
                             waits_in = object;
                             const uint64_t end = os::MonotonicNow_ns() + 10'000'000'000;
                             while (!may_go_on && os::MonotonicNow_ns() < end) {}
                             was_waited_for = !may_go_on;
                           },
                           "slow at sweep",
                           0,
                           0};

TEST(CollectedDeathTest, ASlowDestructorAtSweepKeepsNobodyFromTheFactsOfOtherObjects) {
  may_go_on = false;
  waits_in = nullptr;
  Heap().New(plain, 1);  // a thread's first call waits for who is inside
  Elsewhere(
      [] { ASSERT_TRUE(Heap().SetDestructor(Heap().New(slow_at_sweep, 1), slow_at_sweep, 1)); });
  std::thread collects([] { Heap().Collect(); });
  while (waits_in == nullptr) std::this_thread::yield();
  void* const other = Heap().New(plain, 100);  // in a span of its own
  EXPECT_NE(Heap().WeakHandle(other), nullptr);
  may_go_on = true;
  const BlockingRegion waiting;
  collects.join();
  EXPECT_FALSE(was_waited_for);
}

sh_layout owns_a_block = {16,
                          SH_SCAN_NONE,
                          SH_FINALIZE_AT_SWEEP,
                          nullptr,
                          nullptr,
                          [](void* object) { heap::Free(*static_cast<void**>(object), "test"); },
                          "owns a block",
                          0,
                          0};

TEST(CollectedDeathTest, WhatDestructorsFreeAtSweepIsFreeWhenAllIsSwept) {
  CollectAndDrain();
  const uint64_t before = heap::Verify();
  Elsewhere([] {
    for (int i = 0; i < kMany; ++i) {
      auto** const object = static_cast<void**>(Heap().New(owns_a_block, 1));
      ASSERT_TRUE(Heap().SetDestructor(object, owns_a_block, 1));
      *object = heap::Allocate(100);
    }
  });
  EXPECT_EQ(heap::Verify(), before + kMany);
  CollectAndDrain();
  EXPECT_EQ(heap::Verify(), before);
}

// Pairs of New and Delete go on in the same memory, without a cycle: that would end the deleting.
template <class Make>
void ExpectReused(Make&& make) {
  Heap().Collect();
  const auto memory = [] { return Heap().collector.store.ReadStats().span_bytes; };
  const uint64_t before = memory();
  const uint64_t cycles = Heap().collector.cycles();
  for (int i = 0; i < 20'000; ++i) {
    void* const object = make(i);
    ASSERT_EQ(*static_cast<uintptr_t*>(object), 0U);
    memset(object, 0xab, 24);
    Heap().Delete(object);
  }
  EXPECT_EQ(Heap().collector.cycles(), cycles);
  EXPECT_LE(memory(), before + (4U << 20));
  Heap().Collect();
  Heap().collector.store.Verify();
}

sh_layout bytes = {1, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "bytes", 0, 0};
sh_layout searched = {8, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "searched", 0, 0};

TEST(CollectedDeathTest, DeletedMemoryIsUsedAgainAtOnce) {
  const int64_t percent = Heap().SetPercent(-1);
  ExpectReused([](int) { return Heap().New(plain, 2); });
  ExpectReused([](int i) { return Heap().New(bytes, 24 + static_cast<size_t>(i) % 3000); });
  ExpectReused([](int i) { return Heap().New(searched, 3 + static_cast<size_t>(i) % 900); });
  ExpectReused([](int) { return Heap().New(bytes, 200'000); });
  Heap().SetPercent(percent);
}

TEST(CollectedDeathTest, ThreadsDeleteWhatOthersHaveMadeWhileCyclesRun) {
  constexpr int kSlots = 64;
  std::atomic<bool> stop{false};
  void** const root = Heap().roots.Take();
  detail::StorePointer(root, Heap().New(searched, kSlots));
  const auto run = [&](unsigned seed) {
    for (unsigned i = seed; !stop; i = i * 1664525 + 1013904223) {
      auto** const object = static_cast<void**>(Heap().New(i % 8192 < 4096 ? plain : searched, 4));
      for (int w = 0; w < 4; ++w) ASSERT_EQ(object[w], nullptr);
      object[3] = reinterpret_cast<void*>(~reinterpret_cast<uintptr_t>(object));
      auto** const slot = static_cast<void**>(*root) + i / 8192 % kSlots;
      auto** const old = static_cast<void**>(sh_gc_exchange(slot, object));
      if (old == nullptr) continue;
      ASSERT_EQ(reinterpret_cast<uintptr_t>(old[3]), ~reinterpret_cast<uintptr_t>(old));
      Heap().Delete(old);
    }
  };
  std::thread threads[] = {std::thread(run, 1), std::thread(run, 2), std::thread(run, 3)};
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Heap().Verify(), 0U);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  detail::StorePointer(root, nullptr);
  Heap().roots.Put(root);
  Heap().Collect();
  Heap().collector.store.Verify();
}

TEST(CollectedDeathTest, BytesHeldElsewhereArePartOfTheGoal) {
  void** const root = Heap().roots.Take();
  detail::StorePointer(root, Heap().New(plain, 1));
  Heap().Collect();
  const uint64_t before = Heap().collector.last_cycle().marked;
  ASSERT_TRUE(Heap().AdjustExternal(*root, 100 << 20));
  Heap().Collect();
  EXPECT_GE(Heap().collector.last_cycle().marked, before + (90U << 20));
  EXPECT_GE(Heap().collector.state.goal.LoadAcquire(), 150U << 20);  // half as much again
  ASSERT_TRUE(Heap().AdjustExternal(*root, -(90 << 20)));
  Heap().Collect();
  EXPECT_LE(Heap().collector.last_cycle().marked, before + (20U << 20));
  ASSERT_TRUE(Heap().AdjustExternal(*root, -(10 << 20)));
  detail::StorePointer(root, nullptr);
  Heap().roots.Put(root);
}

TEST(CollectedDeathTest, BytesHeldElsewhereCountUntilTheObjectDies) {
  const int64_t before = Heap().collector.specials.external_bytes();
  Elsewhere([&] {
    void* object = Heap().New(plain, 1);
    EXPECT_TRUE(Heap().AdjustExternal(object, 1000));
    EXPECT_TRUE(Heap().AdjustExternal(object, 500));
  });
  EXPECT_EQ(Heap().collector.specials.external_bytes(), before + 1500);
  CollectAndDrain();
  EXPECT_EQ(Heap().collector.specials.external_bytes(), before);
}

#if !defined(__SANITIZE_THREAD__)    // who spins never stops there
std::atomic<int> long_finalizer{0};  // 1: it runs, 2: it may end

TEST(CollectedDeathTest, AFinalizerThatRunsOnKeepsNobodyFromCollecting) {
  Elsewhere([] {
    ASSERT_TRUE(Heap().SetFinalizer(
        Heap().New(plain, 1),
        [](void*, void*) {
          long_finalizer = 1;
          while (long_finalizer != 2) {}
        },
        nullptr));
  });
  while (long_finalizer != 1) Heap().Collect();
  Heap().Collect();  // or else this waits until the test is ended
  long_finalizer = 2;
  EXPECT_TRUE(Heap().DrainFinalizers(60'000'000'000));
}
#endif

}  // namespace
}  // namespace spanheap
