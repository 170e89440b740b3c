// SPDX-License-Identifier: MIT
//
// Real threads on shared spans: slots taken by one are returned by another, spans are held, listed,
// emptied and made anew all the time. Each block carries a plain word that only its owner touches:
// a slot with two owners shows as a wrong word, and under ThreadSanitizer as a race. (What follows
// from the order of the steps alone, tests/model_check explores completely.)
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "base/atomic.h"
#include "span_fixture.h"

namespace spanheap {
namespace {

constexpr unsigned kThreads = 4;
constexpr unsigned kMailboxes = 4;

struct Shared {
  SpanHeap& spans;
  PageHeap& pages;
  unsigned malloc_class;
  uint32_t most_at_once;
  int rounds;
  std::barrier<> start;
  std::array<Atomic<void*>, kMailboxes> mailboxes;
  Atomic<uint64_t> faults;
  Atomic<uint64_t> taken;
};

class Worker {
 public:
  Worker(Shared& shared, unsigned number) : shared_(shared), random_(number + 1) {}

  void Run() {
    shared_.start.arrive_and_wait();
    for (int round = 0; round < shared_.rounds; ++round) {
      if (mine_.size() < 2 * shared_.most_at_once && random_() % 2 == 0) {
        Take(1 + static_cast<uint32_t>(random_()) % shared_.most_at_once);
      } else {
        Return(1 + static_cast<uint32_t>(random_()) % shared_.most_at_once);
      }
      Trade();
    }
    Drop();
    while (!mine_.empty()) Return(shared_.most_at_once);
    shared_.pages.Flush(cache_);
  }
  void ReturnMailboxes() {
    for (Atomic<void*>& mailbox : shared_.mailboxes) Receive(mailbox.Exchange(nullptr));
    while (!mine_.empty()) Return(shared_.most_at_once);
    shared_.pages.Flush(cache_);
  }

 private:
  static uint64_t MarkOf(const void* block) { return reinterpret_cast<uintptr_t>(block) * 31 + 7; }

  void Take(uint32_t want) {
    if (held_ == nullptr) {
      held_ = shared_.spans.TakeSpan(shared_.malloc_class, cache_);
      cursor_ = 0;
    }
    ASSERT_NE(held_, nullptr);
    void* out[SpanHeap::kMaxBatch];
    const uint32_t got = shared_.spans.TakeSlots(*held_, want, cursor_, out);
    for (uint32_t i = 0; i < got; ++i) {
      *static_cast<uint64_t*>(out[i]) = MarkOf(out[i]);
      mine_.push_back(out[i]);
    }
    shared_.taken.FetchAdd(got);
    if (got < want || random_() % 3 == 0) Drop();
  }
  void Drop() {
    if (held_ != nullptr) shared_.spans.DropSpan(*held_, cache_);
    held_ = nullptr;
  }
  void Return(uint32_t n) {
    void* out[SpanHeap::kMaxBatch];
    uint32_t count = 0;
    for (; count < n && !mine_.empty(); ++count) {
      std::swap(mine_[random_() % mine_.size()], mine_.back());
      auto* const word = static_cast<uint64_t*>(mine_.back());
      if (*word != MarkOf(word)) shared_.faults.FetchAdd(1);
      *word = 0;
      out[count] = word;
      mine_.pop_back();
    }
    if (count > 0) shared_.spans.ReturnSlots(shared_.malloc_class, out, count, cache_, "test");
  }
  // A block of ours for one of another thread's.
  void Trade() {
    if (mine_.empty()) return;
    void* const given = mine_.back();
    mine_.pop_back();
    Receive(shared_.mailboxes[random_() % kMailboxes].Exchange(given));
  }
  void Receive(void* block) {
    if (block != nullptr) mine_.push_back(block);
  }

  Shared& shared_;
  std::minstd_rand random_;
  PageCache cache_;
  Span* held_ = nullptr;
  uint32_t cursor_ = 0;
  std::vector<void*> mine_;
};

void Churn(unsigned malloc_class, uint32_t most_at_once, int rounds) {
  SpanFixture fixture;
  Shared shared{fixture.spans(),
                fixture.pages(),
                malloc_class,
                most_at_once,
                rounds,
                std::barrier<>(kThreads),
                {},
                {},
                {}};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([&shared, i] { Worker(shared, i).Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  Worker(shared, kThreads).ReturnMailboxes();
  EXPECT_EQ(shared.faults.LoadAcquire(), 0U);
  EXPECT_GT(shared.taken.LoadAcquire(), uint64_t{kThreads} * static_cast<uint64_t>(rounds) / 4);
  fixture.ExpectEmpty();
}

// The fewest slots: spans become full and empty with nearly every call.
TEST(SpanHeapThreadsTest, SpansOfFewSlotsChangeHands) { Churn(kSmallClasses, 3, 150'000); }
// Spans of one bitmap word.
TEST(SpanHeapThreadsTest, SpansOfOneWordChangeHands) { Churn(32, 16, 50'000); }
// Spans of many words, whole batches.
TEST(SpanHeapThreadsTest, SpansOfManyWordsChangeHands) { Churn(1, SpanHeap::kMaxBatch, 10'000); }

// A double free by two threads at once: one of them has it, the other is told.
TEST(SpanHeapThreadsTest, ASoloBlockIsFreedByOneOfTwoThreads) {
  SpanFixture fixture;
  PageCache caches[2];
  std::barrier<> turn(2);
  Atomic<Span*> record{nullptr};
  Atomic<uint64_t> frees{0};
  constexpr int kRounds = 5000;
  auto race = [&](unsigned who) {
    for (int round = 0; round < kRounds; ++round) {
      if (who == 0) {
        void* const block = fixture.spans().AllocateSolo(Bytes(20'000), caches[0]);
        record.StoreRelease(fixture.spans().SpanOf(AddressOf(block)));
      }
      turn.arrive_and_wait();
      if (fixture.spans().FreeSolo(*record.LoadAcquire(), caches[who])) frees.FetchAdd(1);
      turn.arrive_and_wait();
    }
  };
  std::thread other(race, 1);
  race(0);
  other.join();
  EXPECT_EQ(frees.LoadAcquire(), uint64_t{kRounds});
  for (PageCache& cache : caches) fixture.pages().Flush(cache);
  fixture.ExpectEmpty();
  EXPECT_EQ(fixture.spans().solo_bytes(), 0U);
}

}  // namespace
}  // namespace spanheap
