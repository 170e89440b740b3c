// SPDX-License-Identifier: MIT
//
// A program under a memory limit: so much lives, objects take each other's place as fast as it can,
// and the heap must stay below the limit at the price of half the processor time at most.
//
// Idea.   Each thread has a table of places; in each is a node with edges to others and a leaf of
//         some length. When the tables are full, objects are replaced at random for a while;
//         peak memory is taken all the time, processor time after that. One line of figures is
//         printed, and the run fails if the limit was passed by more than 3 %, or if the collector
//         took more than its half.
// Usage.  collected_limit LIMIT LIVE SECONDS [THREADS [MOST_CPU]]     in MiB; the last in percent
#include <spanheap/gc.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

using namespace spanheap;

namespace {

constexpr std::size_t kLeastLeaf = 32;
constexpr std::size_t kMostLeaf = 512;

struct Node;
struct Place {
  Ptr<Node> node;
};
struct Node {
  Ptr<Place> edges[4];
  Ptr<char> leaf;
  uint64_t number;
  uint64_t payload[10];
};
// A place, the pointer to it, a node and a leaf with what size classes add.
constexpr std::size_t kBytesPerNode = 8 + 8 + sizeof(Node) + (kLeastLeaf + kMostLeaf) / 2 + 20;

class Table {
 public:
  void Fill(std::size_t nodes, unsigned seed) {
    random_.seed(seed);
    places_.resize(nodes);
    for (Ptr<Place>& place : places_) place = New<Place>();
    for (std::size_t i = 0; i < nodes; ++i) Replace(i);
  }
  void ReplaceAny() { Replace(random_() % places_.size()); }
  bool IsWhole() const {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Node& node = *places_[i]->node;
      if (node.number != i || node.leaf[0] != static_cast<char>(i)) return false;
    }
    return true;
  }

 private:
  // Edges lead to places, so that a node that was replaced is held by nothing.
  void Replace(std::size_t i) {
    Node* const node = New<Node>();
    node->number = i;
    for (Ptr<Place>& edge : node->edges) edge = places_[random_() % places_.size()];
    node->leaf = NewArray<char>(kLeastLeaf + random_() % (kMostLeaf - kLeastLeaf));
    node->leaf[0] = static_cast<char>(i);
    places_[i]->node = node;
  }

  Vector<Ptr<Place>> places_;
  std::minstd_rand random_;
  SH_LAYOUT(Table, places_);
};

struct Figures {
  uint64_t wall_ns = 0;
  uint64_t process_ns = 0;
  uint64_t collector_ns = 0;
  uint64_t assist_ns = 0;
  uint64_t cycles = 0;
  uint64_t allocated = 0;
};

uint64_t Clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Figures Now() {
  const GcStats stats = ReadGcStats();
  Figures now;
  now.wall_ns = Clock_ns(CLOCK_MONOTONIC);
  now.process_ns = Clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  now.assist_ns = stats.assist_ns;
  now.collector_ns = stats.assist_ns + stats.background_ns;
  now.cycles = stats.cycles;
  now.allocated = stats.allocated_bytes;
  return now;
}

int64_t Argument(int argc, char** argv, int i, int64_t otherwise) {
  return i < argc ? std::strtoll(argv[i], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t limit = Argument(argc, argv, 1, 75) << 20;
  const int64_t live = Argument(argc, argv, 2, 50) << 20;
  const auto seconds_ns = static_cast<uint64_t>(Argument(argc, argv, 3, 2)) * 1'000'000'000;
  const auto thread_count = static_cast<std::size_t>(Argument(argc, argv, 4, 1));
  const auto most_percent = static_cast<double>(Argument(argc, argv, 5, 50));
  const std::size_t nodes = static_cast<std::size_t>(live) / kBytesPerNode / thread_count;
  SetMemoryLimit(limit);

  std::atomic<unsigned> full{0};
  std::atomic<bool> is_over{false};
  std::atomic<bool> is_whole{true};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      Root<Table> table = New<Table>();
      table->Fill(nodes, t + 1);
      full.fetch_add(1);
      while (!is_over.load(std::memory_order_relaxed)) {
        for (int i = 0; i < 100; ++i) table->ReplaceAny();
      }
      if (!table->IsWhole()) is_whole.store(false);
    });
  }
  uint64_t most = 0;
  uint64_t begin_ns = 0;
  Figures begin;
  const timespec pause{0, 1'000'000};
  do {
    nanosleep(&pause, nullptr);
    most = std::max(most, ReadGcStats().mapped_bytes);
    if (begin_ns != 0 || full.load() != thread_count) continue;
    begin = Now();
    begin_ns = begin.wall_ns;
  } while (begin_ns == 0 || Clock_ns(CLOCK_MONOTONIC) - begin_ns < seconds_ns);
  const Figures end = Now();
  const uint64_t marked = ReadGcStats().marked_bytes;
  is_over.store(true);
  for (std::thread& thread : threads) thread.join();

  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto mib = [](uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const auto process_ns = static_cast<double>(end.process_ns - begin.process_ns);
  const double share =
      100 * static_cast<double>(end.collector_ns - begin.collector_ns) / process_ns;
  const double assists = 100 * static_cast<double>(end.assist_ns - begin.assist_ns) / process_ns;
  const double seconds = static_cast<double>(end.wall_ns - begin.wall_ns) / 1e9;
  std::printf(
      "limit %.0f MiB, live %.0f, counted at most %.1f, resident at most %.1f; collector %.1f %% "
      "of "
      "the processor time (assists %.1f %%), %lu cycles, %.0f MiB/s allocated\n",
      mib(static_cast<uint64_t>(limit)), mib(marked), mib(most),
      static_cast<double>(usage.ru_maxrss) / 1024, share, assists, end.cycles - begin.cycles,
      mib(end.allocated - begin.allocated) / seconds);
  const bool is_obeyed = most <= static_cast<uint64_t>(limit) * 103 / 100;
  if (!is_obeyed) std::fputs("collected_limit: the limit was passed\n", stderr);
  if (share > most_percent) std::fputs("collected_limit: the collector took too much\n", stderr);
  if (!is_whole.load()) std::fputs("collected_limit: objects were lost\n", stderr);
  return is_obeyed && share <= most_percent && is_whole.load() ? 0 : 1;
}
