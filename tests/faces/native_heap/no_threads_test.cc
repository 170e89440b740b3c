// SPDX-License-Identifier: MIT
//
// Where the system gives no thread, those that allocate or ask run the cycles: what lives stays
// whole, what is dead goes, and one line says so.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pthread.h>
#include <atomic>
#include <thread>
#include <vector>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

constexpr int kNoSuchUser = 65534;
constexpr char kLine[] = "spanheap\\[[0-9]+\\]: no thread can be had for the collector";

void* Return(void* argument) { return argument; }

// The limit does not hold for root. False: threads can be had all the same.
bool ForbidThreads() {
  if (getuid() == 0 && (setgid(kNoSuchUser) != 0 || setuid(kNoSuchUser) != 0)) return false;
  const rlimit none = {0, 0};
  pthread_t thread{};
  return setrlimit(RLIMIT_NPROC, &none) == 0 &&
         pthread_create(&thread, nullptr, Return, nullptr) != 0;
}

bool IsListWhole(const Witness* first, int length) {
  for (; first != nullptr && IsWhole(first); first = first->next) --length;
  return length == 0;
}

constexpr int kThreads = 3;
constexpr int kRounds = 3000;
constexpr int kPerCycle = 500;  // far more than bring a cycle by themselves

// Lists are made and dropped; the one that is held stays as it is.
void MakeLists(const std::atomic<bool>& go, std::atomic<int>& failures) {
  constexpr int kLength = 500;
  const AttachedThread attached;
  while (!go) std::this_thread::yield();
  for (int round = 0; round < kRounds; ++round) {
    Witness* list = nullptr;
    for (int i = 0; i < kLength; ++i) {
      Witness* const next = NewWitness();
      next->next = list;
      list = next;
    }
    if (round % kPerCycle == 0) Collect();
    if (!IsListWhole(list, kLength)) ++failures;
  }
}

// Not inlined: the caller's frame has no word that keeps it.
[[gnu::noinline]] WeakRoot<Witness> LostWitness() { return NewWitness(); }

void RunAlone() {
  if (!ForbidThreads()) _exit(99);
  const WeakRoot<Witness> weak = LostWitness();
  for (int i = 0; i < 400; ++i) Churn(1000);
  const uint64_t by_itself = ReadGcStats().cycles;
  const bool died = Eventually([&] { return weak.get() == nullptr; });
  _exit(by_itself > 0 && died && sh_gc_verify() == 0 ? 0 : 1);
}

void RunTogether() {
  std::atomic<bool> go = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { MakeLists(go, failures); });
  if (!ForbidThreads()) _exit(99);
  go = true;
  {
    const BlockingRegion waiting;
    for (std::thread& thread : threads) thread.join();
  }
  if (failures != 0) _exit(1);
  if (ReadGcStats().cycles <= kThreads * kRounds / kPerCycle) _exit(2);
  _exit(sh_gc_verify() == 0 ? 0 : 3);
}

// In a process of its own, as the tests are.
class NoThreadsTest : public testing::Test {
 protected:
  void SetUp() override {
    const pid_t child = fork();
    if (child == 0) _exit(ForbidThreads() ? 0 : 1);
    int status = 1;
    const BlockingRegion waiting;
    waitpid(child, &status, 0);
    if (status != 0) GTEST_SKIP() << "threads cannot be forbidden here";
  }
};
const testing::ExitedWithCode done(0);

TEST_F(NoThreadsTest, WhoAllocatesCollects) { EXPECT_EXIT(RunAlone(), done, kLine); }

TEST_F(NoThreadsTest, OneAtATime) { EXPECT_EXIT(RunTogether(), done, kLine); }

// Who would run what waits for an object's death is no thread of the program's.
TEST_F(NoThreadsTest, FinalizersAreRefused) {
  const auto ask = [] {
    if (!ForbidThreads()) _exit(99);
    Root<Witness> witness = NewWitness();
    try {
      SetFinalizer(witness, [](Witness*) {});
    } catch (const std::bad_alloc&) {
      _exit(0);
    }
    _exit(1);
  };
  EXPECT_EXIT(ask(), done, "");
}

}  // namespace
}  // namespace spanheap
