// SPDX-License-Identifier: MIT
//
// What happens when the kernel refuses memory: for each N the heap's requests after the N-th, or
// the N-th alone, are refused while a scenario runs, from N = 0 until no request comes that late.
//
// Idea.  A refused call returns null with ENOMEM and leaves everything as it was; when memory is
//        there again the heap works, verifies itself, and every block is accounted for.
// Modes. fresh    each N runs in a child forked before the heap was used, so every request to the
//                 kernel is met once
//        same     all N run in one process, free memory is given back between them; the process
//                 must not grow
//        only     as fresh, but one request is refused: what comes after it finds memory again
//        threads  as fresh, but four threads run the scenario, and their process forks meanwhile;
//                 of two N in a row one refuses all after it, the other one request
//        Under libc nothing is refused: the scenario runs once, which proves the scenario.
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "refusal_scenario.h"

namespace spanheap::stress {
namespace {

constexpr uint64_t kMostRequests = 20'000;    // no scenario asks the kernel that often
constexpr unsigned kQuietRuns = 4;            // runs without a refusal in a row that end the loop
constexpr int64_t kGrowthAllowed = 32 << 20;  // bytes of address space, over all N of mode same
constexpr size_t kLargest = 90 << 20;         // bytes of the largest blocks
constexpr size_t kLargestAmongThreads = 40 << 20;
constexpr unsigned kThreads = 4;

constexpr char kAllAfter[] = "refuse_after";
constexpr char kOne[] = "refuse_only";

Tally tallies[kThreads + 1];  // the last is the main thread's
Tally& main_tally = tallies[kThreads];
alignas(4096) char thread_stacks[kThreads][Tally::kStackBytes];

unsigned Refusals() {
  unsigned sum = 0;
  for (const Tally& tally : tallies) sum += tally.refusals;
  return sum;
}

void Refuse(const char* which, int64_t n) {
  char text[24];
  snprintf(text, sizeof text, "%ld", n);
  if (IsSpanheap() && !SetHeapOption(which, text)) Fail("no option %s", which);
}

// Whether the one request was not made.
bool IsRefusalStillDue() {
  char text[8] = {};
  if (IsSpanheap() && !GetHeapOption(kOne, text, sizeof text)) Fail("no option %s", kOne);
  return text[0] != '0';
}

void RunAlone() { RunScenario(main_tally, kLargest); }

void* RunInThread(void* tally) {
  RunScenario(*static_cast<Tally*>(tally), kLargestAmongThreads);
  return nullptr;
}

// A child of the storm: it takes and frees blocks, refused or not.
void ForkAmongThreads() {
  const pid_t child = fork();
  if (child < 0) return;  // libc was refused
  if (child == 0) {
    RunBriefly(main_tally);
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) Fail("a child ends with %d", status);
}

void RunAmongThreads() {
  pthread_t threads[kThreads];
  bool runs[kThreads];
  for (unsigned i = 0; i < kThreads; ++i) {
    runs[i] = StartThread(threads[i], thread_stacks[i], RunInThread, &tallies[i]);
    if (!runs[i]) ++main_tally.refusals;
  }
  ForkAmongThreads();
  for (unsigned i = 0; i < kThreads; ++i) {
    if (runs[i]) pthread_join(threads[i], nullptr);
  }
}

// One N from refusal to recovery. False: no request came that late.
bool RunRefused(const char* which, uint64_t n, void (*run)()) {
  const uint64_t live_before = VerifyHeap();
  for (Tally& tally : tallies) tally.refusals = 0;
  Refuse(which, static_cast<int64_t>(n));
  run();
  const unsigned refusals = Refusals();
  const bool was_met = which == kOne ? !IsRefusalStillDue() : refusals != 0;
  Refuse(which, -1);
  run();
  if (Refusals() != refusals) {
    Fail("N = %lu: %u calls are refused after memory came back", n, Refusals() - refusals);
  }
  const uint64_t live_after = VerifyHeap();
  if (live_after != live_before) {
    Fail("N = %lu: %lu blocks lived before and %lu live after", n, live_before, live_after);
  }
  return was_met && IsSpanheap();
}

enum ChildStatus { kMet = 40, kNotMet = 41 };

bool RunInChild(const char* which, uint64_t n, void (*run)()) {
  const pid_t child = fork();
  if (child < 0) Fail("no child");
  if (child == 0) _exit(RunRefused(which, n, run) ? kMet : kNotMet);
  int status = 0;
  if (waitpid(child, &status, 0) != child) Fail("the child is lost");
  if (WIFSIGNALED(status)) Fail("%s = %lu: signal %d", which, n, WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code != kMet && code != kNotMet) Fail("%s = %lu: status %d", which, n, code);
  return code == kMet;
}

int64_t AddressSpace() {
  char text[64] = {};
  const int file = open("/proc/self/statm", O_RDONLY);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) Fail("no /proc");
  close(file);
  return strtoll(text, nullptr, 10) * getpagesize();
}

// The run of the N-th refusal in the mode; false: nothing asked so late.
bool RunMode(const char* mode, uint64_t n) {
  if (strcmp(mode, "same") == 0) {
    malloc_trim(0);
    return RunRefused(kAllAfter, n, RunAlone);
  }
  if (strcmp(mode, "only") == 0) return RunInChild(kOne, n, RunAlone);
  if (strcmp(mode, "threads") == 0) {
    return RunInChild(n % 2 == 0 ? kAllAfter : kOne, n, RunAmongThreads);
  }
  return RunInChild(kAllAfter, n, RunAlone);
}

int Run(const Options& options) {
  uint64_t n = 0;
  uint64_t met = 0;
  int64_t space_at_first = 0;
  for (unsigned quiet = 0; quiet < kQuietRuns; ++n) {
    if (n == kMostRequests) Fail("the scenario is still refused after %lu requests", n);
    const bool was_met = RunMode(options.mode, n);
    quiet = was_met ? 0 : quiet + 1;
    met += was_met ? 1 : 0;
    if (n == 2) space_at_first = AddressSpace();
    NoteProgress(n);
  }
  const int64_t growth = AddressSpace() - space_at_first;
  if (growth > kGrowthAllowed) Fail("the process grew by %ld bytes", growth);
  if (IsSpanheap() && met == 0) Fail("nothing was ever refused");
  return Succeed("%lu places of refusal, %lu of them met, grown by %ld bytes", n, met, growth);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.patience = 600, .mode = "fresh"},
      "Lets the kernel refuse memory after N requests, or the N-th, for every N that matters.\n"
      "modes: fresh, same, only, threads (see the file)",
      spanheap::stress::Run);
}
