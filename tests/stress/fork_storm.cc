// SPDX-License-Identifier: MIT
//
// Forks while many threads are in the middle of allocating. Each child takes blocks, frees blocks
// that its parent took, lets the heap verify itself and ends; some children start a thread or fork
// again first.
//
// Idea.  A lock that another thread held at the moment of the fork is held for ever in the child,
//        so a missing fork handler shows as a child that does not end: after 20 s its stacks are
//        printed and the run fails.
// Modes. calm  many threads that pause between their steps: most forks find them asleep
//        busy  threads that never pause, while others start and end all the time: most forks find
//              some of them in a slow path
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr double kChildPatience = 20;  // seconds; a child needs some milliseconds
constexpr unsigned kShelves = 128;
constexpr unsigned kHeldPerThread = 32;
constexpr unsigned kOwnBlocks = 64;
constexpr unsigned kSizeBits = 15;
constexpr unsigned kLargeBits = 21;
constexpr unsigned kStepsAtOnce = 16;  // between two pauses of a churning thread
constexpr unsigned kPauseUs = 1000;    // a pause is at most as many microseconds for each thread
constexpr unsigned kBriefThreads = 4;  // at once, in mode busy

bool is_busy = false;
std::atomic<bool> stop{false};
std::atomic<uint64_t> steps_done{0};

// Blocks that churning threads leave for anyone: whole and filled while they stand there, so a
// child finds them in a known state whatever its parent's threads were doing.
std::atomic<Block*> shelves[kShelves];

void DropShelf(std::atomic<Block*>& shelf) {
  Block* block = shelf.exchange(nullptr);
  if (block == nullptr) return;
  DropBlock(*block);
  delete block;
}

void Churn(uint64_t seed, unsigned threads) {
  Random random(seed);
  Block held[kHeldPerThread];
  uint64_t steps = 0;
  for (; !stop.load(); ++steps) {
    // On a small machine 64 busy threads would leave no time to the child.
    if (!is_busy && random.OneIn(kStepsAtOnce))
      usleep(static_cast<useconds_t>(random.Below(threads * kPauseUs)));
    Block& block = held[random.Below(kHeldPerThread)];
    DropBlock(block);
    // Large blocks now and then: they are inside the page heap and system calls.
    block = TakeBlock(random, random.OneIn(64) ? kLargeBits : kSizeBits);
    if (!random.OneIn(8) || block.start == nullptr) continue;
    Block* gift = shelves[random.Below(kShelves)].exchange(new Block(block));
    block = gift == nullptr ? Block{} : *gift;
    delete gift;
  }
  for (Block& block : held) DropBlock(block);
  steps_done += steps;
}

void* ChurnBriefly(void* argument) {
  Random random(reinterpret_cast<uintptr_t>(argument));
  for (int i = 0; i < 200; ++i) {
    Block block = TakeBlock(random, kSizeBits);
    DropBlock(block);
  }
  return nullptr;
}

// Threads that live for some hundred steps: the heap makes their caches and takes them apart.
void StartAndEnd(uint64_t seed) {
  Random random(seed);
  while (!stop.load()) {
    std::vector<std::thread> brief;
    for (unsigned i = 0; i < kBriefThreads; ++i) {
      brief.emplace_back(ChurnBriefly, reinterpret_cast<void*>(random.Next() | 1));
    }
    for (std::thread& thread : brief) thread.join();
  }
}

void StartThreadInChild(uint64_t seed) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, ChurnBriefly, reinterpret_cast<void*>(seed)) != 0) {
    Fail("no thread starts in the child");
  }
  pthread_join(thread, nullptr);
}

void AwaitChild(pid_t child, const char* whose) {
  const double deadline = SecondsNow() + kChildPatience;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
    if (SecondsNow() > deadline) {
      DumpStacks(child);
      kill(child, SIGKILL);
      Fail("a %s hangs after fork", whose);
    }
    usleep(100);
  }
  if (ended != child) Fail("a %s is lost", whose);
  if (WIFSIGNALED(status)) Fail("a %s died of signal %d", whose, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) Fail("a %s failed with status %d", whose, WEXITSTATUS(status));
}

[[noreturn]] void LiveAsChild(std::vector<Block>& own, uint64_t seed, int generation) {
  Random random(seed);
  for (size_t i = 0; i < own.size(); i += 2) DropBlock(own[i]);
  for (unsigned i = 0; i < 16; ++i) DropShelf(shelves[random.Below(kShelves)]);
  ChurnBriefly(reinterpret_cast<void*>(seed));
  if (random.OneIn(8)) StartThreadInChild(seed + 1);
  if (generation == 0 && random.OneIn(16)) {
    const pid_t grandchild = fork();
    if (grandchild == 0) LiveAsChild(own, seed + 2, generation + 1);
    AwaitChild(grandchild, "grandchild");
  }
  for (Block& block : own) DropBlock(block);
  VerifyHeap();
  _exit(0);
}

void ForkOnce(Random& random) {
  std::vector<Block> own;
  for (unsigned i = 0; i < kOwnBlocks; ++i) own.push_back(TakeBlock(random, kSizeBits));
  const uint64_t seed = random.Next() | 1;
  const pid_t child = fork();
  if (child < 0) Fail("fork is refused");
  if (child == 0) LiveAsChild(own, seed, 0);
  // The parent goes on with the same blocks while the child uses its copies.
  for (size_t i = 0; i < own.size(); i += 3) DropBlock(own[i]);
  AwaitChild(child, "child");
  for (Block& block : own) DropBlock(block);
}

int Run(const Options& options) {
  is_busy = strcmp(options.mode, "busy") == 0;
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < options.threads; ++i)
    threads.emplace_back(Churn, options.seed * 999 + i, options.threads);
  if (is_busy) threads.emplace_back(StartAndEnd, options.seed);
  Random random(options.seed);
  const double start = SecondsNow();
  for (uint64_t i = 0; i < options.count; ++i) {
    ForkOnce(random);
    NoteProgress(i + 1);
  }
  const double per_fork = (SecondsNow() - start) / static_cast<double>(options.count);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (auto& shelf : shelves) DropShelf(shelf);
  const uint64_t live = VerifyHeap();
  return Succeed("%lu forks under %u threads, %.2f ms each, %lu steps, %lu live blocks",
                 options.count, options.threads, per_fork * 1e3, steps_done.load(), live);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(argc, argv,
                                     {.count = 200, .threads = 64, .patience = 300, .mode = "calm"},
                                     "Forks --count times while --threads threads allocate; each "
                                     "child allocates, frees, verifies.\n"
                                     "modes: calm, busy (see the file)",
                                     spanheap::stress::Run);
}
