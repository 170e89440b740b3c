// SPDX-License-Identifier: MIT
//
// Blocks come back in every order, while one thread may come in and while several may: the loops
// that handle them (lone_return.h, return_batch.h) differ by both. The plain model is the set of
// blocks still out.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "span_fixture.h"
#include "sync/alone.h"

namespace spanheap {
namespace {

using Blocks = std::vector<void*>;

// Without company, the heap is told that no other thread may come in.
class Company {
 public:
  explicit Company(bool wanted) { SetAlone(!wanted); }
  ~Company() { SetAlone(false); }
  Company(const Company&) = delete;
  Company& operator=(const Company&) = delete;
};

// Blocks of whole spans, so that neighbours, words and span borders all occur.
Blocks TakeSpans(SpanFixture& fixture, unsigned c, unsigned spans, PageCache& cache) {
  Blocks blocks;
  for (unsigned i = 0; i < spans; ++i) {
    Span* const span = fixture.spans().TakeSpan(c, cache);
    uint32_t cursor = 0;
    for (uint32_t left = span->slots; left > 0;) {
      void* out[SpanHeap::kMaxBatch];
      const uint32_t got =
          fixture.spans().TakeSlots(*span, std::min(left, SpanHeap::kMaxBatch), cursor, out);
      blocks.insert(blocks.end(), out, out + got);
      left -= got;
    }
    fixture.spans().DropSpan(*span, cache);
  }
  return blocks;
}

void Return(SpanFixture& fixture, unsigned c, const Blocks& blocks, PageCache& cache) {
  fixture.spans().ReturnSlots(c, blocks.data(), static_cast<uint32_t>(blocks.size()), cache,
                              "test");
}

enum class Order { kAscending, kDescending, kShuffled, kDealt };

void Arrange(Blocks& blocks, Order order) {
  std::sort(blocks.begin(), blocks.end());
  if (order == Order::kDescending) std::reverse(blocks.begin(), blocks.end());
  if (order == Order::kShuffled) std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(5));
  if (order == Order::kDealt) {  // from four places in turn: each neighbour in another span
    Blocks dealt;
    const size_t quarter = blocks.size() / 4;
    for (size_t i = 0; i < quarter; ++i) {
      for (size_t place = 0; place < 4; ++place) dealt.push_back(blocks[place * quarter + i]);
    }
    dealt.insert(dealt.end(), blocks.begin() + static_cast<ptrdiff_t>(quarter * 4), blocks.end());
    blocks = dealt;
  }
}

// Returns all but the last few, in pieces of `piece`, checking the use after each.
void ReturnInPieces(SpanFixture& fixture, unsigned c, Blocks& blocks, size_t piece,
                    PageCache& cache) {
  while (blocks.size() > 3) {
    const size_t n = std::min(piece, blocks.size() - 3);
    Return(fixture, c, Blocks(blocks.end() - static_cast<ptrdiff_t>(n), blocks.end()), cache);
    blocks.resize(blocks.size() - n);
    ASSERT_EQ(fixture.VerifiedUse(), blocks.size());
  }
}

class ReturnOrderTest : public testing::TestWithParam<bool> {};

TEST_P(ReturnOrderTest, EveryOrderFreesExactlyItsBlocks) {
  const Company company(GetParam());
  for (const unsigned c : {1U, 4U, 16U, 40U, kSmallClasses}) {
    for (const Order order :
         {Order::kAscending, Order::kDescending, Order::kShuffled, Order::kDealt}) {
      SpanFixture fixture;
      PageCache cache;
      Blocks blocks = TakeSpans(fixture, c, 5, cache);
      Arrange(blocks, order);
      ReturnInPieces(fixture, c, blocks, c < 16 ? 1500 : 70, cache);
      // What is left is what the model says: it comes back, and then nothing is out.
      Return(fixture, c, blocks, cache);
      fixture.pages().Flush(cache);
      fixture.ExpectEmpty();
    }
  }
}

TEST_P(ReturnOrderTest, ABlockThatComesTwiceEndsTheProcess) {
  const Company company(GetParam());
  for (const Order order : {Order::kDescending, Order::kShuffled}) {
    SpanFixture fixture;
    PageCache cache;
    Blocks blocks = TakeSpans(fixture, 4, 6, cache);
    Arrange(blocks, order);
    Blocks some(blocks.begin(), blocks.begin() + 300);
    some.push_back(some[17]);
    EXPECT_DEATH(Return(fixture, 4, some, cache), "test.*double free");
    some.pop_back();
    Return(fixture, 4, some, cache);
    std::swap(some[9], blocks[400]);
    EXPECT_DEATH(Return(fixture, 4, some, cache), "test.*double free");
  }
}

TEST_P(ReturnOrderTest, APointerIntoABlockEndsTheProcess) {
  const Company company(GetParam());
  for (const Order order : {Order::kAscending, Order::kShuffled}) {
    SpanFixture fixture;
    PageCache cache;
    Blocks blocks = TakeSpans(fixture, 4, 6, cache);
    Arrange(blocks, order);
    blocks.resize(200);
    blocks[100] = static_cast<char*>(blocks[100]) + 16;
    EXPECT_DEATH(Return(fixture, 4, blocks, cache), "test.*not the start");
  }
}

INSTANTIATE_TEST_SUITE_P(AloneAndNot, ReturnOrderTest, testing::Bool(),
                         [](const auto& way) { return way.param ? "InCompany" : "Alone"; });

}  // namespace
}  // namespace spanheap
