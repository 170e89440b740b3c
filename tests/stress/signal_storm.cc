// SPDX-License-Identifier: MIT
//
// Signal handlers that use the heap while they interrupt its slow paths, thousands of times a
// second.
//
// Idea.  malloc is not async-signal-safe, and the heap does not make it so: a handler that
//        interrupts the few instructions of a fast path and takes a block of the same size class
//        gets what it deserves. But one that interrupts a slow path (locks held, structures half
//        changed) must neither deadlock nor corrupt; it may be refused. So handlers keep to that:
//          large   the thread uses blocks above 256 KiB, its handlers smaller ones: their fast
//                  paths share nothing, and the thread is in slow paths most of the time
//          small   both use small blocks; the handler allocates only if the instruction that it
//                  interrupted is code of the library outside the entry points (the fast paths)
//          attach  as large, in threads that live for one call: most signals find the thread while
//                  it meets the heap for the first time, or for the last
//          fork    as attach, and some handlers fork; the child uses the heap and ends
//          forks   the only thread forks, and its handlers do, which interrupt that, too (where
//                  there are more threads, libc hangs by itself)
//          quiet   handlers do not allocate: the mode under other heaps, whatever was asked for
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kHandlerBlocks = 48;  // that a thread's handlers hold at once
constexpr unsigned kHeldPerThread = 64;
constexpr unsigned kMostEntries = 64;
constexpr size_t kSlowSize = size_t{64} << 20;  // of a block that has no fast path
constexpr uint64_t kLibcBlocks = 64;            // what libc itself may keep, for stacks mostly
constexpr long kPeriodNs = 60'000;              // between two signals of a thread
// Of a thread that lives for one call: where handlers take longer than the time between two
// signals, it would come no further.
constexpr unsigned kSignalsPerCall = 300;

enum class Mode { kQuiet, kLarge, kSmall, kAttach, kFork, kForks };
Mode mode = Mode::kQuiet;

std::atomic<uint64_t> signals_handled{0};
std::atomic<uint64_t> handler_blocks{0};
std::atomic<uint64_t> handler_forks{0};
std::atomic<uint64_t> thread_forks{0};
std::atomic<uint64_t> steps_done{0};

// What the handlers of one thread keep between signals.
struct HandlerState {
  Random random{1};
  Block blocks[kHandlerBlocks];
  bool armed = false;
  timer_t timer = {};
  unsigned signals_left = 0;  // until the timer is stopped; 0: it is not
};
thread_local HandlerState handler_state;

struct CodeRange {
  uintptr_t start = 0;
  uintptr_t end = 0;
  bool Holds(uintptr_t a) const { return a >= start && a < end; }
};
CodeRange library;                // executable code of the heap's library
CodeRange entries[kMostEntries];  // its entry points with fast paths
unsigned entry_count = 0;

void AddEntry(const char* name) {
  void* function = dlsym(RTLD_DEFAULT, name);
  if (function == nullptr || entry_count == kMostEntries) return;
  Dl_info info;
  void* entry = nullptr;
  if (dladdr1(function, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr) {
    Fail("%s has no size", name);
  }
  const auto* symbol = static_cast<const ElfW(Sym)*>(entry);
  const uintptr_t start = reinterpret_cast<uintptr_t>(function);
  entries[entry_count++] = {start, start + symbol->st_size};
}

int FindLibrary(dl_phdr_info* info, size_t, void* inside) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    const CodeRange code{start, start + header.p_memsz};
    if (code.Holds(reinterpret_cast<uintptr_t>(inside))) library = code;
  }
  return 0;
}

void LearnCode() {
  dl_iterate_phdr(FindLibrary, dlsym(RTLD_DEFAULT, "malloc"));
  for (const char* name : {"malloc", "free", "calloc", "realloc", "aligned_alloc", "posix_memalign",
                           "malloc_usable_size", "memalign", "reallocarray"}) {
    AddEntry(name);
  }
}

bool InterruptedSlowPath(const void* signal_context) {
  const auto& context = *static_cast<const ucontext_t*>(signal_context);
#if defined(__x86_64__)
  const auto at = static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#else
  const auto at = static_cast<uintptr_t>(context.uc_mcontext.pc);
#endif
  if (!library.Holds(at)) return false;
  for (unsigned i = 0; i < entry_count; ++i) {
    if (entries[i].Holds(at)) return false;
  }
  return true;
}

void UseHeapInHandler(HandlerState& state) {
  Block& block = state.blocks[state.random.Below(kHandlerBlocks)];
  if (block.start != nullptr) {
    if (state.random.OneIn(4)) ResizeBlock(block, state.random.Size(12));
    DropBlock(block);
    return;
  }
  // Mostly small; sometimes one that must come from the page heap, whose lock may be held.
  block = TakeBlock(state.random, state.random.OneIn(16) ? 17 : 10);
  if (block.start == nullptr) return;
  handler_blocks.fetch_add(1, std::memory_order_relaxed);
}

// The child of a handler is in it for all its life: the heap must serve it or refuse it, not hang.
void ForkOnce(std::atomic<uint64_t>& forks) {
  const pid_t child = fork();
  if (child < 0) return;
  if (child == 0) {
    free(malloc(100));
    free(malloc(kSlowSize));
    _exit(0);
  }
  const double deadline = SecondsNow() + 20;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (SecondsNow() > deadline) {
      DumpStacks(child);
      kill(child, SIGKILL);
      Fail("a child hangs");
    }
    usleep(100);
  }
  if (status != 0) Fail("a child ended with status %d", status);
  forks.fetch_add(1, std::memory_order_relaxed);
}

void Handle(int, siginfo_t*, void* context) {
  const int kept_errno = errno;
  signals_handled.fetch_add(1, std::memory_order_relaxed);
  HandlerState& state = handler_state;
  if (state.signals_left != 0 && --state.signals_left == 0) {
    constexpr itimerspec kNever{};
    timer_settime(state.timer, 0, &kNever, nullptr);
  }
  const bool allowed = mode == Mode::kLarge || mode == Mode::kAttach || mode == Mode::kFork ||
                       (mode == Mode::kSmall && InterruptedSlowPath(context));
  if (state.armed && allowed) UseHeapInHandler(state);
  if (state.armed && mode == Mode::kFork && state.random.OneIn(16)) ForkOnce(handler_forks);
  if (state.armed && mode == Mode::kForks) ForkOnce(handler_forks);
  errno = kept_errno;
}

// Signals this thread every `period_ns` while it lives.
class Ticker {
 public:
  // At most so often; 0: without an end.
  explicit Ticker(long period_ns, unsigned most = 0) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) Fail("no timer");
    handler_state.timer = timer_;
    handler_state.signals_left = most;
    const itimerspec period{{0, period_ns}, {0, period_ns}};
    timer_settime(timer_, 0, &period, nullptr);
  }
  ~Ticker() { timer_delete(timer_); }

 private:
  timer_t timer_;
};

// No signal comes while one of these lives: for what the thread itself does with the fast path.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

size_t PickSize(Random& random) {
  if (mode == Mode::kSmall) return random.Size(14);
  const size_t large = (300 << 10) + random.Below(3 << 20);
  return random.OneIn(64) ? large + (40 << 20) : large;
}

// Many blocks at once of one size, then all of them back: stacks run empty and full all the time,
// so slow paths are most of the work.
void ChurnSmall(Random& random, Block* held) {
  const size_t size = PickSize(random);
  for (unsigned i = 0; i < kHeldPerThread; ++i) {
    held[i] = {malloc(size), size};
    if (held[i].start == nullptr) Fail("a block of %zu bytes is refused", size);
    Fill(held[i].start, size, reinterpret_cast<uintptr_t>(held[i].start));
  }
  for (unsigned i = 0; i < kHeldPerThread; ++i) DropBlock(held[i]);
  malloc_trim(0);
}

void ChurnLarge(Random& random, Block* held) {
  Block& block = held[random.Below(8)];
  if (block.start != nullptr && random.OneIn(3)) {
    ResizeBlock(block, PickSize(random));
    return;
  }
  DropBlock(block);
  const size_t size = PickSize(random);
  if (random.OneIn(4)) {
    block = TakeAligned(random, size_t{1} << (5 + random.Below(14)), size);
    return;
  }
  block = {random.OneIn(2) ? malloc(size) : calloc(1, size), size};
  if (block.start == nullptr) Fail("a block of %zu bytes is refused", size);
  Fill(block.start, size, reinterpret_cast<uintptr_t>(block.start));
}

void Live(uint64_t seed, double end) {
  Random random(seed);
  Block held[kHeldPerThread];
  uint64_t steps = 0;
  handler_state.random = Random(seed + 77);
  handler_state.armed = true;
  {
    const Ticker ticker(kPeriodNs);
    for (; SecondsNow() < end; ++steps) {
      mode == Mode::kSmall ? ChurnSmall(random, held) : ChurnLarge(random, held);
    }
  }
  const SignalsBlocked blocked;
  for (Block& block : held) DropBlock(block);
  for (Block& block : handler_state.blocks) DropBlock(block);
  steps_done += steps;
}

// One call under fire in a thread of its own. What its handlers took is freed at its very end.
void* LiveBriefly(void* argument) {
  Random random(reinterpret_cast<uintptr_t>(argument));
  handler_state.random = Random(random.Next());
  handler_state.armed = true;
  const Ticker ticker(static_cast<long>(10'000 + random.Below(50'000)), kSignalsPerCall);
  Block block{malloc(300 << 10), 300 << 10};
  if (block.start == nullptr) Fail("a block is refused");
  Fill(block.start, block.size, reinterpret_cast<uintptr_t>(block.start));
  DropBlock(block);
  handler_state.armed = false;
  for (Block& left : handler_state.blocks) DropBlock(left);
  return nullptr;
}

// Starts threads for LiveBriefly until `end`.
void StartBriefLives(uint64_t seed, double end) {
  Random random(seed);
  for (uint64_t life = 0; SecondsNow() < end; ++life) {
    pthread_t thread;
    void* argument = reinterpret_cast<void*>(random.Next() >> 1);
    if (pthread_create(&thread, nullptr, LiveBriefly, argument) != 0) Fail("no thread starts");
    pthread_join(thread, nullptr);
    steps_done.fetch_add(1, std::memory_order_relaxed);
  }
}

// Now and then there is time for a fork to end.
void ForkAlone(const Options& options) {
  Random random(options.seed);
  const double end = SecondsNow() + options.seconds;
  for (; SecondsNow() < end; ++steps_done) {
    handler_state.armed = true;
    const Ticker ticker(static_cast<long>(100'000 + random.Below(400'000)), 40);
    for (int i = 0; i < 10; ++i) ForkOnce(thread_forks);
  }
  handler_state.armed = false;
}

void RunThreads(const Options& options) {
  std::vector<std::thread> threads;
  const double end = SecondsNow() + options.seconds;
  {
    const SignalsBlocked blocked;  // inherited by no one: each thread unblocks for itself
    for (unsigned i = 0; i < options.threads; ++i) {
      threads.emplace_back([=] {
        sigset_t wanted;
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGUSR1);
        pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);
        const auto live = mode == Mode::kAttach || mode == Mode::kFork ? StartBriefLives : Live;
        live(options.seed * 100 + i, end);
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
}

int Run(const Options& options) {
  if (IsSpanheap()) {
    if (strcmp(options.mode, "large") == 0) mode = Mode::kLarge;
    if (strcmp(options.mode, "small") == 0) mode = Mode::kSmall;
    if (strcmp(options.mode, "attach") == 0) mode = Mode::kAttach;
    if (strcmp(options.mode, "fork") == 0) mode = Mode::kFork;
    if (strcmp(options.mode, "forks") == 0) mode = Mode::kForks;
    LearnCode();
  }
  struct sigaction action{};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  const uint64_t live_before = VerifyHeap();
  mode == Mode::kForks ? ForkAlone(options) : RunThreads(options);
  free(malloc(kSlowSize));  // what handlers freed meanwhile is really free from here on
  const uint64_t live = VerifyHeap();
  if (live > live_before + kLibcBlocks) {
    Fail("%lu blocks lived before and %lu live after", live_before, live);
  }
  if (signals_handled == 0) Fail("no signal came");
  const bool forks_only = mode == Mode::kForks;
  if (mode != Mode::kQuiet && !forks_only && handler_blocks == 0) Fail("no handler took a block");
  if ((mode == Mode::kFork || forks_only) && handler_forks == 0) Fail("no handler forked");
  return Succeed(
      "%lu signals, %lu blocks taken and %lu forks in handlers, %lu forks of threads, %lu steps, "
      "%lu live blocks",
      signals_handled.load(), handler_blocks.load(), handler_forks.load(), thread_forks.load(),
      steps_done.load(), live);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.seconds = 3, .threads = 4, .mode = "large"},
      "Interrupts slow paths of the heap with signal handlers that use the heap.\n"
      "modes: large, small, attach, fork, forks, quiet (see the file)",
      spanheap::stress::Run);
}
