// SPDX-License-Identifier: MIT
//
// Runs that a thread keeps for its next large block: what is freed wrongly must not be handed out.
#include <gtest/gtest.h>

#include "runtime/heap.h"

namespace spanheap {
namespace {

TEST(KeptRunRegressionTest, AMisalignedFreeIsNoticedBeforeTheRunIsKept) {
  ASSERT_TRUE(heap::Start());
  auto* p = static_cast<char*>(heap::Allocate(size_t{1} << 20));
  ASSERT_NE(p, nullptr);
  EXPECT_DEATH(heap::Free(p + 16, "free"), "free.*not the start of a block");
  EXPECT_DEATH(heap::Free(p + 4096, "free"), "free.*not the start of a block");
  heap::Free(p, "free");
  EXPECT_EQ(heap::Allocate(size_t{1} << 20), p);
  heap::Free(p, "free");
}

}  // namespace
}  // namespace spanheap
