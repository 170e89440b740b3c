// SPDX-License-Identifier: MIT
#include "ceilings.h"

#include <algorithm>
#include <random>
#include <thread>

#include "os/clock.h"

namespace spanheap::bench {
namespace {

constexpr size_t kAhead = 16;  // 8 and 32 are not better
constexpr size_t kObjectsInPage = 128;
constexpr size_t kWordsForPage = 16;  // of which two are used

}  // namespace

GraphPattern::GraphPattern(size_t bytes)
    : objects_(bytes / sizeof(Object)), order_(objects_.size()) {
  for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<uint32_t>(i);
  std::minstd_rand random(1);
  std::shuffle(order_.begin(), order_.end(), random);
  for (Object& object : objects_) {
    for (size_t p = 0; p < kPointers; ++p) object.words[p] = random() % objects_.size();
  }
}

double GraphPattern::Rate(uint64_t start_ns) const {
  return static_cast<double>(objects_.size() * sizeof(Object)) /
         static_cast<double>(os::MonotonicNow_ns() - start_ns);
}

double GraphPattern::ReadInOrder() const {
  uint64_t sum = 0;
  const uint64_t start_ns = os::MonotonicNow_ns();
  for (const Object& object : objects_) {
    for (const uint64_t word : object.words) sum += word;
  }
  asm volatile("" : : "r"(sum));
  return Rate(start_ns);
}

double GraphPattern::TouchAtRandom() const {
  uint64_t sum = 0;
  const uint64_t start_ns = os::MonotonicNow_ns();
  for (const uint32_t at : order_) sum += objects_[at].words[0];
  asm volatile("" : : "r"(sum));
  return Rate(start_ns);
}

void GraphPattern::MarkPart(size_t first, size_t end, Bits& marks) const {
  for (size_t i = first; i < end; ++i) {
    if (i + kAhead < end) __builtin_prefetch(&objects_[order_[i + kAhead]]);
    const Object& object = objects_[order_[i]];
    for (size_t p = 0; p < kPointers; ++p) {
      const uint64_t at = object.words[p];
      std::atomic<uint64_t>& word =
          marks[at / kObjectsInPage * kWordsForPage + at % kObjectsInPage / 64];
      const uint64_t bit = uint64_t{1} << (at % 64);
      if ((word.load(std::memory_order_relaxed) & bit) == 0) word.fetch_or(bit);
    }
  }
}

double GraphPattern::Mark(unsigned threads) const {
  Bits marks((objects_.size() / kObjectsInPage + 1) * kWordsForPage);
  std::vector<std::thread> others;
  const uint64_t start_ns = os::MonotonicNow_ns();
  for (size_t i = 0; i < threads; ++i) {
    others.emplace_back([this, i, threads, &marks] {
      MarkPart(objects_.size() * i / threads, objects_.size() * (i + 1) / threads, marks);
    });
  }
  for (std::thread& other : others) other.join();
  return Rate(start_ns);
}

}  // namespace spanheap::bench
