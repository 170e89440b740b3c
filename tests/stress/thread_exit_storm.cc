// SPDX-License-Identifier: MIT
//
// Threads by the thousand, with small and with 16 MiB stacks, that allocate and free until the very
// last instant: in thread_local destructors and in key destructors of every round.
//
// Idea.  libc frees thread stacks and per-thread tables through the heap while it holds its own
//        locks, and runs destructors after the heap may have given up the thread's caches. Whatever
//        is taken there must be a good block, and nothing may stay behind: at the end the heap
//        counts its live blocks, which must not have grown with the number of threads.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kKeys = 8;
constexpr unsigned kLegacies = 512;  // blocks that dead threads left
constexpr size_t kSmallStack = 128 << 10;
constexpr size_t kLargeStack = 16 << 20;
// Blocks libc may hold for stacks in its cache, which hold on to their tables.
constexpr uint64_t kLibcBlocks = 128;

pthread_key_t keys[kKeys];
std::atomic<Block*> legacies[kLegacies];
std::atomic<uint64_t> key_calls{0};
std::atomic<uint64_t> local_calls{0};
std::atomic<uint64_t> threads_started{0};

void LeaveBehind(Random& random, const Block& block) {
  Block* old = legacies[random.Below(kLegacies)].exchange(new Block(block));
  if (old == nullptr) return;
  DropBlock(*old);
  delete old;
}

void UseHeap(Random& random, unsigned blocks) {
  for (unsigned i = 0; i < blocks; ++i) {
    Block block = TakeBlock(random, random.OneIn(32) ? 20 : 11);
    if (block.start == nullptr) Fail("a block is refused in an ending thread");
    if (random.OneIn(2)) ResizeBlock(block, random.Size(12));
    if (random.OneIn(4)) {
      LeaveBehind(random, block);
    } else {
      DropBlock(block);
    }
  }
}

// What a key holds: it lives in the heap, like a program's own thread data.
struct KeyData {
  unsigned key = 0;
  unsigned round = 0;
  uint64_t seed = 0;
};

// Frees its data and, until the last round there is, puts new data in its place.
void EndKey(void* value) {
  KeyData data = *static_cast<KeyData*>(value);
  free(value);
  Random random(data.seed + data.round);
  UseHeap(random, 6);
  ++key_calls;
  if (++data.round == PTHREAD_DESTRUCTOR_ITERATIONS) return;
  auto* next = static_cast<KeyData*>(malloc(sizeof(KeyData)));
  *next = data;
  pthread_setspecific(keys[data.key], next);
}

// Its destructor runs before all key destructors.
struct Local {
  uint64_t seed = 0;
  std::vector<uint64_t> data;
  ~Local() {
    Random random(seed);
    UseHeap(random, 6);
    ++local_calls;
  }
};
thread_local Local local;

void* Live(void* argument) {
  const uint64_t seed = reinterpret_cast<uintptr_t>(argument);
  Random random(seed);
  local.seed = seed;
  local.data.assign(20, seed);
  for (unsigned i = 0; i < kKeys; ++i) {
    auto* data = static_cast<KeyData*>(malloc(sizeof(KeyData)));
    *data = {i, 0, seed + i};
    pthread_setspecific(keys[i], data);
  }
  if (!random.OneIn(3)) UseHeap(random, 40);  // some threads meet the heap at their end only
  if (random.OneIn(4)) pthread_exit(nullptr);
  return nullptr;
}

void StartWave(Random& random, unsigned threads, std::vector<pthread_t>& joinable) {
  for (unsigned i = 0; i < threads; ++i) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, random.OneIn(3) ? kLargeStack : kSmallStack);
    const bool detached = random.OneIn(4);
    if (detached) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    void* seed = reinterpret_cast<void*>(random.Next() >> 1);
    if (pthread_create(&thread, &attributes, Live, seed) != 0) {
      Fail("no thread starts");
    }
    ++threads_started;
    pthread_attr_destroy(&attributes);
    if (!detached) joinable.push_back(thread);
  }
}

void RunWaves(Random& random, uint64_t count, unsigned at_once) {
  for (uint64_t started = 0; started < count; started += at_once) {
    std::vector<pthread_t> joinable;
    StartWave(random, at_once, joinable);
    for (pthread_t thread : joinable) pthread_join(thread, nullptr);
  }
}

void DropLegacies() {
  for (auto& legacy : legacies) {
    Block* block = legacy.exchange(nullptr);
    if (block == nullptr) continue;
    DropBlock(*block);
    delete block;
  }
}

// The heap's own thread stays.
bool IsOfTheHeap(const char* task) {
  char path[300];
  char name[32] = {};
  snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, name, sizeof name - 1);
  close(file);
  return size > 0 && strcmp(name, "spanheap\n") == 0;
}

// Detached threads end when they like: waits until the kernel has none left.
void AwaitSingleThread() {
  const double deadline = SecondsNow() + 20;
  for (;;) {
    unsigned entries = 0;
    DIR* tasks = opendir("/proc/self/task");
    while (const dirent* task = readdir(tasks)) entries += IsOfTheHeap(task->d_name) ? 0 : 1;
    closedir(tasks);
    if (entries == 3) return;  // ".", ".." and this thread
    if (SecondsNow() > deadline) Fail("%u threads do not end", entries - 3);
    usleep(1000);
  }
}

uint64_t SettleAndCount() {
  AwaitSingleThread();
  DropLegacies();
  return VerifyHeap();
}

void CheckDestructors() {
  const uint64_t expected = threads_started * kKeys * PTHREAD_DESTRUCTOR_ITERATIONS;
  if (local_calls != threads_started) {
    Fail("%lu thread_local destructors for %lu threads", local_calls.load(),
         threads_started.load());
  }
  if (key_calls != expected) Fail("%lu key destructors, not %lu", key_calls.load(), expected);
}

int Run(const Options& options) {
  for (pthread_key_t& key : keys) pthread_key_create(&key, EndKey);
  Random random(options.seed);
  RunWaves(random, options.count / 10 + 1, options.threads);
  const uint64_t live_before = SettleAndCount();
  RunWaves(random, options.count, options.threads);
  const uint64_t live_after = SettleAndCount();
  CheckDestructors();
  if (live_after > live_before + kLibcBlocks) {
    Fail("%lu blocks lived before and %lu live after", live_before, live_after);
  }
  return Succeed("%lu threads, %u at once, %lu key destructors, %lu live blocks",
                 threads_started.load(), options.threads, key_calls.load(), live_after);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.count = 1000, .threads = 32, .patience = 300},
      "Starts --count threads, --threads at once, that use the heap in all their destructors.",
      spanheap::stress::Run);
}
