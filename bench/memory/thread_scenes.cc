// SPDX-License-Identifier: MIT
//
// Scenes of several threads: idle ones, some that are busy now and then, a pipeline, and churn with
// and without giving back.
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "bench/harness/random.h"
#include "bench/harness/threads.h"
#include "bench/memory/apart.h"
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

// Many threads that serve a request of a megabyte now and then, and sleep in between: too short to
// be idle, and together they could keep much.
class Servers {
 public:
  static constexpr int kThreads = 200;

  // The mean of what is resident in the last second, in bytes.
  double Run() {
    const double before = static_cast<double>(ResidentBytes());
    for (int i = 0; i < kThreads; ++i) threads_[i] = StartThread(Serve, this);
    Pause_ms(5000);
    double sum = 0;
    for (int i = 0; i < kLooks; ++i) {
      sum += static_cast<double>(ResidentBytes()) - before;
      Pause_ms(1000 / kLooks);
    }
    stop_ = true;
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    return sum / kLooks;
  }

 private:
  static constexpr int kLooks = 20;
  static constexpr std::size_t kRequest = 1 << 20;
  static constexpr std::size_t kMostBlocks = 16'000;

  // Blocks of 64 B to 256 KB, as many bytes of each doubling.
  static void Request(Random& random, void** blocks) {
    std::size_t n = 0;
    for (std::size_t bytes = 0; bytes < kRequest && n < kMostBlocks; ++n) {
      const std::size_t least = std::size_t{64} << random.Below(12);
      const std::size_t size = random.Between(least, 2 * least);
      blocks[n] = std::malloc(size);
      std::memset(blocks[n], 1, size);
      bytes += size;
    }
    while (n > 0) std::free(blocks[--n]);
  }
  static void* Serve(void* argument) {
    auto& servers = *static_cast<Servers*>(argument);
    Random random(static_cast<std::uint64_t>(servers.started_.fetch_add(1)) + 1);
    void* blocks[kMostBlocks];
    while (!servers.stop_) {
      Request(random, blocks);
      Pause_ms(static_cast<unsigned>(random.Between(40, 80)));
    }
    return nullptr;
  }

  std::atomic<int> started_{0};
  std::atomic<bool> stop_{false};
  pthread_t threads_[kThreads] = {};
};

// A ring of live blocks: each step frees the oldest and allocates another.
void ChurnFor(std::uint64_t millions) {
  constexpr std::size_t kLive = 200'000;
  static void* blocks[kLive];
  Random random(5);
  for (std::uint64_t steps = millions * 1'000'000; steps > 0; --steps) {
    void*& block = blocks[random.Below(kLive)];
    std::free(block);
    const std::size_t size = random.Between(16, 1000);
    block = std::malloc(size);
    *static_cast<std::uint64_t*>(block) = size;
  }
}

// Of a million steps. Processor time, all threads', is what other programs disturb least.
struct ChurnCost {
  double processor_ms;
  double faults;
};

// So many of a million steps are nothing: a ten-thousandth of its time.
constexpr double kFewFaults = 10;

double Faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_minflt);
}

}  // namespace

void ChurnChild() {
  constexpr std::uint64_t kMillions = 6;
  ChurnFor(2);
  const double before_ms = ProcessorTime_ms();
  const double faults = Faults();
  ChurnFor(kMillions);
  const ChurnCost cost{(ProcessorTime_ms() - before_ms) / kMillions,
                       (Faults() - faults) / kMillions};
  TellAndExit(cost);
}

void Idle(Report& report) {
  static Idlers idlers;
  const double bare = idlers.Run(false);
  const double used = idlers.Run(true);
  report.Add({"idle: a thread that used no heap", bare, 0, "KB"});
  report.Add({"idle: kept by a thread, 2 s after its churn", used - bare, 16, "KB"});
}

void NowAndThenChild() {
  static Servers servers;
  TellAndExit(servers.Run());
}

// What they keep is bounded for all of them (64 MiB), and less below a limit; the shelf of blocks
// has 32 MiB. Stacks, records and what lives at a time come to 30 MB, more on busy processors.
void NowAndThen(Report& report) {
  const auto all = RunApartWith<double>("", "--now-and-then");
  const auto limited = RunApartWith<double>("memlimit=100M", "--now-and-then");
  report.Add({"now and then: resident with 200 threads", Megabytes(all), 140, "MB"});
  report.Add({"now and then: the same, soft limit 100 MiB", Megabytes(limited), 105, "MB"});
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

// Short rounds by turns, and the middle of their ratios: a round that was disturbed counts for one.
void Churn(Report& report) {
  constexpr std::size_t kRounds = 21;
  double time[kRounds];
  double faults[kRounds];
  for (std::size_t i = 0; i < kRounds; ++i) {
    ChurnCost cost[2];
    for (std::size_t turn = 0; turn < 2; ++turn) {
      const std::size_t with = (i + turn) % 2;
      cost[with] =
          RunApartWith<ChurnCost>(with != 0 ? "background=on" : "background=off", "--churn");
    }
    time[i] = cost[1].processor_ms / cost[0].processor_ms;
    faults[i] = (cost[1].faults + kFewFaults) / (cost[0].faults + kFewFaults);
  }
  std::sort(time, time + kRounds);
  std::sort(faults, faults + kRounds);
  report.Add({"churn: processor time with the thread", time[kRounds / 2], 1.02, "x"});
  report.Add({"churn: the same, a quarter is below", time[kRounds / 4], 0, "x"});
  report.Add({"churn: the same, a quarter is above", time[kRounds - 1 - kRounds / 4], 0, "x"});
  report.Add({"churn: page faults with it, against none", faults[kRounds / 2], 1.1, "x"});
}

}  // namespace spanheap::bench
