// SPDX-License-Identifier: MIT
//
// Sized frees at verify level 2 must not reject a size that the program has a right to state.
#include <gtest/gtest.h>

#include <thread>

#include "runtime/heap.h"
#include "runtime/heap_inl.h"

namespace spanheap {
namespace {

class StatedSizeRegressionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(heap::Start());
    ASSERT_TRUE(heap::SetOption("verify", "2"));
  }
  void TearDown() override {
    EXPECT_TRUE(heap::SetOption("verify", "1"));
    EXPECT_TRUE(heap::SetOption("sample", "0"));
  }
};

TEST_F(StatedSizeRegressionTest, BlocksShrunkInPlaceAreFreedWithTheirNewSize) {
  for (size_t from = 1; from <= 4096; from += from < 300 ? 1 : 111) {
    for (size_t to = 1; to < from; to += to < 40 ? 1 : 37) {
      void* p = heap::Reallocate(heap::Allocate(from), to, "realloc");
      ASSERT_NE(p, nullptr);
      heap::FreeSized(p, to, 0, "free_sized");
    }
  }
}

TEST_F(StatedSizeRegressionTest, SampledBlocksAreFreedWithTheSizeAskedFor) {
  ASSERT_TRUE(heap::SetOption("verify", "1"));
  ASSERT_TRUE(heap::SetOption("sample", "16"));
  std::thread([] {  // a new thread samples from its start on
    void* blocks[200];
    for (void*& p : blocks) {  // only the fast path counts bytes
      p = heap::TryAllocateFast(40);
      if (p == nullptr) p = heap::Allocate(40);
    }
    heap::SetOption("verify", "2");
    size_t sampled = 0;
    for (void* p : blocks) {
      sampled += heap::UsableSize(p, "malloc_usable_size") >= 4096 ? 1 : 0;
      heap::FreeSized(p, 40, 0, "free_sized");
    }
    EXPECT_GT(sampled, 0U);
  })
      .join();
}

TEST_F(StatedSizeRegressionTest, AWrongSizeIsStillNoticed) {
  void* p = heap::Allocate(1000);
  EXPECT_DEATH(heap::FreeSized(p, 40, 0, "free_sized"), "free_sized");
  EXPECT_DEATH(heap::FreeSized(p, 4000, 0, "free_sized"), "free_sized");
  heap::FreeSized(p, 1000, 0, "free_sized");
}

}  // namespace
}  // namespace spanheap
