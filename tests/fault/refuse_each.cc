// SPDX-License-Identifier: MIT
//
// What happens when the kernel refuses memory: for each N the heap's requests after the N-th are
// refused while a scenario runs, from N = 0 until the scenario is not refused any more.
//
// Idea.  A refused call returns null with ENOMEM and leaves everything as it was; when memory is
//        there again the heap works, verifies itself, and every block is accounted for.
// Modes. fresh  each N runs in a child forked before the heap was used, so every request to the
//               kernel is met once
//        same   all N run in one process, free memory is given back between them; the process must
//               not grow
//        Under libc nothing is refused: the scenario runs once, which proves the scenario.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kMostBlocks = 6000;
constexpr uint64_t kMostRequests = 20'000;  // no scenario asks the kernel that often
constexpr unsigned kQuietRuns = 4;          // runs without a refusal in a row that end the loop
constexpr size_t kStackBytes = 256 << 10;
constexpr int64_t kGrowthAllowed = 32 << 20;  // bytes of address space, over all N of mode same

// What a scenario holds and saw. Nothing here comes from the heap under test.
struct Tally {
  Block blocks[kMostBlocks];
  unsigned count = 0;
  unsigned refusals = 0;
};
Tally tally;
alignas(4096) char thread_stack[kStackBytes];

void NoteRefusal(const char* call) {
  if (errno != ENOMEM) Fail("%s returns null with errno %d", call, errno);
  ++tally.refusals;
}

void Keep(const char* call, void* start, size_t size) {
  if (start == nullptr) {
    NoteRefusal(call);
    return;
  }
  if (tally.count == kMostBlocks) Fail("too many blocks in the scenario");
  Fill(start, size, reinterpret_cast<uintptr_t>(start));
  tally.blocks[tally.count++] = {start, size};
}

void TakeMany(unsigned count, size_t smallest, size_t largest) {
  for (unsigned i = 0; i < count; ++i) {
    const size_t size = smallest + (largest - smallest) * i / count;
    errno = 0;
    Keep("malloc", malloc(size), size);
  }
}

void TakeAllAligned() {
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

void TakeZeroed() {
  for (size_t size = 24; size <= (8 << 20); size *= 3) {
    errno = 0;
    void* start = calloc(1, size);
    if (start != nullptr) CheckZero(start, size);
    Keep("calloc", start, size);
  }
}

// Grows one block step by step; a refusal leaves it as it was, and the next step tries again.
void Grow(size_t from, size_t to, size_t factor_percent) {
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

void* LiveInThread(void*) {
  // The first call of a thread makes its caches; without memory for them it is refused or served
  // in another way. The creator waits, so the tally is this thread's meanwhile.
  TakeMany(200, 16, 3000);
  for (unsigned i = 0; i < tally.count; i += 3) DropBlock(tally.blocks[i]);
  return nullptr;
}

// The stack is ours, so libc's memory for the thread comes and goes with it.
void RunThread() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, thread_stack, kStackBytes);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, LiveInThread, nullptr);
  pthread_attr_destroy(&attributes);
  if (error == 0) {
    pthread_join(thread, nullptr);
  } else if (error == EAGAIN || error == ENOMEM) {
    ++tally.refusals;
  } else {
    Fail("pthread_create says %d", error);
  }
}

// Frees blocks and takes others in between, as a program goes on after a refusal.
void DropSome() {
  for (unsigned i = 0; i < tally.count; i += 2) DropBlock(tally.blocks[i]);
  TakeMany(100, 40, 20'000);
}

void DropAll() {
  for (unsigned i = 0; i < tally.count; ++i) DropBlock(tally.blocks[i]);
  tally.count = 0;
}

void RunScenario() {
  TakeMany(1500, 1, 1024);
  TakeMany(150, 1025, 32 << 10);
  RunThread();
  TakeMany(40, 33 << 10, 300 << 10);
  TakeMany(5, 1 << 20, 6 << 20);
  DropSome();
  TakeMany(3, 32 << 20, 90 << 20);
  TakeAllAligned();
  TakeZeroed();
  Grow(10, 50 << 20, 170);
  Grow(20 << 10, 2 << 20, 105);
  RunThread();
  DropAll();
}

// One N from refusal to recovery; returns the number of calls that were refused.
unsigned RunRefused(uint64_t n) {
  const uint64_t live_before = VerifyHeap();
  char text[24];
  snprintf(text, sizeof text, "%lu", n);
  if (IsSpanheap() && !SetHeapOption("refuse_after", text)) Fail("no option refuse_after");
  tally.refusals = 0;
  RunScenario();
  if (IsSpanheap() && !SetHeapOption("refuse_after", "-1")) Fail("no option refuse_after");
  const unsigned refusals = tally.refusals;
  RunScenario();
  if (tally.refusals != refusals) {
    Fail("N = %lu: %u calls are refused after memory came back", n, tally.refusals - refusals);
  }
  const uint64_t live_after = VerifyHeap();
  if (live_after != live_before) {
    Fail("N = %lu: %lu blocks lived before and %lu live after", n, live_before, live_after);
  }
  return refusals;
}

enum ChildStatus { kRefused = 40, kNotRefused = 41 };

unsigned RunInChild(uint64_t n) {
  const pid_t child = fork();
  if (child < 0) Fail("no child");
  if (child == 0) _exit(RunRefused(n) != 0 ? kRefused : kNotRefused);
  int status = 0;
  if (waitpid(child, &status, 0) != child) Fail("the child is lost");
  if (WIFSIGNALED(status)) Fail("N = %lu: signal %d", n, WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code != kRefused && code != kNotRefused) Fail("N = %lu: status %d", n, code);
  return code == kRefused ? 1 : 0;
}

int64_t AddressSpace() {
  char text[64] = {};
  const int file = open("/proc/self/statm", O_RDONLY);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) Fail("no /proc");
  close(file);
  return strtoll(text, nullptr, 10) * getpagesize();
}

unsigned RunHere(uint64_t n) {
  malloc_trim(0);
  return RunRefused(n);
}

int Run(const Options& options) {
  const bool same = strcmp(options.mode, "same") == 0;
  const auto run = same ? RunHere : RunInChild;
  uint64_t n = 0;
  uint64_t refused_runs = 0;
  int64_t space_at_first = 0;
  for (unsigned quiet = 0; quiet < kQuietRuns; ++n) {
    if (n == kMostRequests) Fail("the scenario is still refused after %lu requests", n);
    const bool refused = run(n) != 0;
    quiet = refused ? 0 : quiet + 1;
    refused_runs += refused ? 1 : 0;
    if (n == 2) space_at_first = AddressSpace();
  }
  const int64_t growth = AddressSpace() - space_at_first;
  if (growth > kGrowthAllowed) Fail("the process grew by %ld bytes", growth);
  if (IsSpanheap() && refused_runs == 0) Fail("nothing was ever refused");
  return Succeed("%lu places of refusal, %lu of them met by the program, grown by %ld bytes", n,
                 refused_runs, growth);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.patience = 600, .mode = "fresh"},
      "Lets the kernel refuse memory after N requests, for every N that matters.\n"
      "modes: fresh, same (see the file)",
      spanheap::stress::Run);
}
