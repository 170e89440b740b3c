// SPDX-License-Identifier: MIT
//
// Span: its bits against a plain vector, its invariants in the span heap.
#include "spans/span.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <thread>
#include <vector>

#include "models/script_random.h"
#include "span_fixture.h"

namespace spanheap {
namespace {

TEST(SpanTest, PaddingIsWhatNoSlotStandsFor) {
  Span span;
  for (uint16_t slots = 1; slots <= 4096; ++slots) {
    span.slots = slots;
    ASSERT_EQ(span.word_count(), (slots + 63U) / 64);
    uint64_t expected = 0;
    for (uint32_t bit = slots; bit < span.word_count() * 64; ++bit) {
      expected |= uint64_t{1} << (bit % 64);
    }
    ASSERT_EQ(span.padding(), expected) << slots << " slots";
  }
}

void SetAndClearAtRandom(uint64_t seed) {
  constexpr uint32_t kWords = 16;
  Atomic<uint64_t> words[kWords];
  Span span;
  span.bits = words;
  uint64_t model[kWords] = {};
  ScriptRandom random(seed);
  for (int step = 0; step < 50'000; ++step) {
    const auto word = static_cast<uint32_t>(random.Below(kWords));
    const uint64_t mask = random.Next() & random.Next();
    const uint64_t before = model[word];
    if (random.OneIn(2)) {
      ASSERT_EQ(span.SetBits(word, mask), before);
      model[word] |= mask;
    } else {
      ASSERT_EQ(span.ClearBits(word, mask), before);
      model[word] &= ~mask;
    }
    ASSERT_EQ(words[word].LoadAcquire(), model[word]);
  }
}

TEST(SpanTest, SetsAndClearsBitsAsAPlainWordDoes) { SetAndClearAtRandom(1); }

TEST(SpanTest, SetsAndClearsBitsWithAnotherThreadThere) {
  std::atomic<bool> done{false};
  std::thread other([&done] { done.wait(false); });
  SetAndClearAtRandom(2);
  done = true;
  done.notify_one();
  other.join();
}

TEST(SpanTest, EverySlotIsTakenOnceWhileOthersClear) {
  SpanFixture fixture;
  PageCache pages;
  Span* const span = fixture.spans().TakeSpan(1, pages);
  ASSERT_NE(span, nullptr);
  const uint32_t slots = span->slots;
  std::vector<std::atomic<void*>> mailboxes(64);
  std::atomic<bool> done{false};
  std::vector<std::thread> clearers;
  for (int i = 0; i < 2; ++i) {
    clearers.emplace_back([&] {
      PageCache own;
      bool last_round = false;
      while (!last_round) {
        last_round = done;
        for (std::atomic<void*>& mailbox : mailboxes) {
          if (void* block = mailbox.exchange(nullptr)) {
            fixture.spans().ReturnSlots(1, &block, 1, own, "test");
          }
        }
      }
    });
  }
  ScriptRandom random(3);
  uint32_t cursor = 0;
  for (int step = 0; step < 100'000; ++step) {
    std::atomic<void*>& mailbox = mailboxes[random.Below(mailboxes.size())];
    void* block = nullptr;
    if (mailbox.load() != nullptr) continue;
    ASSERT_EQ(fixture.spans().TakeSlots(*span, 1, cursor, &block), 1U);
    mailbox = block;
  }
  done = true;
  for (std::thread& thread : clearers) thread.join();
  EXPECT_EQ(span->ownership.free_count(), slots);
  for (uint32_t word = 0; word < span->word_count(); ++word) {
    EXPECT_EQ(span->bits[word].LoadAcquire(), 0U);
  }
  fixture.spans().DropSpan(*span, pages);
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

TEST(SpanTest, BitsAndFreeCountAddUpAndPagesLeadToTheRecord) {
  SpanFixture fixture;
  PageCache pages;
  for (unsigned c = 1; c <= kSmallClasses; ++c) {
    Span* const span = fixture.spans().TakeSpan(c, pages);
    ASSERT_NE(span, nullptr);
    std::vector<void*> blocks(1 + span->slots / 3);
    uint32_t cursor = 0;
    const auto want = static_cast<uint32_t>(blocks.size());
    ASSERT_EQ(fixture.spans().TakeSlots(*span, want, cursor, blocks.data()), want);
    uint32_t set = 0;
    for (uint32_t word = 0; word < span->word_count(); ++word) {
      set += static_cast<uint32_t>(std::popcount(span->bits[word].LoadAcquire()));
    }
    set -= static_cast<uint32_t>(std::popcount(span->padding()));
    EXPECT_EQ(set, want);
    EXPECT_EQ(span->ownership.free_count(), span->slots - want);
    for (uint32_t page = 0; page < span->pages; ++page) {
      const Address a = fixture.pages().AddressOf(span->first + Pages(page));
      EXPECT_EQ(fixture.spans().SpanOf(a + Bytes(page * 7)), span);
    }
    for (void*& block : blocks) fixture.spans().ReturnSlots(c, &block, 1, pages, "test");
    const Address start = fixture.pages().AddressOf(span->first);
    fixture.spans().DropSpan(*span, pages);
    fixture.spans().GiveUpSpares();
    EXPECT_EQ(fixture.spans().SpanOf(start), nullptr);
    EXPECT_EQ(span->state.LoadAcquire(), SpanState::kUnused);  // the record can still be read
  }
  fixture.pages().Flush(pages);
  fixture.ExpectEmpty();
}

}  // namespace
}  // namespace spanheap
