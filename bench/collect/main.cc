// SPDX-License-Identifier: MIT
//
// How fast the collector marks: graphs of several shapes, beside what the machine's memory can do.
//
// usage: spanheap-bench-collect [--json] [MIB] [CYCLES] [SHAPE]     prints a row for each figure
//
// Idea.   A graph is made while nothing is collected, and then marked again and again by hand while
//         the program waits. A mark's rate is the bytes of the objects that were scanned over the
//         time between the two stops; all processors mark. Beside them: what memory allows
//         (ceilings.h). SHAPE: only those whose names hold it.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "bench/harness/whole_number.h"
#include "ceilings.h"
#include "runtime/collected_heap.h"
#include "shapes.h"
#include "spanheap/detail/barrier.h"

namespace {

using spanheap::CollectedHeap;

bool as_json = false;

double Median(std::vector<double>& samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

void Row(const char* name, const char* unit, std::vector<double>& samples) {
  const double median = Median(samples);
  std::printf(as_json ? "{\"row\":\"%s\",\"unit\":\"%s\",\"median\":%.3f,\"least\":%.3f,"
                        "\"most\":%.3f}\n"
                      : "%-46s %-12s median %9.3f  least %9.3f  most %9.3f\n",
              name, unit, median, samples.front(), samples.back());
}

void PrintCeilings(size_t bytes, int rounds) {
  namespace bench = spanheap::bench;
  std::vector<double> in_order, at_random, graph;
  const bench::GraphPattern pattern(bytes);
  for (int i = 0; i < rounds; ++i) {
    in_order.push_back(pattern.ReadInOrder());
    at_random.push_back(pattern.TouchAtRandom());
    graph.push_back(pattern.Mark(std::max(std::thread::hardware_concurrency(), 1U)));
  }
  Row("ceiling: memory read in order", "GB/s", in_order);
  Row("ceiling: lines of 64 B touched at random", "GB/s", at_random);
  Row("ceiling: mark random graph, 64 B", "GB/s", graph);
}

// ---- marks

void MeasureShape(const spanheap::bench::Shape& shape, size_t bytes, int cycles) {
  CollectedHeap& heap = *CollectedHeap::Get();
  void** const root = heap.roots.Take();
  spanheap::detail::StorePointer(root, shape.make(bytes));
  std::vector<double> rate, object_ns, stops;
  for (int i = 0; i < cycles; ++i) {
    heap.Collect();
    const spanheap::collected::CycleFigures& cycle = heap.collector.last_cycle();
    const auto mark_ns = static_cast<double>(cycle.mark_ns);
    rate.push_back(static_cast<double>(cycle.heap_scanned) / mark_ns);
    object_ns.push_back(mark_ns / static_cast<double>(std::max<uint64_t>(cycle.marked_objects, 1)));
    stops.push_back(static_cast<double>(std::max(cycle.stop1_ns, cycle.stop2_ns)) / 1000);
  }
  char name[80];
  std::snprintf(name, sizeof name, "mark %s", shape.name);
  Row(name, "GB/s", rate);
  Row(name, "ns an object", object_ns);
  Row(name, "us the stop", stops);
  spanheap::detail::StorePointer(root, nullptr);
  heap.roots.Put(root);
  heap.Collect();
}

// ---- the command line

constexpr int kUsageError = 2;
constexpr size_t kMostMib = size_t{1} << 20;
constexpr int kMostCycles = 1'000'000;

struct Words {
  size_t mib = 256;
  int cycles = 7;
  const char* shape = "";

  bool Wants(const spanheap::bench::Shape& each) const {
    return std::strstr(each.name, shape) != nullptr;
  }
};

// False: that is no word at this place.
bool ReadWord(int place, const char* word, Words& words) {
  using spanheap::bench::ReadWholeNumber;
  if (place == 0) return ReadWholeNumber(word, size_t{1}, kMostMib, words.mib);
  if (place == 1) return ReadWholeNumber(word, 1, kMostCycles, words.cycles);
  words.shape = word;
  return place == 2 &&
         std::any_of(std::begin(spanheap::bench::shapes), std::end(spanheap::bench::shapes),
                     [&](const auto& each) { return words.Wants(each); });
}

bool ReadWords(int argc, char** argv, Words& words) {
  int place = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      as_json = true;
    } else if (!ReadWord(place++, argv[i], words)) {
      return false;
    }
  }
  return true;
}

int Usage(const char* program) {
  std::fprintf(stderr, "usage: %s [--json] [MIB] [CYCLES] [SHAPE]     SHAPE: a part of", program);
  const char* before = " ";
  for (const spanheap::bench::Shape& shape : spanheap::bench::shapes) {
    std::fprintf(stderr, "%s'%s'", std::exchange(before, ", "), shape.name);
  }
  std::fprintf(stderr, "\n");
  return kUsageError;
}

}  // namespace

int main(int argc, char** argv) {
  Words words;
  if (!ReadWords(argc, argv, words)) return Usage(argv[0]);
  CollectedHeap* const heap = CollectedHeap::Get();
  if (heap == nullptr) return 1;
  heap->SetPercent(-1);
  const size_t bytes = words.mib << 20;
  PrintCeilings(bytes, 3);
  for (const spanheap::bench::Shape& shape : spanheap::bench::shapes) {
    if (words.Wants(shape)) MeasureShape(shape, bytes, words.cycles);
  }
  return 0;
}
