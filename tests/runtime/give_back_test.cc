// SPDX-License-Identifier: MIT
//
// Giving back at once: what sleeping threads keep, and who gets in between.
#include "runtime/give_back.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "runtime/heap_fixture.h"
#include "runtime/runtime.h"
#include "runtime/sleepers.h"

namespace spanheap {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class GiveBackTest : public HeapFixture {
 protected:
  static void FillAndFree(size_t bytes) {
    std::vector<void*> blocks(bytes / kMiB);
    for (void*& p : blocks) Fill(p = heap::Allocate(kMiB), kMiB, 1);
    for (void* p : blocks) heap::Free(p, "free");
  }
};

// A report waits until no thread is in a section: if the release were one, it would wait for all.
// On a busy machine the others may be given no processor while it lasts, but not each time.
TEST_F(GiveBackTest, OthersGetInBetweenThePieces) {
  std::atomic<bool> begun{false};
  std::atomic<bool> over{false};
  std::atomic<unsigned> reports{0};
  std::thread reader([&] {
    Report();
    begun = true;
    while (!over) {
      Report();
      ++reports;
    }
  });
  while (!begun) std::this_thread::yield();
  unsigned most = 0;
  for (int round = 0; round < 50 && most < 6; ++round) {
    heap::Trim(0);
    FillAndFree(256 * kMiB);
    const uint64_t before = Report().released_forced_bytes;
    const unsigned reports_before = reports;
    EXPECT_TRUE(heap::Trim(0));
    most = std::max(most, reports - reports_before);
    EXPECT_GE(Report().released_forced_bytes - before, 250 * kMiB);
  }
  over = true;
  reader.join();
  EXPECT_GE(most, 6U) << "of 64 pieces";
}

#if !defined(__SANITIZE_THREAD__)  // nobody is trimmed there: runtime/idle_caches.cc
TEST_F(GiveBackTest, SleepingThreadsKeepNothing) {
  heap::Trim(0);
  Sleepers sleepers(20, [] {
    std::vector<void*> blocks(4000);
    for (void*& p : blocks) p = heap::Allocate(200);
    for (void* p : blocks) heap::Free(p, "free");
  });
  const uint64_t before = Report().thread_cache_bytes;
  if (before < 80'000) GTEST_SKIP() << "every free goes back at once";
  TrimSleepingThreads();
  EXPECT_LE(Report().thread_cache_bytes, before / 10);
}
#endif

}  // namespace
}  // namespace spanheap
