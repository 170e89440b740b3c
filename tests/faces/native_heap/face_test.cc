// SPDX-License-Identifier: MIT
//
// Parts of the C++ face that only the heap itself can answer for, while cycles run.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"
#include "spanheap/spanheap.h"

namespace spanheap {
namespace {

struct Ahead {
  Ptr<int> pointer;
  uint64_t number;
};
struct Behind {
  uint64_t number;
  Ptr<int> pointer;
};

// Both are of one size: their objects are neighbours, and each is scanned as its own type says.
TEST(NativeFaceTest, TypesOfOneSizeTakeTurns) {
  constexpr uint64_t kPairs = 5000;
  Root<Vector<Ptr<Ahead>>> aheads = New<Vector<Ptr<Ahead>>>();
  Root<Vector<Ptr<Behind>>> behinds = New<Vector<Ptr<Behind>>>();
  for (uint64_t i = 0; i < kPairs; ++i) {
    const int number = static_cast<int>(i);
    aheads->push_back(New<Ahead>(New<int>(number), i));
    behinds->push_back(New<Behind>(i, New<int>(number)));
  }
  Collect();
  for (uint64_t i = 0; i < kPairs; ++i) {
    ASSERT_EQ(*(*aheads)[i]->pointer, static_cast<int>(i));
    ASSERT_EQ((*behinds)[i]->number, i);
    ASSERT_EQ(*(*behinds)[i]->pointer, static_cast<int>(i));
  }
  EXPECT_EQ(sh_gc_verify(), 0U);
}

struct Pair {
  Ptr<uint64_t> first;
  Ptr<uint64_t> second;
};
struct Mixed {
  uint64_t number;
  Ptr<uint64_t> pointer;
  uint32_t more[2];
};

// Each element of arrays of all small lengths alone holds a number.
template <class T, class Hold>
void EachElementHolds(Hold hold) {
  Root<Vector<Ptr<T>>> arrays = New<Vector<Ptr<T>>>();
  constexpr size_t kMost = 600 / sizeof(T);
  for (size_t length = 1; length <= kMost; ++length) {
    for (int again = 0; again < 70; ++again) {
      T* const array = NewArray<T>(length);
      arrays->push_back(array);
      for (size_t i = 0; i < length; ++i) *hold(array[i]) = New<uint64_t>(length * 1000 + i);
    }
  }
  Collect();
  size_t at = 0;
  for (size_t length = 1; length <= kMost; ++length) {
    for (int again = 0; again < 70; ++again, ++at) {
      T* const array = (*arrays)[at].get();
      for (size_t i = 0; i < length; ++i) ASSERT_EQ(**hold(array[i]), length * 1000 + i);
    }
  }
  EXPECT_EQ(sh_gc_verify(), 0U);
}

TEST(NativeFaceTest, ElementsOfSmallArraysKeepWhatTheyPointTo) {
  EachElementHolds<Ptr<uint64_t>>([](Ptr<uint64_t>& element) { return &element; });
  EachElementHolds<Pair>([](Pair& element) { return &element.second; });
  EachElementHolds<Mixed>([](Mixed& element) { return &element.pointer; });
}

// What holds no pointer keeps nothing, and what it holds stays.
TEST(NativeFaceTest, SmallArraysWithoutPointersStayAsTheyAre) {
  Root<Vector<Ptr<uint32_t>>> arrays = New<Vector<Ptr<uint32_t>>>();
  for (uint32_t length = 1; length <= 150; ++length) {
    for (int again = 0; again < 70; ++again) {
      uint32_t* const array = NewArray<uint32_t>(length);
      arrays->push_back(array);
      for (uint32_t i = 0; i < length; ++i) {
        ASSERT_EQ(array[i], 0U);
        array[i] = length * 1000 + i;
      }
    }
  }
  Collect();
  size_t at = 0;
  for (uint32_t length = 1; length <= 150; ++length) {
    for (int again = 0; again < 70; ++again, ++at) {
      for (uint32_t i = 0; i < length; ++i) ASSERT_EQ((*arrays)[at].get()[i], length * 1000 + i);
    }
  }
}

// All that a program can read is told by some program.
TEST(NativeFaceTest, NoFigureStaysZero) {
  Root<Witness> root = NewWitness();
  AdjustExternal(root.get(), 1000);
  for (int i = 0; i < 100; ++i) {
    AddCleanup(NewWitness(), [](int) {}, 1);
    SetFinalizer(NewWitness(), [](Witness*) {});
  }
  ASSERT_TRUE(Eventually([] {
    const GcStats now = ReadGcStats();
    return now.cleanups_run > 0 && now.finalizers_run > 0;
  }));
  const GcStats now = ReadGcStats();
  for (const uint64_t figure : {now.cycles,
                                now.forced_cycles,
                                now.live_bytes,
                                now.marked_bytes,
                                now.goal_bytes,
                                now.trigger_bytes,
                                now.mapped_bytes,
                                now.external_bytes,
                                now.allocated_bytes,
                                now.allocated_objects,
                                now.freed_bytes,
                                now.freed_objects,
                                now.stops,
                                now.stop_total_ns,
                                now.stop_max_ns,
                                now.background_ns,
                                now.scan_heap_bytes,
                                now.scan_roots_bytes,
                                now.finalizers_queued,
                                now.finalizers_run,
                                now.cleanups_queued,
                                now.cleanups_run,
                                now.threads}) {
    EXPECT_NE(figure, 0U);
  }
  uint64_t stops = 0;
  for (const uint64_t count : now.stop_times) stops += count;
  EXPECT_EQ(stops, now.stops);
  AdjustExternal(root.get(), -1000);
}

#ifndef SH_PORTABLE_BARRIER
TEST(NativeFaceTest, AThreadTakesSmallObjectsByItself) {
  std::thread([] {
    EXPECT_EQ(sh_inline_words_v1, nullptr);
    const Ahead* const first = New<Ahead>(nullptr, 1U);
    ASSERT_NE(sh_inline_words_v1, nullptr);
    EXPECT_NE(detail::LayoutOf<Ahead>()->place, 0U);
    const void* const second = detail::TryTakeObject(*detail::LayoutOf<Ahead>(), 1);
    EXPECT_NE(second, nullptr);
    EXPECT_NE(second, first);
    sh_gc_detach();
    EXPECT_EQ(sh_inline_words_v1, nullptr);
  }).join();
}
#endif

// Each of these would forget the thread of the one around it, and its stack.
TEST(NativeFaceTest, AttachedThreadsNest) {
  const auto keeps = [] {
    Ahead* const kept = New<Ahead>(nullptr, 12345U);
    const Weak<Ahead> weak = kept;
    {
      const AttachedThread again;
      const AttachedThread and_again;
    }
    std::thread([] { Collect(); }).join();
    const bool lives = weak.get() != nullptr;
    KeepAlive(kept);
    return lives && kept->number == 12345U;
  };
  EXPECT_TRUE(keeps());
  std::thread([&] {
    const AttachedThread first;
    EXPECT_TRUE(keeps());
  }).join();
}

struct Base {
  Ptr<int> pointer;
  SH_LAYOUT(Base, pointer);
};
struct Derived : Base {
  Ptr<int> more;
  SH_LAYOUT_DERIVED(Derived, Base, more);
};

TEST(NativeFaceTest, RootsConvertAsPointersDo) {
  const Ptr<Derived> derived = New<Derived>();
  Root<Base> root(derived);
  EXPECT_EQ(root.get(), derived.get());
  root = nullptr;
  root = derived;
  const Root<Derived> from = derived.get();
  Root<const Base> constant;
  constant = from;
  constant = root;
  EXPECT_EQ(constant.get(), derived.get());
}

TEST(NativeFaceTest, AMovedRootLetsGo) {
  Root<Behind> first = New<Behind>(1U, nullptr);
  Root<Behind> second = New<Behind>(2U, nullptr);
  const Behind* const kept = second.get();
  first = std::move(second);
  EXPECT_EQ(first.get(), kept);
  EXPECT_EQ(second.get(), nullptr);  // NOLINT(bugprone-use-after-move): that is what is asked
}

TEST(NativeFaceTest, FromEightBytesOnObjectsLieAtMultiplesOfEight) {
  for (size_t bytes = 8; bytes < 40; ++bytes) {
    for (int i = 0; i < 50; ++i) {
      ASSERT_EQ(reinterpret_cast<uintptr_t>(NewArray<char>(bytes)) % 8, 0U) << bytes;
      NewArray<char>(static_cast<size_t>(i) % 3 + 1);
    }
  }
}

TEST(NativeFaceTest, BytesHeldElsewhereCountUntilTheObjectDies) {
  constexpr int64_t kBytes = 64_MiB;
  const uint64_t before = ReadGcStats().external_bytes;
  Root<Witness> holder;
  std::thread([&] {
    holder = NewWitness();
    AdjustExternal(holder, kBytes + 1024);
    AdjustExternal(holder, -1024);
  }).join();
  EXPECT_EQ(ReadGcStats().external_bytes, before + kBytes);
  CollectAndReuse();
  EXPECT_EQ(ReadGcStats().external_bytes, before + kBytes);
  holder = nullptr;
  EXPECT_TRUE(Eventually([&] { return ReadGcStats().external_bytes == before; }));
}

TEST(NativeFaceTest, WhatADeletedObjectHeldElsewhereIsOffThePace) {
  CollectAndReuse();
  const GcStats before = ReadGcStats();
  for (int i = 0; i < 1000; ++i) {
    Witness* const holder = NewWitness();
    AdjustExternal(holder, 64_MiB);
    Delete(holder);
  }
  const GcStats now = ReadGcStats();
  EXPECT_LE(now.cycles, before.cycles + 10) << "1000 where it stays";
  EXPECT_EQ(now.external_bytes, before.external_bytes);
}

// Some kilobytes of objects: by themselves they would bring no cycle.
TEST(NativeFaceTest, WhatIsHeldElsewhereBringsCycles) {
  const GcStats before = ReadGcStats();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  GcStats now = before;
  for (int i = 0; now.cycles < before.cycles + 3; ++i, now = ReadGcStats()) {
    AdjustExternal(NewWitness(), 4_MiB);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    ASSERT_LT(std::chrono::steady_clock::now(), end) << i;
  }
  EXPECT_EQ(now.forced_cycles, before.forced_cycles);
}

TEST(NativeFaceTest, WhatCannotBeHadIsNullAndErrnoSaysSo) {
  static sh_layout layout = {1 << 20, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "large", 0, 0};
  errno = 0;
  EXPECT_EQ(sh_gc_new(&layout, SIZE_MAX / 2), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  ASSERT_EQ(sh_set("hardlimit", "1M"), 0);
  errno = 0;
  EXPECT_EQ(sh_gc_new(&layout, 1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_THROW(NewArray<char>(1 << 20), std::bad_alloc);
  ASSERT_EQ(sh_set("hardlimit", "off"), 0);
  EXPECT_NE(sh_gc_new(&layout, 1), nullptr);
}

TEST(NativeFaceTest, FreeMemoryGoesBackToTheKernel) {
  std::thread([] {
    for (int i = 0; i < 64; ++i) NewArray<char>(1 << 20);
  }).join();
  EXPECT_TRUE(FreeOsMemory());
}

TEST(NativeFaceTest, TooMuchIsNullOrAnException) {
  constexpr std::size_t kTooMany = SIZE_MAX / 64;
  EXPECT_EQ(TryNewArray<Witness>(kTooMany), nullptr);
  EXPECT_THROW(NewArray<Witness>(kTooMany), std::bad_alloc);
  EXPECT_NE(TryNew<Witness>(), nullptr);
}

// Its own fields are as little known to the face as those of a type of others.
class Opaque {
 public:
  Opaque() : node_(NewWitness()) {}
  const Witness* node() const { return node_; }

 private:
  int number_ = 1;
  Ptr<Witness> node_;
};
struct Traced {
  int used = 0;
  Ptr<Witness> slots[4];
  void Trace(Visitor& visit) const {
    for (int i = 0; i < used; ++i) visit(slots[i]);
  }
};
struct AllKinds {
  Conservative<Opaque> opaque;
  Traced traced;
  std::optional<Ptr<Witness>> maybe;
};

TEST(NativeFaceTest, ConservativeAndTracedFieldsAreSeen) {
  Root<Vector<Ptr<AllKinds>>> all = New<Vector<Ptr<AllKinds>>>();
  const Cycles cycles;
  for (int round = 0; cycles.done() < 10; ++round) {
    AllKinds* const made = New<AllKinds>();
    made->traced.used = 3;  // before: what is stored behind it would not be seen
    for (int i = 0; i < 3; ++i) made->traced.slots[i] = NewWitness();
    made->maybe = NewWitness();
    if (all->size() < 500) all->push_back(made);
    (*all)[static_cast<std::size_t>(round) % all->size()] = made;
    Churn(100);
    for (const Ptr<AllKinds>& each : *all) {
      ASSERT_TRUE(IsWhole(each->opaque->node()) && IsWhole(*each->maybe));
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(IsWhole(each->traced.slots[i]));
    }
  }
}

TEST(NativeFaceTest, AThreadThatOnlyReadsIsAttached) {
  Root<Witness> root = NewWitness();
  const Cycles cycles;
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    const AttachedThread attached;
    while (!stop) {
      const Witness* const now = root;  // the main thread may let it go meanwhile
      for (int i = 0; i < 1000; ++i) ASSERT_TRUE(IsWhole(now));
    }
  });
  while (cycles.done() < 20) {
    root = NewWitness();
    Churn(200);
  }
  stop = true;
  const BlockingRegion waiting;
  reader.join();
}

// A stack of Treiber's: no count, no tags, for nothing is reused while somebody looks at it.
struct Shared {
  AtomicPtr<Witness> top;

  void Push(Witness* node) {
    Witness* seen = top.load();
    do {
      node->next = seen;
    } while (!top.compare_exchange(seen, node));
  }
  Witness* Pop() {
    Witness* seen = top.load();
    while (seen != nullptr && !top.compare_exchange(seen, seen->next)) {}
    return seen;
  }
};

TEST(NativeFaceTest, AtomicPtrsAreChangedByManyThreads) {
  Root<Shared> shared = New<Shared>();
  const Cycles cycles;
  std::atomic<int> balance = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (cycles.done() < 20) {
        for (int k = 0; k < 20; ++k, ++balance) shared->Push(NewWitness());
        for (int k = 0; k < 20; ++k) {
          const Witness* const taken = shared->Pop();
          if (taken == nullptr) continue;
          --balance;
          ASSERT_TRUE(IsWhole(taken));
        }
      }
    });
  }
  {
    const BlockingRegion waiting;
    for (std::thread& thread : threads) thread.join();
  }
  for (Witness* last = shared->top.exchange(nullptr); last != nullptr; last = last->next) {
    ASSERT_TRUE(IsWhole(last));
    --balance;
  }
  EXPECT_EQ(balance, 0);
}

TEST(NativeFaceTest, StandardContainersGrowAndShrinkBesideCycles) {
  std::map<int, Ptr<Witness>, std::less<>, RootAllocator<std::pair<const int, Ptr<Witness>>>> map;
  std::vector<Ptr<Witness>, RootAllocator<Ptr<Witness>>> vector;
  const Cycles cycles;
  for (int i = 0; cycles.done() < 10; ++i) {
    map[i % 500] = NewWitness();
    map.erase((i * 7) % 500);
    vector.push_back(NewWitness());
    if (vector.size() > 1000) {
      vector.clear();
      vector.shrink_to_fit();
    }
    if (i % 64 != 0) continue;
    for (const auto& [key, witness] : map) ASSERT_TRUE(IsWhole(witness)) << key;
    for (const Ptr<Witness>& witness : vector) ASSERT_TRUE(IsWhole(witness));
  }
}

}  // namespace
}  // namespace spanheap
