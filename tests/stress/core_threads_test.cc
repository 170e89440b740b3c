// SPDX-License-Identifier: MIT
//
// The heap's own calls in many threads, linked without replacing malloc, so that the sanitizers
// work: ThreadSanitizer sees whether a block's way from the thread that freed it to the thread that
// gets it next is ordered; the plain flavours see whether blocks overlap and whether any is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "models/script_random.h"
#include "runtime/heap.h"

namespace spanheap {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kSteps = 20'000;
#else
constexpr uint64_t kSteps = 100'000;
#endif
constexpr unsigned kThreads = 8;
constexpr unsigned kMailboxes = 1024;

// The header that each block carries; the rest of the block repeats the tag.
struct Letter {
  uint64_t tag;
  size_t size;
};

uint64_t TagOf(const void* block, size_t size) {
  return (reinterpret_cast<uintptr_t>(block) ^ size) * 0x9E3779B97F4A7C15U;
}

Letter* Write(void* block, size_t size) {
  const uint64_t tag = TagOf(block, size);
  auto* words = static_cast<uint64_t*>(block);
  for (size_t i = 0; i < size / sizeof tag; i += i < 512 ? 1 : 64) words[i] = tag;
  auto* letter = static_cast<Letter*>(block);
  *letter = {tag, size};
  return letter;
}

void Check(const Letter* letter) {
  const uint64_t tag = TagOf(letter, letter->size);
  ASSERT_EQ(letter->tag, tag);
  const auto* words = reinterpret_cast<const uint64_t*>(letter);
  for (size_t i = 2; i < letter->size / sizeof tag; i += i < 512 ? 1 : 64) {
    ASSERT_EQ(words[i], tag) << "word " << i << " of a block of " << letter->size;
  }
}

size_t PickSize(ScriptRandom& random) {
  const unsigned bits = random.OneIn(500) ? 25 : random.OneIn(16) ? 18 : 11;
  return sizeof(Letter) + random.Size(bits);
}

Letter* Take(ScriptRandom& random) {
  const size_t size = PickSize(random);
  void* block = nullptr;
  switch (random.Below(6)) {
    case 0: {
      const size_t alignment = size_t{16} << random.Below(12);
      block = heap::AllocateAligned(alignment, size);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0U);
      break;
    }
    case 1:
      block = heap::AllocateZeroed(size);
      for (size_t i = 0; i < size; i += i < 4096 ? 1 : 509) {
        EXPECT_EQ(static_cast<char*>(block)[i], 0) << "at " << i << " of " << size;
      }
      break;
    default:
      block = heap::Allocate(size);
      break;
  }
  EXPECT_NE(block, nullptr);
  return Write(block, size);
}

void Drop(Letter* letter) {
  if (letter == nullptr) return;
  Check(letter);
  heap::Free(letter, "free");
}

Letter* Resize(ScriptRandom& random, Letter* letter) {
  const size_t old_size = letter->size;
  const size_t size = PickSize(random);
  const uint64_t tag = letter->tag;
  void* moved = heap::Reallocate(letter, size, "realloc");
  EXPECT_NE(moved, nullptr);
  EXPECT_EQ(static_cast<Letter*>(moved)->tag, tag);
  EXPECT_EQ(static_cast<Letter*>(moved)->size, old_size);
  return Write(moved, size);
}

class CoreThreads : public testing::Test {
 protected:
  void SetUp() override { live_before_ = heap::Verify(); }
  void TearDown() override {
    for (auto& mailbox : mailboxes_) Drop(mailbox.exchange(nullptr));
    EXPECT_EQ(heap::Verify(), live_before_);
  }

  // One thread's life. Half of what it holds at the end is freed by others.
  void Live(uint64_t seed, uint64_t steps) {
    ScriptRandom random(seed);
    std::vector<Letter*> held(64, nullptr);
    for (uint64_t i = 0; i < steps; ++i) {
      Letter*& letter = held[random.Below(held.size())];
      if (letter == nullptr)
        letter = Take(random);
      else if (random.OneIn(4))
        letter = Swap(random, letter);
      else if (random.OneIn(4))
        letter = Resize(random, letter);
      else
        Drop(std::exchange(letter, nullptr));
    }
    for (Letter* letter : held)
      Drop(letter != nullptr && random.OneIn(2) ? Swap(random, letter) : letter);
  }

  Letter* Swap(ScriptRandom& random, Letter* letter) {
    return mailboxes_[random.Below(kMailboxes)].exchange(letter);
  }

  bool Post(ScriptRandom& random, Letter* letter) {
    Letter* none = nullptr;
    return mailboxes_[random.Below(kMailboxes)].compare_exchange_strong(none, letter);
  }

  std::atomic<Letter*> mailboxes_[kMailboxes] = {};
  uint64_t live_before_ = 0;
};

TEST_F(CoreThreads, ExchangeBlocksAndLoseNone) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] { Live(i + 1, kSteps); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CoreThreads, EndAndStartWhileOthersGoOn) {
  std::vector<std::thread> places;
  for (unsigned i = 0; i < 4; ++i) {
    places.emplace_back([this, i] {
      for (uint64_t life = 0; life < 50; ++life) {
        std::thread([&] { Live(i * 1000 + life + 7, kSteps / 100); }).join();
      }
    });
  }
  for (std::thread& place : places) place.join();
}

TEST_F(CoreThreads, ProducersNeverFreeAndConsumersNeverTake) {
  std::atomic<unsigned> producing{2};
  auto produce = [&](uint64_t seed) {
    ScriptRandom random(seed);
    for (uint64_t i = 0; i < kSteps; ++i) {
      Letter* letter = Take(random);
      while (!Post(random, letter)) std::this_thread::yield();
    }
    --producing;
  };
  auto consume = [&](uint64_t seed) {
    ScriptRandom random(seed);
    while (producing != 0) {
      Letter* letter = Swap(random, nullptr);
      if (letter == nullptr) std::this_thread::yield();
      Drop(letter);
    }
  };
  std::thread threads[] = {std::thread(produce, 1), std::thread(produce, 2),
                           std::thread(consume, 3), std::thread(consume, 4)};
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CoreThreads, TrimsWhileOthersAllocate) {
  std::atomic<bool> stop{false};
  std::thread trimmer([&] {
    while (!stop) heap::Trim(0);
  });
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back([this, i] { Live(i + 50, kSteps / 8); });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  trimmer.join();
}

}  // namespace
}  // namespace spanheap
