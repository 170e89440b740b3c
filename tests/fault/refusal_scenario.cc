// SPDX-License-Identifier: MIT
#include "refusal_scenario.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

namespace spanheap::stress {
namespace {

class Scenario {
 public:
  explicit Scenario(Tally& tally) : tally_(tally) {}

  void TakeMany(unsigned count, size_t smallest, size_t largest) {
    for (unsigned i = 0; i < count; ++i) {
      const size_t size = smallest + (largest - smallest) * i / count;
      errno = 0;
      Keep("malloc", malloc(size), size);
    }
  }

  void TakeAllAligned();
  void TakeZeroed(size_t largest);
  void Grow(size_t from, size_t to, size_t factor_percent);
  void RunThread();

  // Frees blocks and takes others in between, as a program goes on after a refusal.
  void DropSome() {
    for (unsigned i = 0; i < tally_.count; i += 2) DropBlock(tally_.blocks[i]);
    TakeMany(100, 40, 20'000);
  }

  void DropAll() {
    for (unsigned i = 0; i < tally_.count; ++i) DropBlock(tally_.blocks[i]);
    tally_.count = 0;
  }

 private:
  void NoteRefusal(const char* call) {
    if (errno != ENOMEM) Fail("%s returns null with errno %d", call, errno);
    ++tally_.refusals;
  }

  void Keep(const char* call, void* start, size_t size) {
    if (start == nullptr) {
      NoteRefusal(call);
      return;
    }
    if (tally_.count == Tally::kMostBlocks) Fail("too many blocks in the scenario");
    Fill(start, size, reinterpret_cast<uintptr_t>(start));
    tally_.blocks[tally_.count++] = {start, size};
  }

  static void* LiveInThread(void* scenario);

  Tally& tally_;
};

void Scenario::TakeAllAligned() {
  for (size_t alignment = 32; alignment <= (4 << 20); alignment *= 4) {
    errno = 0;
    void* start = aligned_alloc(alignment, 3 * alignment / 2);
    if (reinterpret_cast<uintptr_t>(start) % alignment != 0) Fail("not aligned to %zu", alignment);
    Keep("aligned_alloc", start, 3 * alignment / 2);
    void* other = nullptr;
    errno = 0;
    const int error = posix_memalign(&other, alignment, 100);
    if (error != 0 && (error != ENOMEM || other != nullptr)) Fail("posix_memalign says %d", error);
    errno = error;
    Keep("posix_memalign", other, 100);
  }
}

void Scenario::TakeZeroed(size_t largest) {
  for (size_t size = 24; size <= largest; size *= 3) {
    errno = 0;
    void* start = calloc(1, size);
    if (start != nullptr) CheckZero(start, size);
    Keep("calloc", start, size);
  }
}

// Grows one block step by step; a refusal leaves it as it was, and the next step tries again.
void Scenario::Grow(size_t from, size_t to, size_t factor_percent) {
  Block block{malloc(from), from};
  if (block.start == nullptr) {
    NoteRefusal("malloc");
    return;
  }
  Fill(block.start, block.size, reinterpret_cast<uintptr_t>(block.start));
  for (size_t size = from; size < to; size = size * factor_percent / 100 + 1) {
    errno = 0;
    const size_t before = block.size;
    ResizeBlock(block, size + 1);
    if (block.size == before && size + 1 != before) NoteRefusal("realloc");
  }
  Keep("realloc", block.start, block.size);
}

void* Scenario::LiveInThread(void* scenario) {
  // The first call of a thread makes its caches; without memory for them it is refused or served
  // in another way. The creator waits, so the tally is this thread's meanwhile.
  auto& self = *static_cast<Scenario*>(scenario);
  self.TakeMany(200, 16, 3000);
  for (unsigned i = 0; i < self.tally_.count; i += 3) DropBlock(self.tally_.blocks[i]);
  return nullptr;
}

void Scenario::RunThread() {
  pthread_t thread;
  if (StartThread(thread, tally_.thread_stack, LiveInThread, this)) {
    pthread_join(thread, nullptr);
  } else {
    ++tally_.refusals;
  }
}

}  // namespace

bool StartThread(pthread_t& thread, char (&stack)[Tally::kStackBytes], void* (*run)(void*),
                 void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, sizeof stack);
  const int error = pthread_create(&thread, &attributes, run, argument);
  pthread_attr_destroy(&attributes);
  if (error != 0 && error != EAGAIN && error != ENOMEM) Fail("pthread_create says %d", error);
  return error == 0;
}

void RunScenario(Tally& tally, size_t largest) {
  Scenario scenario(tally);
  scenario.TakeMany(1500, 1, 1024);
  scenario.TakeMany(150, 1025, 32 << 10);
  scenario.RunThread();
  scenario.TakeMany(40, 33 << 10, 300 << 10);
  scenario.TakeMany(5, 1 << 20, 6 << 20);
  scenario.DropSome();
  scenario.TakeMany(3, 32 << 20, largest);
  scenario.TakeAllAligned();
  scenario.TakeZeroed(8 << 20);
  scenario.Grow(10, largest / 2, 170);
  scenario.Grow(20 << 10, 2 << 20, 105);
  scenario.RunThread();
  scenario.DropAll();
}

void RunBriefly(Tally& tally) {
  Scenario scenario(tally);
  scenario.TakeMany(1500, 1, 1024);
  scenario.TakeMany(20, 33 << 10, 300 << 10);
  scenario.DropSome();
  scenario.DropAll();
}

}  // namespace spanheap::stress
