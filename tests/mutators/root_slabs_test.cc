// SPDX-License-Identifier: MIT
#include "mutators/root_slabs.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <thread>
#include <vector>

namespace spanheap {
namespace {

TEST(RootSlabsTest, SlotsAreDistinctAndBeginNull) {
  RootSlabs slabs;
  std::set<void**> taken;
  for (int i = 0; i < 20000; ++i) {
    void** slot = slabs.Take();
    ASSERT_NE(slot, nullptr);
    ASSERT_EQ(*slot, nullptr);
    ASSERT_TRUE(taken.insert(slot).second);
  }
  slabs.Verify();
  EXPECT_EQ(slabs.used_slots(), 20000U);
  for (void** slot : taken) slabs.Put(slot);
  slabs.Verify();
  EXPECT_EQ(slabs.used_slots(), 0U);
}

TEST(RootSlabsTest, EveryTakenSlotIsInSomePage) {
  RootSlabs slabs;
  std::set<void*> values;
  for (uintptr_t i = 1; i <= 1000; ++i) {
    *slabs.Take() = reinterpret_cast<void*>(i);
    values.insert(reinterpret_cast<void*>(i));
  }
  slabs.ForEachPage([&](RootPage& page) {
    for (auto& slot : page.slots) values.erase(slot.LoadAcquire());
  });
  EXPECT_TRUE(values.empty());
}

TEST(RootSlabsTest, FourThreadsTakeAndPutEachOthersSlots) {
  RootSlabs slabs;
  std::vector<std::thread> threads;
  Atomic<void**> shared[64];
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 20000; ++i) {
        void** const mine = slabs.Take();
        void** const other = shared[random() % 64].Exchange(mine);
        if (other != nullptr) slabs.Put(other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  slabs.Verify();
  EXPECT_LE(slabs.used_slots(), 64U);
}

}  // namespace
}  // namespace spanheap
