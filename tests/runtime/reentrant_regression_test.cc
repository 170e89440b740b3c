// SPDX-License-Identifier: MIT
//
// What a signal handler gets that interrupted a slow path of its own thread. The interrupted code
// is played by Occupied, which HeapSection treats like an open section.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>

#include "runtime/bootstrap.h"
#include "runtime/heap.h"
#include "runtime/occupied.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

class ReentrantRegressionTest : public testing::Test {
 protected:
  // No cache must serve: the size is rare, and nobody frees blocks of it.
  static constexpr size_t kRare = 12345;

  void SetUp() override { ASSERT_TRUE(heap::Start()); }
};

TEST_F(ReentrantRegressionTest, BlocksFromTheBootstrapArenaCanBeResizedLater) {
  void* p;
  {
    const Occupied occupied;
    p = heap::Allocate(kRare);
    ASSERT_TRUE(runtime.bootstrap.Contains(p));
    memset(p, 7, kRare);
  }
  auto* moved = static_cast<char*>(heap::Reallocate(p, 3 * kRare, "realloc"));
  ASSERT_NE(moved, nullptr);
  EXPECT_FALSE(runtime.bootstrap.Contains(moved));
  EXPECT_EQ(moved[0], 7);
  EXPECT_EQ(moved[kRare - 1], 7);
  heap::Free(moved, "free");
}

// The interrupted code may hold the lock of the large blocks.
TEST_F(ReentrantRegressionTest, ALargeBlockIsLeftAloneRatherThanLookedUp) {
  constexpr size_t kLarge = size_t{40} << 20;
  auto* p = static_cast<char*>(heap::Allocate(kLarge));
  ASSERT_NE(p, nullptr);
  p[0] = 9;
  {
    const Occupied occupied;
    EXPECT_EQ(heap::UsableSize(p, "malloc_usable_size"), 0U);
    EXPECT_EQ(heap::Reallocate(p, 2 * kLarge, "realloc"), nullptr);
    EXPECT_EQ(heap::Reallocate(p, 10, "realloc"), nullptr);
  }
  EXPECT_EQ(heap::UsableSize(p, "malloc_usable_size"), kLarge);
  EXPECT_EQ(p[0], 9);
  heap::Free(p, "free");
}

TEST_F(ReentrantRegressionTest, NothingIsWrittenIntoAForeignPointerThatIsIgnored) {
  ASSERT_TRUE(heap::SetOption("foreign", "ignore"));
  alignas(16) char foreign[64];
  memset(foreign, 5, sizeof foreign);
  {
    const Occupied occupied;
    heap::Free(foreign, "free");
  }
  heap::FreeDeferred();
  for (const char each : foreign) EXPECT_EQ(each, 5);
  ASSERT_TRUE(heap::SetOption("foreign", "abort"));
}

TEST_F(ReentrantRegressionTest, AForeignPointerDiesAtTheCall) {
  alignas(16) static const char foreign[64] = {};  // not to be written to
  EXPECT_EXIT(
      {
        const Occupied occupied;
        heap::Free(const_cast<char*>(foreign), "handler");
      },
      testing::KilledBySignal(SIGABRT), "handler\\(0x");
}

TEST_F(ReentrantRegressionTest, BlocksOfEverySizeAreFreedLater) {
  const uint64_t before = heap::Verify();
  void* blocks[] = {heap::Allocate(100), heap::Allocate(100'000), heap::Allocate(1 << 20),
                    heap::Allocate(40 << 20)};
  {
    const Occupied occupied;
    for (void* p : blocks) heap::Free(p, "free");
  }
  heap::FreeDeferred();
  EXPECT_EQ(heap::Verify(), before);
}

TEST_F(ReentrantRegressionTest, OccupiedNests) {
  const Occupied outer;
  { const Occupied inner; }
  EXPECT_NE(this_thread.occupied, 0U);
}

}  // namespace
}  // namespace spanheap
