// SPDX-License-Identifier: MIT
//
// Fibers of a program: each has the only pointers to its objects on a stack that the program made,
// and goes on, sometimes on another thread, while cycles run.
#include <gtest/gtest.h>
#include <ucontext.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

// The thread's side of a switch, for the fiber to go back to.
struct Worker {
  ucontext_t context = {};
  sh_gc_stack* stack = FiberStack::Current();
};

class Fiber {
 public:
  Fiber() {
    getcontext(&context_);
    context_.uc_stack.ss_sp = memory_.get();
    context_.uc_stack.ss_size = kBytes;
    makecontext(&context_, reinterpret_cast<void (*)()>(&Enter), 2, Half(0), Half(32));
  }

  // On the calling thread, until it waits or ends.
  void Resume() {
    Worker worker;
    worker_ = &worker;
    stack_.SwitchTo();
    swapcontext(&worker.context, &context_);
  }
  bool ended() const { return ended_; }
  int steps() const { return steps_; }
  // All that it held was there, each time that it went on.
  bool whole() const { return whole_; }

 private:
  static constexpr std::size_t kBytes = 64 << 10;
  static constexpr int kSteps = 200;

  unsigned Half(int shift) const {
    return static_cast<unsigned>(reinterpret_cast<uintptr_t>(this) >> shift);
  }
  static void Enter(unsigned low, unsigned high) {
    auto* const self = reinterpret_cast<Fiber*>(uintptr_t{high} << 32 | low);
    self->Run();
    self->ended_ = true;
    self->Wait();
  }
  // Back to the thread that it runs on; goes on where Resume is called next.
  [[gnu::noinline]] void Wait() {
    Worker& worker = *worker_;
    FiberStack::SwitchTo(worker.stack);
    swapcontext(&context_, &worker.context);
  }
  // A chain that grows, of which this frame alone has the head.
  [[gnu::noinline]] void Run() {
    Witness* head = NewWitness();
    Witness* loose = NewWitness();
    for (; steps_ < kSteps; ++steps_) {
      Witness* const next = NewWitness();
      next->next = head;
      head = next;
      Wait();
      whole_ = whole_ && IsWhole(loose);
      loose = NewWitness();
      int length = 0;
      for (const Witness* node = head; node != nullptr; node = node->next, ++length) {
        whole_ = whole_ && IsWhole(node);
      }
      whole_ = whole_ && length == steps_ + 2;
    }
  }

  std::unique_ptr<char[]> memory_ = std::make_unique<char[]>(kBytes);
  FiberStack stack_{memory_.get(), kBytes};
  ucontext_t context_ = {};
  Worker* worker_ = nullptr;
  int steps_ = 0;
  bool ended_ = false;
  bool whole_ = true;
};

TEST(NativeFibersTest, EachKeepsWhatItsStackAloneHolds) {
  std::vector<std::unique_ptr<Fiber>> fibers(8);
  for (auto& fiber : fibers) fiber = std::make_unique<Fiber>();
  const Cycles cycles;
  while (cycles.done() < 20) {
    for (auto& fiber : fibers) {
      if (fiber->ended()) fiber = std::make_unique<Fiber>();
      fiber->Resume();
      ASSERT_TRUE(fiber->whole());
      Churn(300);
    }
  }
}

// A queue from which threads take fibers: each goes on with another one as a rule.
class Queue {
 public:
  void Put(Fiber* fiber) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(fiber);
  }
  Fiber* Take() {
    const std::lock_guard lock(mutex_);
    Fiber* const fiber = waiting_.front();
    waiting_.erase(waiting_.begin());
    return fiber;
  }

 private:
  std::mutex mutex_;
  std::vector<Fiber*> waiting_;
};

// Each fiber goes through its steps and begins anew, until there have been enough cycles.
TEST(NativeFibersTest, MayGoOnOnAnotherThread) {
  std::vector<std::unique_ptr<Fiber>> fibers(12);
  Queue queue;
  for (auto& fiber : fibers) queue.Put((fiber = std::make_unique<Fiber>()).get());
  const Cycles cycles;
  std::atomic<size_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (cycles.done() < 20 || taken < 10 * fibers.size()) {
        ++taken;
        Fiber* const fiber = queue.Take();
        if (!fiber->ended()) fiber->Resume();
        ASSERT_TRUE(fiber->whole());
        Churn(300);
        queue.Put(fiber);
      }
    });
  }
  const BlockingRegion waiting;
  for (std::thread& thread : threads) thread.join();
  // One of them may have waited for its thread's processor; each but its first turn was a step.
  size_t steps = 0;
  for (const auto& fiber : fibers) steps += static_cast<size_t>(fiber->steps());
  EXPECT_GE(steps, 9 * fibers.size());
}

// Once its stack is taken back, nothing on it is kept.
TEST(NativeFibersTest, AStackThatIsTakenBackKeepsNothing) {
  constexpr std::size_t kBytes = 64 << 10;
  const auto memory = std::make_unique<void*[]>(kBytes / sizeof(void*));
  WeakRoot<Witness> weak;
  {
    FiberStack stack(memory.get(), kBytes);
    std::thread([&] {
      Witness* const node = NewWitness();
      weak = node;
      memory[kBytes / sizeof(void*) - 8] = node;
    }).join();
  }
  EXPECT_TRUE(Eventually([&] { return weak.get() == nullptr; }));
}

TEST(NativeFibersTest, AStackHasSomethingBetweenItsBounds) {
  char memory[64];
  const auto is_refused = [](void* low, void* high) {
    errno = 0;
    return sh_gc_stack_register(low, high) == nullptr && errno == EINVAL;
  };
  EXPECT_TRUE(is_refused(memory + 64, memory));
  EXPECT_TRUE(is_refused(memory, memory));
  EXPECT_TRUE(is_refused(nullptr, nullptr));
  EXPECT_TRUE(is_refused(nullptr, memory));
}

// Each runs in a process of its own, so these are first calls.
TEST(NativeFirstCallTest, MayRegisterAStack) {
  alignas(16) static char memory[16 << 10];
  const FiberStack stack(memory, sizeof(memory));
  EXPECT_NE(FiberStack::Current(), nullptr);
}
TEST(NativeFirstCallTest, MayAddARange) {
  static void* words[8];
  EXPECT_EQ(sh_gc_add_range(words, words + 8), 0);
  sh_gc_remove_range(words, words + 8);
}

}  // namespace
}  // namespace spanheap
