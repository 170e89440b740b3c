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
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

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

}  // namespace

int main(int argc, char** argv) {
  size_t mib = 256;
  int cycles = 7;
  const char* wanted = "";
  int place = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      as_json = true;
    } else if (place++ == 0) {
      mib = std::strtoul(argv[i], nullptr, 10);
    } else if (place == 2) {
      cycles = std::atoi(argv[i]);
    } else {
      wanted = argv[i];
    }
  }
  CollectedHeap* const heap = CollectedHeap::Get();
  if (mib == 0 || cycles <= 0 || heap == nullptr) return 1;
  heap->SetPercent(-1);
  PrintCeilings(mib << 20, 3);
  for (const spanheap::bench::Shape& shape : spanheap::bench::shapes) {
    if (std::strstr(shape.name, wanted) != nullptr) MeasureShape(shape, mib << 20, cycles);
  }
  return 0;
}
