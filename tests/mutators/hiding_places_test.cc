// SPDX-License-Identifier: MIT
//
// Every place where a thread may have its only copy of a pointer: each test hides a word there and
// nowhere else, and fails if a scan does not find it. Elsewhere the word is kept inverted.
#include <gtest/gtest.h>
#include <signal.h>
#include <ucontext.h>

#include <memory>
#include <thread>
#include <vector>

#include "mutators/attached.h"
#include "mutators/blocking_region.h"
#include "mutators/user_stacks.h"
#include "os/futex.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

constexpr uintptr_t kInverted = ~uintptr_t{0x5ec9e7'a117'0000};

struct Hider {
  alignas(64) uint32_t is_hidden = 0;  // the word is in its place
  uint32_t may_go = 0;
  Mutator* record = nullptr;
};

// The word in the frame that declares this, until its end.
class WordInFrame {
 public:
  [[gnu::always_inline]] WordInFrame() {
    uintptr_t word = kInverted;
    asm volatile("" : "+r"(word));
    words_[3] = ~word;
    asm volatile("" : : "r"(words_) : "memory");
  }
  [[gnu::always_inline]] ~WordInFrame() {
    words_[3] = 0;
    asm volatile("" : : "r"(words_) : "memory");
  }
  WordInFrame(const WordInFrame&) = delete;
  WordInFrame& operator=(const WordInFrame&) = delete;

 private:
  uintptr_t words_[8] = {};
};

SPANHEAP_NO_SANITIZE bool Holds(const WordRanges& ranges, uintptr_t inverted) {
  for (const os::WordSpan& range : ranges) {
    for (const uintptr_t* word = range.begin; word != range.end; ++word) {
      if (*word == ~inverted) return true;
    }
  }
  return false;
}

bool FindsIn(Mutator& record) {
  const StopTheWorld stopped(TestRegistry());
  return Holds(record.Words(), kInverted);
}

// Runs `hide` on a thread of its own, which hides the word, sets is_hidden and waits for may_go
// without touching the place; looks whether the word is found meanwhile, several times.
template <class Hide>
bool FindsWhatIsHiddenBy(Hide hide) {
  Hider hider;
  std::thread thread([&] {
    Attached attached;
    __atomic_store_n(&hider.record, &attached.record(), __ATOMIC_RELEASE);
    hide(hider);
  });
  while (__atomic_load_n(&hider.is_hidden, __ATOMIC_ACQUIRE) == 0) os::YieldThread();
  bool found = true;
  for (int i = 0; i < 5; ++i) found = FindsIn(*hider.record) && found;
  __atomic_store_n(&hider.may_go, 1, __ATOMIC_RELEASE);
  thread.join();
  return found;
}

void Wait(Hider& hider) {
  __atomic_store_n(&hider.is_hidden, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&hider.may_go, __ATOMIC_ACQUIRE) == 0) os::SpinHint();
}
// With the word in this frame only.
[[gnu::noinline]] void WaitWithWordInFrame(Hider& hider) {
  const WordInFrame word;
  Wait(hider);
}

TEST(HidingPlacesTest, AFrame) { EXPECT_TRUE(FindsWhatIsHiddenBy(WaitWithWordInFrame)); }

TEST(HidingPlacesTest, NowhereIsNotFound) { EXPECT_FALSE(FindsWhatIsHiddenBy(Wait)); }

#if defined(__x86_64__)

// The word goes to `place` by way of `put`, and stays there while the thread spins.
#define SPIN_WITH_WORD(put, clear, ...)                              \
  [](Hider& hider) {                                                 \
    asm volatile(put                                                 \
                 "movl $1, %[is_hidden]\n"                           \
                 "1: cmpl $0, %[may_go]\n"                           \
                 "je 1b\n" clear                                     \
                 : [is_hidden] "+m"(hider.is_hidden)                 \
                 : [may_go] "m"(hider.may_go), [word] "r"(kInverted) \
                 : "memory", "cc", __VA_ARGS__);                     \
  }

TEST(HidingPlacesTest, ACallerSavedRegister) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(
      SPIN_WITH_WORD("movq %[word], %%r11\n notq %%r11\n", "xorl %%r11d, %%r11d\n", "r11")));
}

TEST(HidingPlacesTest, ACalleeSavedRegister) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(
      SPIN_WITH_WORD("movq %[word], %%r14\n notq %%r14\n", "xorl %%r14d, %%r14d\n", "r14")));
}

// The compiler may address the operands by it, so this one does without them.
TEST(HidingPlacesTest, TheFramePointer) {
  EXPECT_TRUE(FindsWhatIsHiddenBy([](Hider& hider) {
    static_assert(offsetof(Hider, is_hidden) == 0 && offsetof(Hider, may_go) == 4);
    asm volatile(
        "movq %%rbp, %%rcx\n movq %[word], %%rbp\n notq %%rbp\n"
        "movl $1, (%%rdi)\n"
        "1: cmpl $0, 4(%%rdi)\n"
        "je 1b\n"
        "movq %%rcx, %%rbp\n"
        :
        : [word] "a"(kInverted), "D"(&hider)
        : "memory", "cc", "rcx");
  }));
}

TEST(HidingPlacesTest, TheRedZone) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(SPIN_WITH_WORD(
      "movq %[word], %%rax\n notq %%rax\n movq %%rax, -120(%%rsp)\n xorl %%eax, %%eax\n",
      "movq $0, -120(%%rsp)\n", "rax")));
}

TEST(HidingPlacesTest, AnSseRegister) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(
      SPIN_WITH_WORD("movq %[word], %%rax\n notq %%rax\n movq %%rax, %%xmm5\n xorl %%eax, %%eax\n",
                     "pxor %%xmm5, %%xmm5\n", "rax", "xmm5")));
}

TEST(HidingPlacesTest, TheUpperHalfOfAnAvxRegister) {
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "no AVX2 here";
  EXPECT_TRUE(FindsWhatIsHiddenBy(
      SPIN_WITH_WORD("movq %[word], %%rax\n notq %%rax\n vmovq %%rax, %%xmm9\n xorl %%eax, %%eax\n"
                     "vpermq $0x4f, %%ymm9, %%ymm9\n vpxor %%xmm8, %%xmm8, %%xmm8\n"
                     "vinserti128 $0, %%xmm8, %%ymm9, %%ymm9\n",
                     "vzeroall\n", "rax", "xmm8", "xmm9")));
}

TEST(HidingPlacesTest, AnAvx512RegisterBeyondTheSixteenth) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "no AVX-512 here";
  EXPECT_TRUE(FindsWhatIsHiddenBy(SPIN_WITH_WORD(
      "movq %[word], %%rax\n notq %%rax\n vpbroadcastq %%rax, %%zmm20\n xorl %%eax, %%eax\n",
      "vpxorq %%zmm20, %%zmm20, %%zmm20\n", "rax")));
}

// A thread that parks by itself: the word is in a register that calls preserve, all the way down.
extern "C" void WaitParkedForTest(Hider* hider) {
  const BlockingRegion region;
  __atomic_store_n(&hider->is_hidden, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&hider->may_go, __ATOMIC_ACQUIRE) == 0) os::SleepFor_ns(20'000);
}
extern "C" void WaitInDelayForTest(Hider* hider) {
  while (__atomic_load_n(&hider->may_go, __ATOMIC_ACQUIRE) == 0) {
    const StopDelay delay;
    __atomic_store_n(&hider->is_hidden, 1, __ATOMIC_RELEASE);
    os::SleepFor_ns(20'000);
  }
}

// `save` keeps the stack pointer meanwhile. The frame pointer is kept on the stack, for it is one
// of the places.
#define CALL_WITH_WORD_IN(place, save, function)                                                   \
  [](Hider& hider) {                                                                               \
    uintptr_t word = kInverted;                                                                    \
    Hider* first = &hider;                                                                         \
    asm volatile("movq %%rsp, %%" save                                                             \
                 "\n subq $256, %%rsp\n andq $-16, %%rsp\n"                                        \
                 "movq %%rbp, 8(%%rsp)\n"                                                          \
                 "movq %%rax, %%" place "\n notq %%" place "\n call " #function                    \
                 "\n"                                                                              \
                 "xorq %%" place ", %%" place "\n movq 8(%%rsp), %%rbp\n movq %%" save ", %%rsp\n" \
                 : "+a"(word), "+D"(first)                                                         \
                 :                                                                                 \
                 : "memory", "cc", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "rbx", "r12",    \
                   "r13", "r14", "r15");                                                           \
  }

TEST(HidingPlacesTest, EachRegisterThatCallsPreserveWhileParked) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("rbx", "r13", WaitParkedForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("rbp", "r13", WaitParkedForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r12", "r13", WaitParkedForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r13", "rbx", WaitParkedForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r14", "r13", WaitParkedForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r15", "r13", WaitParkedForTest)));
}

TEST(HidingPlacesTest, EachRegisterThatCallsPreserveAtTheEndOfADelay) {
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("rbx", "r13", WaitInDelayForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("rbp", "r13", WaitInDelayForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r12", "r13", WaitInDelayForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r13", "rbx", WaitInDelayForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r14", "r13", WaitInDelayForTest)));
  EXPECT_TRUE(FindsWhatIsHiddenBy(CALL_WITH_WORD_IN("r15", "r13", WaitInDelayForTest)));
}

#endif

// ---- Alternate stacks: the word is in the handler's frame, or below what the handler
// interrupted.

thread_local Hider* handler_hider = nullptr;
thread_local bool handler_hides = false;

void OnUser1(int) {
  if (handler_hides) {
    WaitWithWordInFrame(*handler_hider);
    return;
  }
  Wait(*handler_hider);
}

constexpr size_t kAlternateBytes = 64 << 10;

// Raises a signal whose handler runs in `memory`.
void RaiseIn(char* memory, Hider& hider, bool handler_hides_it) {
  handler_hider = &hider;
  handler_hides = handler_hides_it;
  stack_t stack = {};
  stack.ss_sp = memory;
  stack.ss_size = kAlternateBytes;
  stack_t before = {};
  sigaltstack(&stack, &before);
  struct sigaction action = {};
  action.sa_handler = OnUser1;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  sigaltstack(&before, nullptr);
}

void RaiseOnAlternateStack(Hider& hider, bool handler_hides_it) {
  RaiseIn(std::make_unique<char[]>(kAlternateBytes).get(), hider, handler_hides_it);
}

TEST(HidingPlacesTest, TheAlternateStackOfAHandler) {
  EXPECT_TRUE(FindsWhatIsHiddenBy([](Hider& hider) { RaiseOnAlternateStack(hider, true); }));
}

TEST(HidingPlacesTest, TheStackThatAHandlerOnAnotherStackInterrupted) {
  EXPECT_TRUE(FindsWhatIsHiddenBy([](Hider& hider) {
    const WordInFrame word;
    RaiseOnAlternateStack(hider, false);
  }));
}

[[gnu::noinline]] void RaiseBelow(char* memory, Hider& hider) {
  const WordInFrame word;
  RaiseIn(memory, hider, false);
}

TEST(HidingPlacesTest, TheStackBelowAHandlersThatIsPartOfIt) {
  EXPECT_TRUE(FindsWhatIsHiddenBy([](Hider& hider) {
    char memory[kAlternateBytes];
    RaiseBelow(memory, hider);
  }));
}

TEST(HidingPlacesTest, TheFirstThreadsStackBehindAHandlerOnAnotherStack) {
  Hider hider;
  Attached attached;
  hider.record = &attached.record();
  bool found = false;
  std::thread looker([&] {
    while (__atomic_load_n(&hider.is_hidden, __ATOMIC_ACQUIRE) == 0) os::YieldThread();
    found = FindsIn(*hider.record);
    __atomic_store_n(&hider.may_go, 1, __ATOMIC_RELEASE);
  });
  const WordInFrame word;
  RaiseOnAlternateStack(hider, false);
  {
    const BlockingRegion region;
    looker.join();
  }
  EXPECT_TRUE(found);
}

// ---- Fibers

// A fiber with a stack of its own, switched to and from by swapcontext.
struct Fiber {
  static constexpr size_t kBytes = 128 << 10;
  std::unique_ptr<char[]> memory = std::make_unique<char[]>(kBytes);
  StackRecord* record = nullptr;
  ucontext_t context = {};
  ucontext_t back = {};
};

[[gnu::noinline]] void SwitchTo(StackRecord& to, ucontext_t& from_context, ucontext_t& to_context) {
  TestRegistry().stacks().Switch(*this_mutator, to, SPANHEAP_CALLER_FRAME());
  swapcontext(&from_context, &to_context);
}

Fiber* the_fiber = nullptr;
Hider* fiber_hider = nullptr;
void (*fiber_work)() = nullptr;

void Spin() { WaitWithWordInFrame(*fiber_hider); }

void Pause() {
  const WordInFrame word;
  SwitchTo(this_mutator->own_stack, the_fiber->context, the_fiber->back);
}

// Has a stack of its own, of which nobody is told.
void CallLibrary() {
  const WordInFrame word;
  static ucontext_t caller;
  static ucontext_t library;
  const auto memory = std::make_unique<char[]>(Fiber::kBytes);
  getcontext(&library);
  library.uc_stack.ss_sp = memory.get();
  library.uc_stack.ss_size = Fiber::kBytes;
  library.uc_link = &caller;
  makecontext(&library, [] { Wait(*fiber_hider); }, 0);
  swapcontext(&caller, &library);
}

void FiberBody() {
  Fiber& fiber = *the_fiber;
  fiber_work();
  SwitchTo(this_mutator->own_stack, fiber.context, fiber.back);
}

void StartFiber(Fiber& fiber) {
  the_fiber = &fiber;
  const Address low = AddressOf(fiber.memory.get());
  fiber.record = TestRegistry().stacks().Register({low, low + Bytes(Fiber::kBytes)});
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.memory.get();
  fiber.context.uc_stack.ss_size = Fiber::kBytes;
  makecontext(&fiber.context, FiberBody, 0);
}

struct Search {
  bool found = false;
};
void LookInto(const WordRanges& words, void* search) {
  if (Holds(words, kInverted)) static_cast<Search*>(search)->found = true;
}

// All that a mark phase would scan.
bool FindsInEpoch(uint64_t epoch) {
  Search search;
  {
    const StopTheWorld stopped(TestRegistry());
    TestRegistry().BeginEpoch(epoch);
  }
  uint64_t bytes = 0;
  while (TestRegistry().ScanNextStack(epoch, LookInto, &search, bytes)) {}
  const StopTheWorld stopped(TestRegistry());
  TestRegistry().EndEpoch();
  return search.found;
}

bool FindsWhatAFiberHidesBy(void (*work)()) {
  fiber_work = work;
  return FindsWhatIsHiddenBy([](Hider& hider) {
    Fiber fiber;
    fiber_hider = &hider;
    StartFiber(fiber);
    SwitchTo(*fiber.record, fiber.back, fiber.context);
    TestRegistry().stacks().Unregister(*this_mutator, *fiber.record);
  });
}

TEST(HidingPlacesTest, TheStackOfAFiberThatRuns) { EXPECT_TRUE(FindsWhatAFiberHidesBy(Spin)); }

TEST(HidingPlacesTest, TheStackOfAFiberThatCalledWhoHasAStackOfItsOwn) {
  EXPECT_TRUE(FindsWhatAFiberHidesBy(CallLibrary));
}

TEST(HidingPlacesTest, TheStackOfAFiberThatWaits) {
  std::thread thread([] {
    Attached attached;
    Fiber fiber;
    fiber_work = Pause;
    StartFiber(fiber);
    SwitchTo(*fiber.record, fiber.back, fiber.context);
    bool found = false;
    {
      const BlockingRegion region;
      std::thread looker([&] { found = FindsInEpoch(1); });
      looker.join();
    }
    EXPECT_TRUE(found);
    SwitchTo(*fiber.record, fiber.back, fiber.context);
    TestRegistry().stacks().Unregister(*this_mutator, *fiber.record);
  });
  thread.join();
}

TEST(HidingPlacesTest, WhoSwitchesToAFiberDuringAMarkScansItFirst) {
  std::thread thread([] {
    Attached attached;
    Fiber fiber;
    fiber_work = Pause;
    StartFiber(fiber);
    SwitchTo(*fiber.record, fiber.back, fiber.context);
    {
      watched_word = ~kInverted;
      const BarrierOn barrier;
      TestRegistry().BeginEpoch(7);
      SwitchTo(*fiber.record, fiber.back, fiber.context);
      TestRegistry().EndEpoch();
    }
    CountAndEmpty(attached.record());
    EXPECT_TRUE(has_seen_word.LoadAcquire());
    TestRegistry().stacks().Unregister(*this_mutator, *fiber.record);
  });
  thread.join();
}

}  // namespace
}  // namespace spanheap
