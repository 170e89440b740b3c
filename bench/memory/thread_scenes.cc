// SPDX-License-Identifier: MIT
//
// Scenes of several threads: idle ones, a pipeline, and churn with and without giving back.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>

#include "bench/harness/random.h"
#include "bench/harness/threads.h"
#include "bench/memory/scene.h"

namespace spanheap::bench {
namespace {

constexpr int kIdle = 400;

class Idlers {
 public:
  // Kilobytes a thread adds once it has waited two seconds.
  double Run(bool churns) {
    churns_ = churns;
    ready_ = 0;
    const double before = static_cast<double>(ResidentBytes());
    pthread_mutex_lock(&gate_);
    for (pthread_t& thread : threads_) thread = StartThread(Wait, this);
    while (ready_.load() < kIdle) Pause_ms(1);
    Pause_ms(2000);
    const double waiting = static_cast<double>(ResidentBytes());
    pthread_mutex_unlock(&gate_);
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    return (waiting - before) / 1024 / kIdle;
  }

 private:
  static constexpr int kBlocks = 3000;

  // A megabyte of small blocks, freed.
  static void UseHeap(void* (&blocks)[kBlocks], std::uint64_t seed) {
    Random random(seed);
    for (void*& block : blocks) {
      const std::size_t size = random.Between(16, 700);
      block = std::malloc(size);
      std::memset(block, 1, size);
    }
    for (void* block : blocks) std::free(block);
  }
  static void* Wait(void* argument) {
    auto& idlers = *static_cast<Idlers*>(argument);
    void* blocks[kBlocks];
    // Its stack is the program's: threads that use no heap touch it, too.
    for (void* volatile& block : blocks) block = nullptr;
    if (idlers.churns_) UseHeap(blocks, static_cast<std::uint64_t>(idlers.ready_.load()) + 1);
    idlers.ready_.fetch_add(1);
    pthread_mutex_lock(&idlers.gate_);
    pthread_mutex_unlock(&idlers.gate_);
    return nullptr;
  }

  bool churns_ = false;
  pthread_mutex_t gate_ = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<int> ready_{0};
  pthread_t threads_[kIdle] = {};
};

// A ring of live blocks: each step frees the oldest and allocates another.
double ChurnOnce(double seconds, std::uint64_t& steps) {
  constexpr std::size_t kLive = 200'000;
  static void* blocks[kLive];
  Random random(5);
  const double start = WallNs();
  for (steps = 0; WallNs() - start < seconds * 1e9;) {
    for (int i = 0; i < 1000; ++i, ++steps) {
      void*& block = blocks[random.Below(kLive)];
      std::free(block);
      const std::size_t size = random.Between(16, 1000);
      block = std::malloc(size);
      *static_cast<std::uint64_t*>(block) = size;
    }
  }
  return (WallNs() - start) / static_cast<double>(steps);
}

struct ChurnCost {
  double ns;
  double faults;  // a million steps
};

// In a process of its own, whose heap reads `background` at its start.
ChurnCost ChurnWith(const char* background) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    char seconds[] = "4";
    setenv("SPANHEAP", background, 1);
    dup2(ends[1], STDOUT_FILENO);
    char path[] = "/proc/self/exe";
    char verb[] = "--churn";
    char* arguments[] = {path, verb, seconds, nullptr};
    execv(path, arguments);
    _exit(127);
  }
  ChurnCost cost{};
  if (read(ends[0], &cost, sizeof cost) != sizeof cost) cost = {};
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  return cost;
}

}  // namespace

void ChurnChild() {
  std::uint64_t steps = 0;
  ChurnOnce(1, steps);
  rusage before;
  getrusage(RUSAGE_SELF, &before);
  ChurnCost cost{};
  cost.ns = ChurnOnce(3, steps);
  rusage after;
  getrusage(RUSAGE_SELF, &after);
  cost.faults =
      static_cast<double>(after.ru_minflt - before.ru_minflt) * 1e6 / static_cast<double>(steps);
  if (write(STDOUT_FILENO, &cost, sizeof cost) != sizeof cost) _exit(1);
  _exit(0);
}

void Idle(Report& report) {
  static Idlers idlers;
  const double bare = idlers.Run(false);
  const double used = idlers.Run(true);
  report.Add({"idle: a thread that used no heap", bare, 0, "KB"});
  report.Add({"idle: kept by a thread, 2 s after its churn", used - bare, 16, "KB"});
}

void Pipeline(Report& report) {
  constexpr std::size_t kLive = 400'000;
  constexpr std::size_t kMeanSize = 258;
  static std::atomic<void*>* slots = MapTable<std::atomic<void*>>(kLive);
  static std::atomic<bool> stop{false};
  static std::atomic<std::size_t> live_blocks{0};
  const double base = static_cast<double>(ResidentBytes());
  // The producer fills slots in turn; the consumer empties them in turn, half a turn behind.
  const auto produce = [](void*) -> void* {
    Random random(7);
    for (std::size_t i = 0; !stop; i = (i + 1) % kLive) {
      for (Backoff backoff; live_blocks.load() > kLive / 2 && !stop;) backoff.Wait();
      const std::size_t size = random.Between(16, 500);
      void* block = std::malloc(size);
      std::memset(block, 1, size);
      slots[i].store(block);
      live_blocks.fetch_add(1);
    }
    return nullptr;
  };
  const auto consume = [](void*) -> void* {
    for (std::size_t i = 0; !stop; i = (i + 1) % kLive) {
      for (Backoff backoff; live_blocks.load() < kLive / 2 && !stop;) backoff.Wait();
      std::free(slots[i].exchange(nullptr));
      live_blocks.fetch_sub(1);
    }
    return nullptr;
  };
  const pthread_t producer = StartThread(produce, nullptr);
  Pause_ms(500);
  const pthread_t consumer = StartThread(consume, nullptr);
  Pause_ms(5000);
  stop = true;
  pthread_join(producer, nullptr);
  pthread_join(consumer, nullptr);
  const double live = static_cast<double>(live_blocks.load() * kMeanSize);
  report.Add({"pipeline: live at the end", Megabytes(live), 0, "MB"});
  report.Add({"pipeline: resident in a steady state",
              (static_cast<double>(ResidentBytes()) - base) / live, 1.3, "x"});
}

void Churn(Report& report) {
  double time_ratio = 0;
  double fault_ratio = 0;
  constexpr int kRounds = 3;
  for (int i = 0; i < kRounds; ++i) {
    const ChurnCost off = ChurnWith("background=off");
    const ChurnCost on = ChurnWith("background=on");
    time_ratio += on.ns / off.ns / kRounds;
    fault_ratio += (on.faults + 1) / (off.faults + 1) / kRounds;
  }
  report.Add({"churn: time with the thread, against none", time_ratio, 1.02, "x"});
  report.Add({"churn: page faults with it, against none", fault_ratio, 1.1, "x"});
}

}  // namespace spanheap::bench
