// SPDX-License-Identifier: MIT
//
// Cleanups that would keep their own object alive are refused, and what is for no object.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "spanheap/gc.h"

namespace spanheap {
namespace {

struct Pair {
  Ptr<Pair> next;
  int values[2] = {};
};

void Nothing(void*) {}

TEST(CleanupTest, AClosureInItsObjectIsRefused) {
  auto* const pair = New<Pair>();
  for (void* closure : {static_cast<void*>(pair), static_cast<void*>(&pair->values[1])}) {
    errno = 0;
    EXPECT_EQ(sh_gc_add_cleanup(pair, Nothing, closure).id, 0U);
    EXPECT_EQ(errno, EINVAL);
  }
  int local = 0;
  EXPECT_EQ(sh_gc_add_cleanup(&local, Nothing, nullptr).id, 0U);
  EXPECT_EQ(errno, EINVAL);
  for (void* closure :
       {static_cast<void*>(nullptr), static_cast<void*>(&local), static_cast<void*>(New<Pair>())}) {
    const sh_gc_cleanup added = sh_gc_add_cleanup(pair, Nothing, closure);
    EXPECT_NE(added.id, 0U);
    EXPECT_EQ(sh_gc_stop_cleanup(added), 1);
  }
}

void Ending(void*, void*) {}

TEST(CleanupTest, AFinalizersClosureInItsObjectIsRefused) {
  auto* const pair = New<Pair>();
  for (void* closure : {static_cast<void*>(pair), static_cast<void*>(&pair->values[1])}) {
    errno = 0;
    EXPECT_EQ(sh_gc_set_finalizer(pair, Ending, closure), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(sh_gc_set_finalizer(pair, nullptr, closure), 0);
  }
  EXPECT_THROW(SetFinalizer(pair, [](Pair*, int*) {}, &pair->values[1]), std::invalid_argument);
  EXPECT_EQ(sh_gc_set_finalizer(pair, Ending, New<Pair>()), 0);
  ClearFinalizer(pair);
}

TEST(CleanupTest, ACleanupWithoutAFunctionIsRefused) {
  errno = 0;
  EXPECT_EQ(sh_gc_add_cleanup(New<Pair>(), nullptr, nullptr).id, 0U);
  EXPECT_EQ(errno, EINVAL);
}

void EndPair(void*) {}

TEST(CleanupTest, ADestructorIsForElementsThatAreThere) {
  static const uint64_t bits = 1;
  static sh_layout layout = {
      16, SH_SCAN_PRECISE, SH_FINALIZE_LATER, &bits, nullptr, EndPair, "ended", 0, 0};
  auto* const words = static_cast<char*>(sh_gc_new(&layout, 2));
  int local = 0;
  const auto is_refused = [](void* object, size_t count) {
    errno = 0;
    return sh_gc_set_destructor(object, &layout, count) == -1 && errno == EINVAL;
  };
  EXPECT_TRUE(is_refused(words, 100));
  EXPECT_TRUE(is_refused(words, SIZE_MAX / 8));
  EXPECT_TRUE(is_refused(words + 16, 1));
  EXPECT_TRUE(is_refused(&local, 0));
  EXPECT_TRUE(is_refused(nullptr, 1));
  EXPECT_EQ(sh_gc_set_destructor(words, &layout, 2), 0);
}

TEST(CleanupTest, BytesElsewhereAreOfAnObject) {
  int local = 0;
  for (void* no_object : {static_cast<void*>(nullptr), static_cast<void*>(&local)}) {
    errno = 0;
    EXPECT_EQ(sh_gc_adjust_external(no_object, 5), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

TEST(CleanupTest, AnArgumentThatPointsIntoItsObjectIsRefused) {
  Root<Pair> pair = New<Pair>();
  EXPECT_THROW(AddCleanup(pair, [](Pair*) {}, pair.get()), std::invalid_argument);
  EXPECT_THROW(AddCleanup(pair, [](int, int*) {}, 1, &pair->values[1]), std::invalid_argument);
  EXPECT_THROW(
      AddCleanup(pair, [](const Ptr<Pair>&) {}, Ptr<Pair>(pair.get())), std::invalid_argument);
  EXPECT_TRUE(AddCleanup(pair, [](Pair*, void (*)(void*)) {}, New<Pair>(), &Nothing).Stop());
}

TEST(CleanupTest, WhatIsNoObjectIsNoWantOfMemory) {
  struct Both {  // not so small that several share a block
    long first;
    long second;
  };
  int local = 0;
  Root<Both> both = New<Both>(1, 2);
  EXPECT_THROW(AddCleanup(&local, [] {}), std::invalid_argument);
  EXPECT_THROW(SetFinalizer(&local, [](int*) {}), std::invalid_argument);
  EXPECT_THROW(SetFinalizer(&both->second, [](long*) {}), std::invalid_argument);
  SetFinalizer(&both->first, [](long*) {});
  ClearFinalizer(both);
}

// What never runs is destroyed all the same.
TEST(CleanupTest, ArgumentsOfWhatNeverRunsEnd) {
  const auto shared = std::make_shared<int>(1);
  Root<Pair> pair = New<Pair>();
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(AddCleanup(pair, [](const std::shared_ptr<int>&) {}, shared).Stop());
    SetFinalizer(pair, [](Pair*, const std::shared_ptr<int>&) {}, shared);
  }
  ClearFinalizer(pair);
  EXPECT_THROW(
      AddCleanup(&shared, [](const std::shared_ptr<int>&) {}, shared), std::invalid_argument);
  for (int cycle = 0; cycle < 100 && shared.use_count() > 3; ++cycle) {  // stale words, at most
    Collect();
    ASSERT_TRUE(RunFinalizers());
  }
  EXPECT_LE(shared.use_count(), 3);
}

TEST(CleanupTest, ArgumentsOfWhatHasRunEndOnce) {
  const auto shared = std::make_shared<int>(1);
  std::atomic<int> calls{0};
  for (int i = 0; i < 50; ++i) {
    auto* const pair = New<Pair>();
    AddCleanup(
        pair, [](std::atomic<int>* count, const std::shared_ptr<int>&) { ++*count; }, &calls,
        shared);
    Delete(pair);
  }
  ASSERT_TRUE(RunFinalizers());
  EXPECT_EQ(calls, 50);
  EXPECT_EQ(shared.use_count(), 1);
  Collect();
  ASSERT_TRUE(RunFinalizers());
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(CleanupTest, OnlyCollectedObjectsHaveWeakPointersAndBytesElsewhere) {
  static int global = 0;
  EXPECT_THROW(Weak<int>{&global}, std::invalid_argument);
  EXPECT_THROW(AdjustExternal(&global, 100), std::invalid_argument);
  EXPECT_EQ(Weak<int>(New<int>(1)).empty(), false);
}

// Two small numbers share a slot: what is known of one ends with both.
TEST(CleanupTest, ASmallObjectThatIsDeletedLeavesItsNeighbourAlone) {
  std::atomic<int> calls{0};
  Ptr<int> deleted[8];
  Root<Vector<Ptr<int>>> kept = New<Vector<Ptr<int>>>();
  Weak<int> weak[8];
  for (int i = 0; i < 8; ++i) {
    deleted[i] = New<int>(i);
    kept->push_back(New<int>(i));
    weak[i] = Weak<int>(kept->back());
    AddCleanup(kept->back().get(), [](std::atomic<int>* count) { ++*count; }, &calls);
  }
  for (Ptr<int>& each : deleted) Delete(each.get());
  ASSERT_TRUE(RunFinalizers());
  EXPECT_EQ(calls, 0);
  for (int i = 0; i < 8; ++i) {
    ASSERT_NE(weak[i].get(), nullptr);
    EXPECT_EQ(*weak[i].get(), i);
  }
}

TEST(CleanupTest, ANegativeTimeIsOver) {
  std::atomic<bool> may_end{false};
  auto* const pair = New<Pair>();
  AddCleanup(
      pair,
      [](std::atomic<bool>* flag) {
        while (!*flag) std::this_thread::yield();
      },
      &may_end);
  Delete(pair);
  EXPECT_FALSE(RunFinalizers(std::chrono::seconds(-1)));
  may_end = true;
  EXPECT_TRUE(RunFinalizers());
}

}  // namespace
}  // namespace spanheap
