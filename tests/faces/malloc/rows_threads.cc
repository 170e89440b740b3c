// SPDX-License-Identifier: MIT
//
// Rows on threads: their late allocations, blocks that change hands, signals that interrupt.
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <dirent.h>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <thread>
#include <vector>

#include "conformance.h"

namespace conformance {
namespace {

// 0: there is no /proc.
int CountTasks() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  int count = 0;
  while (const dirent* entry = readdir(tasks)) count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

// Before main: later on the heap may have grown enough for a thread of its own.
const int tasks_at_start = CountTasks();

void NoThreadAtLoad(Verdict& v) {
  const int count = tasks_at_start;
  if (count == 0) return v.Skip("no /proc");
  EXPECT(v, count == 1);
  v.Note("%d task", count);
}

// Thread keys whose destructors allocate, free what others allocated, and ask for another round.
constexpr int kKeys = 40;
pthread_key_t keys[kKeys];
std::atomic<int> destructor_calls{0};

void AllocatingDestructor(void* value) {
  auto* counter = static_cast<int*>(value);
  void* p = malloc(100 + 100 * static_cast<size_t>(*counter));
  memset(p, 1, 100);
  free(p);
  ++destructor_calls;
  if (--*counter == 0) return free(counter);
  for (pthread_key_t key : keys) {
    if (pthread_getspecific(key) == nullptr) {
      pthread_setspecific(key, counter);
      return;
    }
  }
}

struct AtThreadEnd {
  ~AtThreadEnd() {
    for (int i = 0; i < 100; ++i) free(held[i]);
    Use(realloc(malloc(3000), 70000));
  }
  void* held[100] = {};
};
thread_local AtThreadEnd at_thread_end;

void EndingThread() {
  for (void*& p : at_thread_end.held) p = malloc(50);
  for (pthread_key_t key : keys) {
    auto* counter = static_cast<int*>(malloc(sizeof(int)));
    *counter = 4;
    pthread_setspecific(key, counter);
  }
}

void DestructorsAllocate(Verdict& v) {
  for (pthread_key_t& key : keys) EXPECT(v, pthread_key_create(&key, AllocatingDestructor) == 0);
  destructor_calls = 0;
  constexpr int kThreads = 50;
  for (int i = 0; i < kThreads; ++i) std::thread(EndingThread).join();
  for (pthread_key_t key : keys) pthread_key_delete(key);
  EXPECT(v, destructor_calls >= kThreads * kKeys * 2);
  v.Note("%d destructor calls of %d keys", destructor_calls.load(), kKeys);
}

void ThreadsGiveBack(Verdict& v) {
  const auto churn = [] {
    std::vector<void*> blocks(2000);
    for (void*& p : blocks) memset(p = malloc(500), 1, 500);
    for (void* p : blocks) free(p);
  };
  for (int i = 0; i < 100; ++i) std::thread(churn).join();
  const long before = ProcStatus("VmRSS");
  for (int i = 0; i < 1000; ++i) std::thread(churn).join();
  const long grown = ProcStatus("VmRSS") - before;
  EXPECT(v, grown < 8000);
  v.Note("1000 threads of 1 MB each: %ld KiB more", grown);
}

void BlocksChangeHands(Verdict& v) {
  constexpr int kBlocks = 200000;
  std::vector<std::atomic<unsigned char*>> slots(kBlocks);
  std::atomic<int> wrong{0};
  std::thread maker([&] {
    for (int i = 0; i < kBlocks; ++i) {
      const size_t n = 16 + static_cast<size_t>(i) % 3000;
      auto* p = static_cast<unsigned char*>(malloc(n));
      memset(p, i & 0xff, n);
      slots[i].store(p, std::memory_order_release);
    }
  });
  std::thread taker([&] {
    for (int i = 0; i < kBlocks; ++i) {
      unsigned char* p = nullptr;
      while ((p = slots[i].load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
      const size_t n = 16 + static_cast<size_t>(i) % 3000;
      wrong += !AllBytesAre(p, n, static_cast<unsigned char>(i & 0xff));
      free(p);
    }
  });
  maker.join();
  taker.join();
  EXPECT(v, wrong == 0);
  v.Note("%d blocks, made here, freed there", kBlocks);
}

// A handler that allocates, interrupting a thread that does nothing else. The few instructions that
// take a block from a bin, or put one there, are no section: the handler may come between them, and
// the two must not be about the same size class. Its blocks are of 200 to 400 bytes or of 2 to 20
// KiB, the thread's are smaller or lie between.
constexpr size_t kHandlersSizes[] = {200, 208, 256, 300, 400, 2048, 5000, 8192, 12288, 20480};
constexpr size_t kThreadsSizes[] = {16, 40, 64, 100, 128, 160, 500, 640, 1000, 1500, 70000, 300000};

volatile sig_atomic_t signals_seen = 0;
void AllocatingHandler(int) {
  const size_t n = kHandlersSizes[static_cast<size_t>(signals_seen) % std::size(kHandlersSizes)];
  void* p = malloc(n);
  if (p != nullptr) memset(p, 3, n);
  free(p);
  signals_seen = signals_seen + 1;
}

int InterruptedChurn() {
  struct sigaction action{};
  action.sa_handler = AllocatingHandler;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval every{{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &every, nullptr);
  std::vector<unsigned char*> blocks(5000);
  unsigned random = 1;
  while (signals_seen < 1000) {
    for (int i = 0; i < 1000; ++i) {
      random = random * 1664525 + 1013904223;
      unsigned char*& slot = blocks[(random >> 8) % blocks.size()];
      if (slot != nullptr && !AllBytesAre(slot, 16, 0x77)) return 2;
      free(slot);
      slot = static_cast<unsigned char*>(
          malloc(kThreadsSizes[(random >> 16) % std::size(kThreadsSizes)]));
      memset(slot, 0x77, 16);
    }
  }
  return 0;
}

// SIGALRM is taken: a thread that never sees it ends a process that hangs.
void EndInAMinute() {
  sigset_t alarm_signal;
  sigemptyset(&alarm_signal);
  sigaddset(&alarm_signal, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm_signal, nullptr);
  std::thread([] { sleep(60), _exit(3); }).detach();
  pthread_sigmask(SIG_UNBLOCK, &alarm_signal, nullptr);
}

void SignalHandlersMayCall(Verdict& v) {
  const Outcome outcome = RunForked(
      [] {
        EndInAMinute();
        return InterruptedChurn();
      },
      0);
  EXPECT_ENDED(v, outcome, exited_with(0));
  v.Note("1000 interrupted calls: no hang, no damage");
}

size_t tls_bytes = 0;
int FindOurTls(dl_phdr_info* object, size_t, void*) {
  if (strstr(object->dlpi_name, "libspanheap") == nullptr) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    if (object->dlpi_phdr[i].p_type == PT_TLS) tls_bytes = object->dlpi_phdr[i].p_memsz;
  }
  return 1;
}

void TlsIsSmall(Verdict& v) {
  if (dl_iterate_phdr(FindOurTls, nullptr) == 0) return v.Skip("no libspanheap object loaded");
  EXPECT(v, tls_bytes <= 64);
  v.Note("%zu bytes", tls_bytes);
}

}  // namespace

Rows ThreadRows() {
  return {
      {"threads", "none is started at load", NoThreadAtLoad},
      {"TLS model", "at most 64 bytes of static TLS", TlsIsSmall},
      {"thread exit", "destructors of keys (all rounds) and thread_local objects",
       DestructorsAllocate},
      {"thread exit", "a thread's caches go back to all", ThreadsGiveBack},
      {"threads", "any thread may free any block", BlocksChangeHands},
      {"signal safety", "a handler that interrupts malloc may call it: no hang, no damage",
       SignalHandlersMayCall},
  };
}

}  // namespace conformance
