// SPDX-License-Identifier: MIT
#include "spans/span_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "os/fake_memory.h"

namespace spanheap {
namespace {

class SpanTableTest : public ::testing::Test {
 protected:
  os::FakeMemory memory_{os::FakeMemory::Backing::kKernel};
  SpanTable table_;
};

bool AllClear(const Span& span, uint32_t slots) {
  for (uint32_t w = 0; w < (slots + 63) / 64; ++w) {
    if (span.bits[w].LoadAcquire() != 0) return false;
  }
  return true;
}

TEST_F(SpanTableTest, RecordsAreDistinctAndNumbered) {
  ASSERT_TRUE(table_.Init(memory_, {8192}));
  std::set<uint32_t> numbers;
  for (int i = 0; i < 3000; ++i) {
    Span* const span = table_.Allocate(10);
    ASSERT_NE(span, nullptr);
    const uint32_t number = table_.IndexOf(span);
    EXPECT_NE(number, 0U);
    EXPECT_EQ(&table_.At(number), span);
    numbers.insert(number);
  }
  EXPECT_EQ(numbers.size(), 3000U);
  EXPECT_EQ(table_.end(), 3001U);
}

TEST_F(SpanTableTest, BitsAreClearHoweverTheRecordWasUsedBefore) {
  ASSERT_TRUE(table_.Init(memory_, {4096}));
  for (int round = 0; round < 3; ++round) {
    std::vector<Span*> spans;
    for (const uint32_t slots : {1U, 64U, 65U, 128U, 1000U, 4096U, 8192U}) {
      Span* const span = table_.Allocate(slots);
      ASSERT_NE(span, nullptr);
      ASSERT_TRUE(AllClear(*span, slots)) << slots;
      EXPECT_EQ(span->slots, slots);
      for (uint32_t w = 0; w < (slots + 63) / 64; ++w) span->bits[w].StoreRelease(~uint64_t{0});
      spans.push_back(span);
    }
    for (Span* const span : spans) table_.Free(span);
  }
  EXPECT_LE(table_.end(), 16U);  // records are used again
}

TEST_F(SpanTableTest, MemoryOfUnusedRecordsAndBitmapsGoesBack) {
  ASSERT_TRUE(table_.Init(memory_, {8192}));
  std::vector<Span*> spans(4096);
  for (Span*& span : spans) span = table_.Allocate(1024);
  for (Span* const span : spans) table_.Free(span);
  table_.GiveBackIdle();
  EXPECT_EQ(memory_.calls().released, Bytes(0));
  table_.GiveBackIdle();
  constexpr Bytes kRecords{4096 * sizeof(Span)};
  constexpr Bytes kBits{4096 * 1024 / 8};
  EXPECT_GE(memory_.calls().released, kRecords + kBits - 8_KiB);  // a page of each has cell 0
  EXPECT_EQ(table_.Allocate(1024), spans.front());
}

TEST_F(SpanTableTest, EndsWhenItIsFull) {
  ASSERT_TRUE(table_.Init(memory_, {2048}));
  uint32_t got = 0;
  while (table_.Allocate(1) != nullptr) ++got;
  EXPECT_EQ(got, 2047U);
  Span* const some = &table_.At(77);
  table_.Free(some);
  EXPECT_EQ(table_.Allocate(1), some);
}

TEST_F(SpanTableTest, ARefusalLosesNothing) {
  memory_.RefuseOnly(1);
  EXPECT_FALSE(table_.Init(memory_, {4096}));
  ASSERT_TRUE(table_.Init(memory_, {4096}));
  for (const unsigned n : {1U, 2U, 1U}) {  // the first step of each array; then one is there
    memory_.RefuseOnly(n);
    EXPECT_EQ(table_.Allocate(8192), nullptr) << n;
  }
  memory_.RefuseFrom(0);
  uint32_t got = table_.Allocate(8192) != nullptr ? 1 : 0;
  memory_.RefuseFrom(1);
  while (table_.Allocate(1) != nullptr) ++got;
  EXPECT_GT(got, 0U);
  memory_.RefuseFrom(0);
  while (table_.Allocate(1) != nullptr) ++got;
  EXPECT_EQ(got, 4095U);
}

TEST_F(SpanTableTest, ARefusedBitmapGivesTheRecordBack) {
  ASSERT_TRUE(table_.Init(memory_, {1024}));
  uint32_t got = table_.Allocate(8192) != nullptr ? 1 : 0;
  memory_.RefuseFrom(1);
  while (table_.Allocate(8192) != nullptr) ++got;
  EXPECT_GT(got, 0U);
  memory_.RefuseFrom(0);
  while (table_.Allocate(1) != nullptr) ++got;
  EXPECT_EQ(got, 1023U);
}

}  // namespace
}  // namespace spanheap
