// SPDX-License-Identifier: MIT
//
// What tests of the process's heap share. Linked without replacing malloc: what the test itself
// allocates does not show in the counts.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "observe/heap_report.h"
#include "runtime/heap.h"

namespace spanheap {

// The rest of a block repeats its first bytes: cheap for large ones, every byte of small ones.
inline void Fill(void* block, size_t n, unsigned char mark) {
  auto* bytes = static_cast<unsigned char*>(block);
  for (size_t i = 0; i < n; i += i < 4096 ? 1 : 1021) bytes[i] = mark;
  if (n > 0) bytes[n - 1] = mark;
}
inline bool IsFilled(const void* block, size_t n, unsigned char mark) {
  const auto* bytes = static_cast<const unsigned char*>(block);
  for (size_t i = 0; i < n; i += i < 4096 ? 1 : 1021) {
    if (bytes[i] != mark) return false;
  }
  return true;
}

inline bool IsAligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

class HeapFixture : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(heap::Start());
    live_before_ = heap::Verify();
  }
  void TearDown() override { ExpectLive(0); }

  // Exactly so many blocks are live beyond those before the test, and the report adds up.
  void ExpectLive(uint64_t blocks) const {
    EXPECT_EQ(heap::Verify() - live_before_, blocks);
    EXPECT_TRUE(Report().AddsUp());
  }
  static HeapReport Report() {
    HeapReport report;
    heap::ReadReport(report);
    return report;
  }

 private:
  uint64_t live_before_ = 0;
};

}  // namespace spanheap
