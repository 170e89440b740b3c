// SPDX-License-Identifier: MIT
//
// FakeMemory: refuses and counts as told, dies on what os/memory.h forbids, and agrees with the
// kernel where that is behind it.
#include "os/fake_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace spanheap::os {
namespace {

using Backing = FakeMemory::Backing;

TEST(FakeMemoryTest, MadeUpReservationsCostNothingAndDoNotTouch) {
  FakeMemory memory(Backing::kNone, Address(2_GiB .value));
  const Address a = memory.Reserve(1024_GiB, 2_GiB, "a");
  const Address b = memory.Reserve(1024_GiB, 64_MiB, "b");
  EXPECT_EQ(a.value, (2_GiB).value);
  EXPECT_EQ(b.value % (64_MiB).value, 0U);
  EXPECT_GT(b, a + 1024_GiB);
  EXPECT_TRUE(memory.MakeReady(a, 1024_GiB));
  EXPECT_EQ(memory.ready_bytes(), 1024_GiB);
  EXPECT_EQ(memory.StateAt(b), RangeState::kReserved);
}

TEST(FakeMemoryTest, CountsEveryCall) {
  FakeMemory memory(Backing::kNone);
  const Address a = memory.Reserve(16_MiB, 1_MiB, nullptr);
  EXPECT_TRUE(memory.MakeReady(a, 4_MiB));
  EXPECT_TRUE(memory.Release(a, 1_MiB));
  EXPECT_TRUE(memory.ReleaseLazily(a + 1_MiB, 2_MiB));
  memory.AdviseHuge(a, 2_MiB);
  EXPECT_EQ(memory.Resize(a, 4_MiB, 6_MiB, Address()), a);
  EXPECT_EQ(memory.Resize(a, 6_MiB, 5_MiB, a + 8_MiB), a + 8_MiB);
  EXPECT_TRUE(memory.MakeInaccessible(a + 8_MiB, 5_MiB));
  EXPECT_EQ(memory.ready_bytes().value, 0U);
  EXPECT_EQ(memory.range_count(), 1U);
  memory.Unreserve(a, 16_MiB);
  EXPECT_EQ(memory.range_count(), 0U);
  const FakeMemory::Calls& calls = memory.calls();
  EXPECT_EQ(calls.reserve + calls.make_ready + calls.release + calls.release_lazily, 4U);
  EXPECT_EQ(calls.advise_huge + calls.make_inaccessible + calls.unreserve, 3U);
  EXPECT_EQ(calls.resize, 2U);
  EXPECT_EQ(calls.released, 3_MiB);
  EXPECT_EQ(calls.refusable(), 4U);
}

TEST(FakeMemoryTest, RefusesOneCallOrAllFromOneOn) {
  FakeMemory memory(Backing::kNone);
  const Address a = memory.Reserve(16_MiB, 1_MiB, nullptr);
  memory.RefuseOnly(2);
  EXPECT_TRUE(memory.MakeReady(a, 1_MiB));
  EXPECT_FALSE(memory.MakeReady(a + 1_MiB, 1_MiB));
  EXPECT_EQ(memory.StateAt(a + 1_MiB), RangeState::kReserved);
  EXPECT_TRUE(memory.MakeReady(a + 1_MiB, 1_MiB));
  memory.RefuseFrom(1);
  EXPECT_EQ(memory.Reserve(1_MiB, 1_MiB, nullptr).value, 0U);
  EXPECT_EQ(memory.Resize(a, 1_MiB, 1_MiB, a + 8_MiB).value, 0U);
  memory.RefuseFrom(0);
  EXPECT_NE(memory.Reserve(1_MiB, 1_MiB, nullptr).value, 0U);
  EXPECT_EQ(memory.calls().refused, 3U);
}

TEST(FakeMemoryTest, LimitsAddressSpaceAndKeepsLockedPages) {
  FakeMemory memory(Backing::kNone);
  memory.set_address_space(10_MiB);
  const Address a = memory.Reserve(8_MiB, 1_MiB, nullptr);
  EXPECT_NE(a.value, 0U);
  EXPECT_EQ(memory.Reserve(4_MiB, 1_MiB, nullptr).value, 0U);
  EXPECT_NE(memory.Reserve(2_MiB, 1_MiB, nullptr).value, 0U);
  ASSERT_TRUE(memory.MakeReady(a, 1_MiB));
  memory.set_locked(true);
  EXPECT_FALSE(memory.Release(a, 1_MiB));
  EXPECT_FALSE(memory.ReleaseLazily(a, 1_MiB));
}

TEST(FakeMemoryTest, KernelMemoryCanBeUsed) {
  FakeMemory memory(Backing::kKernel);
  const Address a = memory.Reserve(8_MiB, 2_MiB, "spanheap test");
  ASSERT_TRUE(memory.MakeReady(a, 1_MiB));
  memset(PointerTo(a), 9, (1_MiB).value);
  ASSERT_EQ(memory.Resize(a, 1_MiB, 2_MiB, a + 4_MiB), a + 4_MiB);
  EXPECT_EQ(PointerTo<char>(a + 4_MiB)[77], 9);
  ASSERT_TRUE(memory.Release(a + 4_MiB, 2_MiB));
  EXPECT_EQ(PointerTo<char>(a + 4_MiB)[77], 0);
}

TEST(FakeMemoryTest, ThreadsShareIt) {
  FakeMemory memory(Backing::kNone);
  const Address a = memory.Reserve(64_MiB, 1_MiB, nullptr);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&memory, a, t] {
      for (size_t i = t; i < 64; i += 4) EXPECT_TRUE(memory.MakeReady(a + 1_MiB * i, 1_MiB));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.ready_bytes(), 64_MiB);
  EXPECT_EQ(memory.range_count(), 1U);
}

TEST(FakeMemoryTest, RemembersTheLastAdviceUntilTheMappingGoes) {
  FakeMemory memory(Backing::kNone);
  const Address a = memory.Reserve(8_MiB, 1_MiB, nullptr);
  EXPECT_TRUE(memory.AdviseHuge(a, 4_MiB));
  EXPECT_TRUE(memory.AdviseOrdinary(a + 2_MiB, 4_MiB));
  EXPECT_TRUE(memory.IsAdvisedHuge(a + 1_MiB));
  EXPECT_FALSE(memory.IsAdvisedHuge(a + 3_MiB));
  EXPECT_TRUE(memory.IsAdvisedOrdinary(a + 5_MiB));
  memory.set_advice_is_refused(true);
  EXPECT_FALSE(memory.AdviseHuge(a + 2_MiB, 1_MiB));
  EXPECT_FALSE(memory.IsAdvisedHuge(a + 2_MiB));
  ASSERT_TRUE(memory.MakeReady(a, 1_MiB));
  ASSERT_TRUE(memory.MakeInaccessible(a, 1_MiB));
  EXPECT_FALSE(memory.IsAdvisedHuge(a));
  EXPECT_TRUE(memory.IsAdvisedHuge(a + 1_MiB));
}

TEST(FakeMemoryDeathTest, DiesOnForbiddenTransitions) {
  FakeMemory memory(Backing::kNone);
  const Address a = memory.Reserve(8_MiB, 1_MiB, nullptr);
  ASSERT_TRUE(memory.MakeReady(a, 2_MiB));
  EXPECT_DEATH(memory.MakeReady(a + 1_MiB, 2_MiB), "MakeReady: not Reserved");
  EXPECT_DEATH(memory.MakeReady(a + 7_MiB, 2_MiB), "MakeReady: not Reserved");
  EXPECT_DEATH(memory.Release(a + 1_MiB, 2_MiB), "Release: not Ready");
  EXPECT_DEATH(memory.ReleaseLazily(a + 4_MiB, 1_MiB), "ReleaseLazily: not Ready");
  EXPECT_DEATH(memory.MakeInaccessible(a + 4_MiB, 1_MiB), "MakeInaccessible: not Ready");
  EXPECT_DEATH(memory.AdviseHuge(a + 7_MiB, 2_MiB), "AdviseHuge: not ours");
  EXPECT_DEATH(memory.AdviseOrdinary(a + 7_MiB, 2_MiB), "AdviseOrdinary: not ours");
  EXPECT_DEATH(memory.Collapse(a + 1_MiB, 2_MiB), "Collapse: not Ready");
  EXPECT_DEATH(memory.TouchFirst_ns(a + 4_MiB), "TouchFirst: not Ready");
  EXPECT_DEATH(memory.Resize(a, 1_MiB, 2_MiB, Address()), "not Reserved");
  EXPECT_DEATH(memory.Resize(a, 2_MiB, 2_MiB, a + 1_MiB), "not Reserved");
  EXPECT_DEATH(memory.Unreserve(a, 9_MiB), "Unreserve: not ours");
  EXPECT_DEATH(memory.MakeReady(a + 3_B, 1_MiB), "internal error");
}

// The same random calls go to the kernel through the model; the model dies if it disagrees, and
// every ready page must hold what was written there or zero.
TEST(FakeMemoryTest, RandomCallsAgreeWithTheKernel) {
  constexpr size_t kUnits = 32;
  FakeMemory memory(Backing::kKernel);
  const Bytes unit = PageSize();
  const Address base = memory.Reserve(unit * kUnits, unit, nullptr);
  std::vector<char> content(kUnits, 0);
  std::mt19937 random(11);
  for (int step = 0; step < 3000; ++step) {
    const size_t i = random() % kUnits;
    const Address a = base + unit * i;
    if (memory.StateAt(a) == RangeState::kReserved) {
      ASSERT_TRUE(memory.MakeReady(a, unit));
      content[i] = 0;
    }
    ASSERT_EQ(*PointerTo<char>(a), content[i]);
    const unsigned what = random() % 3;
    ASSERT_TRUE(what != 0 || memory.Release(a, unit));
    ASSERT_TRUE(what != 1 || memory.MakeInaccessible(a, unit));
    content[i] = 0;
    if (what == 2) *PointerTo<char>(a) = content[i] = static_cast<char>(1 + random() % 100);
  }
}

}  // namespace
}  // namespace spanheap::os
