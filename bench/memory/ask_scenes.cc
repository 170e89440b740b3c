// SPDX-License-Identifier: MIT
//
// Scenes in which one thread asks the heap for something large (to give back, to tell figures)
// while others allocate: how long these wait.
#include <malloc.h>
#include <pthread.h>

#include "bench/memory/scene.h"
#include "bench/memory/watch.h"

extern "C" __attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_length,
                                             void* new_value, size_t new_length);

namespace spanheap::bench {
namespace {

// Reads what mallinfo2 says, again and again: the longest call.
struct Reader {
  std::atomic<bool> stop{false};
  std::atomic<double> longest_ms{0};
  std::atomic<std::uint64_t> calls{0};

  static void* Run(void* argument) {
    auto& reader = *static_cast<Reader*>(argument);
    while (!reader.stop.load()) {
      const double start = Watch::Now_ms();
      mallinfo2();
      const double took = Watch::Now_ms() - start;
      if (took > reader.longest_ms.load()) reader.longest_ms.store(took);
      reader.calls.fetch_add(1);
      const timespec little{0, 200'000};
      nanosleep(&little, nullptr);
    }
    return nullptr;
  }
};

// What a metrics exporter does: a new epoch, then some figures one by one.
void ReadFigures() {
  std::uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  for (const char* name : {"stats.allocated", "stats.active", "stats.metadata", "stats.resident",
                           "stats.mapped", "stats.retained"}) {
    size_t figure = 0;
    size = sizeof figure;
    mallctl(name, &figure, &size, nullptr, 0);
  }
}

// The longest pair of another thread in a second of that, beside so many threads that sleep.
double LongestPairWhileReading(int sleepers) {
  static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  static std::atomic<int> ready{0};
  const auto sleep = [](void*) -> void* {
    std::free(std::malloc(100));
    ready.fetch_add(1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return nullptr;
  };
  pthread_mutex_lock(&gate);
  static pthread_t threads[kMaxThreads];
  for (int i = 0; i < sleepers; ++i) threads[i] = StartThread(sleep, nullptr);
  while (ready.load() < sleepers) Pause_ms(1);
  Watch watch;
  const pthread_t watcher = StartThread(Watch::Run, &watch);
  Pause_ms(100);
  watch.longest_ms = 0;
  for (const double end = Watch::Now_ms() + 1000; Watch::Now_ms() < end;) ReadFigures();
  watch.stop = true;
  pthread_join(watcher, nullptr);
  pthread_mutex_unlock(&gate);
  for (int i = 0; i < sleepers; ++i) pthread_join(threads[i], nullptr);
  return watch.longest_ms;
}

}  // namespace

void Trim(Report& report) {
  constexpr std::size_t kBlocks = 10'000;
  constexpr std::size_t kSize = 100'000;
  char** blocks = MapTable<char*>(kBlocks);
  const auto base = static_cast<double>(ResidentBytes());
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks[i] = static_cast<char*>(std::malloc(kSize));
    std::memset(blocks[i], 1, kSize);
  }
  Watch watch;
  Reader reader;
  const pthread_t watcher = StartThread(Watch::Run, &watch);
  const pthread_t asker = StartThread(Reader::Run, &reader);
  for (std::size_t i = 0; i < kBlocks; ++i) std::free(blocks[i]);
  watch.longest_ms = 0;
  reader.longest_ms = 0;
  const std::uint64_t calls = reader.calls.load();
  const double freed = static_cast<double>(ResidentBytes());
  const double start = Watch::Now_ms();
  const int first = malloc_trim(0);
  const double took = Watch::Now_ms() - start;
  const double kept = (static_cast<double>(ResidentBytes()) - base) / (freed - base);
  const auto in_between = static_cast<double>(reader.calls.load() - calls);
  watch.stop = true;
  reader.stop = true;
  pthread_join(watcher, nullptr);
  pthread_join(asker, nullptr);
  malloc_trim(0);
  const int last = malloc_trim(0);
  report.Add({"trim: kept of what was free and resident", kept, 0.05, "x"});
  report.Add({"trim: it said otherwise than 1", first == 1 ? 0.0 : 1.0, kNothing, ""});
  report.Add({"trim: with nothing to give it said", static_cast<double>(last), kNothing, ""});
  report.Add({"trim: malloc_trim of 1 GB", took, 0, "ms"});
  report.Add({"trim: longest pair of another thread", watch.longest_ms, 0, "ms"});
  report.Add({"trim: longest mallinfo2 of another thread", reader.longest_ms.load(), 0, "ms"});
  report.Add({"trim: calls of mallinfo2 meanwhile", in_between, 0, ""});
}

void Figures(Report& report) {
  if (mallctl == nullptr) return;
  report.Add({"figures: longest pair beside, 1 thread", LongestPairWhileReading(0), 0, "ms"});
  report.Add({"figures: the same, and 400 asleep", LongestPairWhileReading(400), 0, "ms"});
}

}  // namespace spanheap::bench
