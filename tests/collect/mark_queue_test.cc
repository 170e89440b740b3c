// SPDX-License-Identifier: MIT
//
// Batches of grey work: in which order they come out, and that none is lost between threads.
#include "collect/mark_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap::collected {
namespace {

class MarkQueueTest : public testing::Test {
 protected:
  MarkQueueTest() {
    metadata_.Init(memory_);
    queue_.Init(metadata_);
  }
  WorkBatch* BatchOf(uintptr_t entry) {
    WorkBatch* const batch = queue_.NewBatch();
    batch->entries[batch->count++] = entry;
    return batch;
  }
  uintptr_t Emptied(WorkBatch* batch) {
    const uintptr_t entry = batch->entries[0];
    batch->count = 0;
    queue_.FreeBatch(batch);
    return entry;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  MetadataArena metadata_;
  MarkQueue queue_;
};

TEST_F(MarkQueueTest, ObjectsAreTakenNewestFirstAndSpansOldestFirst) {
  for (uintptr_t i = 1; i <= 3; ++i) {
    queue_.PutObjects(BatchOf(i));
    queue_.PutSpans(BatchOf(10 * i));
  }
  for (const uintptr_t expected : {3U, 2U, 1U}) EXPECT_EQ(Emptied(queue_.TakeObjects()), expected);
  EXPECT_FALSE(queue_.has_objects());
  EXPECT_TRUE(queue_.has_spans());
  for (const uintptr_t expected : {10U, 20U, 30U}) EXPECT_EQ(Emptied(queue_.TakeSpans()), expected);
  EXPECT_TRUE(queue_.is_empty());
  EXPECT_EQ(queue_.TakeObjects(), nullptr);
  EXPECT_EQ(queue_.TakeSpans(), nullptr);
}

TEST_F(MarkQueueTest, EachBatchThatIsPutInCounts) {
  const uint64_t before = queue_.passed_on();
  queue_.PutObjects(BatchOf(1));
  queue_.PutSpans(BatchOf(2));
  EXPECT_EQ(queue_.passed_on(), before + 2);
  Emptied(queue_.TakeObjects());
  Emptied(queue_.TakeSpans());
  EXPECT_EQ(queue_.passed_on(), before + 2);
}

TEST_F(MarkQueueTest, BatchesThatWereFreedComeAgainEmpty) {
  WorkBatch* const batch = BatchOf(1);
  Emptied(batch);
  WorkBatch* const again = queue_.NewBatch();
  EXPECT_EQ(again, batch);
  EXPECT_TRUE(again->is_empty());
}

TEST_F(MarkQueueTest, ThreadsTakeEachEntryOnce) {
  constexpr uintptr_t kEntries = 20'000;
  constexpr int kThreads = 4;
  std::vector<std::atomic<int>> taken(kEntries);
  std::atomic<uintptr_t> left{kEntries};
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (uintptr_t i = t; i < kEntries; i += kThreads) {
        i % 2 == 0 ? queue_.PutObjects(BatchOf(i)) : queue_.PutSpans(BatchOf(i));
      }
      while (left != 0) {
        WorkBatch* batch = queue_.TakeObjects();
        if (batch == nullptr) batch = queue_.TakeSpans();
        if (batch == nullptr) continue;
        ++taken[Emptied(batch)];
        --left;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& times : taken) ASSERT_EQ(times, 1);
  EXPECT_TRUE(queue_.is_empty());
}

}  // namespace
}  // namespace spanheap::collected
