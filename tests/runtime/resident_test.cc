// SPDX-License-Identifier: MIT
//
// The report against the kernel: at a quiet point, what of the heap's pages counts as taken is what
// /proc/self/smaps shows as resident. What remains are slots of young spans that nobody has had
// yet: two to six MiB in a program that uses all classes.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "models/script_random.h"
#include "runtime/heap_fixture.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

class ResidentTest : public HeapFixture {
 protected:
  void TearDown() override {
    for (void* p : blocks_) heap::Free(p, "free");
    HeapFixture::TearDown();
  }
  void Take(size_t bytes) {
    for (size_t got = 0; got < bytes;) {
      const size_t size = random_.Size(20);
      void* p = heap::Allocate(size);
      ASSERT_NE(p, nullptr);
      // All that may be used: pages that only rounding would reach are not resident.
      memset(p, 1, heap::UsableSize(p, "test"));
      blocks_.push_back(p);
      got += size;
    }
  }
  // Resident bytes of the mappings that begin among the heap's pages.
  static uint64_t Resident() {
    const uintptr_t base = runtime.pages.tables().base.value;
    const size_t size = runtime.pages.tables().linear_bytes;
    std::ifstream file("/proc/self/smaps");
    uint64_t resident = 0;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string first;
      words >> first;
      if (const size_t dash = first.find('-'); dash != std::string::npos) {
        inside = std::stoull(first.substr(0, dash), nullptr, 16) - base < size;
      } else if (inside && first == "Rss:") {
        uint64_t kib = 0;
        words >> kib;
        resident += kib << 10;
      }
    }
    return resident;
  }
  static void ExpectAgreement(const char* when) {
    const HeapReport report = Report();
    ASSERT_TRUE(report.AddsUp());
    const uint64_t taken = report.counted_bytes - report.metadata_bytes - report.large_bytes;
    const auto resident = static_cast<double>(Resident());
    EXPECT_NEAR(static_cast<double>(taken), resident, resident / 50) << when;
  }

  std::vector<void*> blocks_;
  ScriptRandom random_{5};
};

TEST_F(ResidentTest, WhatCountsAsTakenIsResidentToWithinTwoHundredths) {
  if (os::HugePageSize().value != 0) heap::SetOption("hugepages", "off");
  Take(320 << 20);
  ExpectAgreement("after allocating");
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (random_.OneIn(2)) continue;
    std::swap(blocks_[i], blocks_.back());
    heap::Free(blocks_.back(), "free");
    blocks_.pop_back();
  }
  ExpectAgreement("after freeing");
  heap::Trim(0);
  ExpectAgreement("after giving back");
  Take(50 << 20);
  ExpectAgreement("after taking more");
}

using UntouchedTest = HeapFixture;

size_t ResidentPages(const void* block, size_t n) {
  const uintptr_t page = os::PageSize().value;
  const uintptr_t start = RoundUp(reinterpret_cast<uintptr_t>(block), page);
  std::vector<unsigned char> states(n / page);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(start), n / page * page, states.data()), 0);
  size_t resident = 0;
  for (const unsigned char state : states) resident += state & 1;
  return resident;
}

// What the kernel gives zeroed, at first and again after it was given back, is not written to.
// (Without huge pages: of those one is touched to see how long that takes.)
TEST_F(UntouchedTest, ZeroedBlocksOfFreshPagesAreNotResident) {
  if (os::HugePageSize().value != 0) heap::SetOption("hugepages", "off");
  for (const size_t n : {size_t{64} << 10, size_t{1} << 20, size_t{16} << 20, size_t{100} << 20}) {
    for (const char* when : {"fresh", "after giving back"}) {
      heap::Trim(0);
      void* block = heap::AllocateZeroed(n);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(ResidentPages(block, n), 0U) << n << " bytes, " << when;
      EXPECT_TRUE(IsFilled(block, n, 0));
      memset(block, 1, n);
      heap::Free(block, "free");
    }
  }
  heap::Trim(0);
}

}  // namespace
}  // namespace spanheap
