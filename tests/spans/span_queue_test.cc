// SPDX-License-Identifier: MIT
//
// SpanQueue against a std::set of page numbers, with random pushes, pops and removals.
#include "spans/span_queue.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <set>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

constexpr uint32_t kSpans = 300;

class SpanQueueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(table_.Init(memory_, {4096}));
    for (uint32_t i = 0; i < kSpans; ++i) {
      Span* const span = table_.Allocate(64);
      ASSERT_NE(span, nullptr);
      span->first = PageIndex((i * 7919) % 10007);  // all different, in no order
      unused_.push_back(span);
    }
  }

  Span* TakeUnused(std::minstd_rand& random) {
    std::swap(unused_[random() % unused_.size()], unused_.back());
    Span* const span = unused_.back();
    unused_.pop_back();
    return span;
  }

  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  SpanTable table_;
  SpanQueue queue_;
  std::vector<Span*> unused_;
};

struct ByPage {
  bool operator()(const Span* a, const Span* b) const { return a->first < b->first; }
};

TEST_F(SpanQueueTest, GivesTheLowestAndLetsAnyBeTakenOut) {
  std::minstd_rand random(5);
  std::set<Span*, ByPage> expected;
  for (int step = 0; step < 50000; ++step) {
    ASSERT_EQ(queue_.empty(), expected.empty());
    const unsigned what = random() % 5;
    // Phases that fill and phases that empty.
    const bool push = what < (step / 1000 % 2 == 0 ? 3U : 2U);
    if (push && !unused_.empty()) {
      Span* const span = TakeUnused(random);
      queue_.Push(table_, span);
      expected.insert(span);
    } else if (what % 2 == 0 && !expected.empty()) {
      const auto at = std::next(expected.begin(), static_cast<long>(random() % expected.size()));
      queue_.Remove(table_, *at);
      unused_.push_back(*at);
      expected.erase(at);
    } else {
      Span* const span = queue_.Pop(table_);
      ASSERT_EQ(span, expected.empty() ? nullptr : *expected.begin());
      if (span == nullptr) continue;
      expected.erase(span);
      unused_.push_back(span);
    }
  }
}

TEST_F(SpanQueueTest, SortsWhatWasPushed) {
  for (Span* const span : unused_) queue_.Push(table_, span);
  PageIndex last(0);
  for (uint32_t i = 0; i < kSpans; ++i) {
    Span* const span = queue_.Pop(table_);
    ASSERT_NE(span, nullptr);
    EXPECT_TRUE(i == 0 || span->first > last);
    last = span->first;
  }
  EXPECT_EQ(queue_.Pop(table_), nullptr);
}

}  // namespace
}  // namespace spanheap
