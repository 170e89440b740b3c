// SPDX-License-Identifier: MIT
//
// What libc does with threads of the heap: cancels them, starts them on one stack and lets them go
// on on another, forks while one makes the first call of all.
#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

struct Cell {
  uint64_t number;
  uint64_t inverse;
};

Cell* NewCell(uint64_t number) { return New<Cell>(number, ~number); }
bool IsWhole(const Cell* cell, uint64_t number) {
  return cell->number == number && cell->inverse == ~number;
}

// libc cancels by a signal. A thread that waits where it may be cancelled at any moment has its
// stop signal's handler interrupted by it, unless that keeps it out.
TEST(LibcThreadsTest, ThreadsAreCancelledWhileTheWorldIsStopped) {
  std::atomic<bool> is_over{false};
  std::thread collector([&] {
    while (!is_over.load()) Collect();
  });
  sem_t never;
  sem_init(&never, 0, 0);
  const auto wait = [](void* semaphore) -> void* {
    NewCell(1);
    sem_wait(static_cast<sem_t*>(semaphore));
    return nullptr;
  };
  for (int i = 0; i < 1000; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, wait, &never), 0);
    usleep(100);
    pthread_cancel(thread);
    pthread_join(thread, nullptr);
  }
  is_over.store(true);
  collector.join();
  sem_destroy(&never);
}

// A region without a scope stays open when its thread ends: giving back what the thread holds is
// work on the heap none the less. Debug builds see that it runs; in others few rounds would fail.
TEST(LibcThreadsTest, ThreadsEndInRegions) {
  std::atomic<bool> is_over{false};
  std::thread collector([&] {
    while (!is_over.load()) Collect();
  });
  const auto end = [](void* ends_by_detaching) -> void* {
    for (uint64_t i = 0; i < 300; ++i) NewCell(i);
    sh_gc_blocking_begin();
    sh_gc_blocking_begin();
    if (ends_by_detaching != nullptr) sh_gc_detach();
    return nullptr;
  };
  for (int i = 0; i < 1000; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, end, i % 2 == 0 ? &is_over : nullptr), 0);
    pthread_join(thread, nullptr);
  }
  is_over.store(true);
  collector.join();
  Collect();
}

[[gnu::noinline]] int LostOf(uint64_t depth) {
  Cell* volatile mine = NewCell(depth);
  char frame[1000];
  asm volatile("" : : "r"(frame) : "memory");
  int lost = 0;
  if (depth > 0) {
    lost = LostOf(depth - 1);
  } else {
    Collect();
    for (int i = 0; i < 100'000; ++i) NewCell(7);
    Collect();
  }
  return lost + (IsWhole(mine, depth) ? 0 : 1);
}

ucontext_t native_context;
ucontext_t coroutine_context;

void FirstCall() {
  sh_gc_attach();
  swapcontext(&coroutine_context, &native_context);
}

// The coroutine's stack is gone when the thread fills its own.
void CallFirstOnACoroutine() {
  constexpr size_t kBytes = 1 << 18;
  void* const stack =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = kBytes;
  makecontext(&coroutine_context, &FirstCall, 0);
  swapcontext(&native_context, &coroutine_context);
  munmap(stack, kBytes);
  EXPECT_EQ(LostOf(2000), 0);  // some 2 MiB of frames
}

TEST(LibcThreadsTest, TheFirstThreadsFirstCallMayComeFromACoroutine) { CallFirstOnACoroutine(); }

// What lies right above a coroutine's stack cannot be read.
void CollectOnACoroutine() {
  sh_gc_attach();
  for (int i = 0; i < 50; ++i) {
    NewCell(7);
    Collect();
  }
  swapcontext(&coroutine_context, &native_context);
}

void CallFirstBelowAGuard() {
  constexpr size_t kBytes = 1 << 16;
  auto* const stack = static_cast<char*>(
      mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(stack, MAP_FAILED);
  ASSERT_EQ(mprotect(stack + kBytes, kBytes, PROT_NONE), 0);
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = kBytes;
  makecontext(&coroutine_context, &CollectOnACoroutine, 0);
  swapcontext(&native_context, &coroutine_context);
  munmap(stack, 2 * kBytes);
}

TEST(LibcThreadsTest, TheFirstThreadsFirstCallMayComeFromBelowAGuard) { CallFirstBelowAGuard(); }

TEST(LibcThreadsTest, AThreadsFirstCallMayComeFromBelowAGuard) {
  std::thread(&CallFirstBelowAGuard).join();
}

TEST(LibcThreadsTest, AThreadsFirstCallMayComeFromACoroutine) {
  std::thread(&CallFirstOnACoroutine).join();
}

// The status of `child`; a signal counts as 1.
int Await(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return status == 0 ? 0 : 1;
}

// In a process whose heap has not started: forks while a thread makes the first call.
int ForkDuringTheFirstCall(int delay) {
  std::atomic<bool> may_go{false};
  std::thread first([&] {
    while (!may_go.load()) {}
    NewCell(1);
  });
  usleep(200);
  may_go.store(true);
  for (std::atomic<int> i{0}; i.load() < delay; i.fetch_add(1)) {}
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(IsWhole(NewCell(2), 2) ? 0 : 1);
  }
  first.join();
  return Await(child);
}

TEST(LibcThreadsTest, AForkDuringTheFirstCallLeavesTheChildAHeap) {
  for (int i = 0; i < 200; ++i) {
    const pid_t process = fork();
    if (process == 0) _exit(ForkDuringTheFirstCall(i * 20));
    ASSERT_EQ(Await(process), 0) << "in try " << i;
  }
}

}  // namespace
}  // namespace spanheap
