// SPDX-License-Identifier: MIT
//
// The page heap itself, on real memory: its lock, page caches, release.
#include <cstdio>
#include <cstdlib>

#include "bench/pages/row.h"
#include "os/limits.h"
#include "pages/page_heap.h"

namespace spanheap::bench {
namespace {

constexpr Pages kHeapPages{32768};  // 256 MiB

std::shared_ptr<PageHeap> FreeHeap() {
  auto heap = std::make_shared<PageHeap>();
  PageHeapOptions options;
  options.os_page = os::PageSize();
  options.huge_page = os::HugePageSize();
  if (!heap->Init(os::TheMemory(), options)) {
    std::fprintf(stderr, "bench: no address space\n");
    std::exit(2);
  }
  const PageRun all = heap->Allocate(kHeapPages);
  heap->Free(all.first, all.count);
  return heap;
}

Runner LockedPair(std::shared_ptr<PageHeap> heap, Pages n) {
  return {"PageHeap", [heap, n](uint64_t times) {
            for (uint64_t i = 0; i < times; ++i) {
              const PageRun run = heap->Allocate(n);
              heap->Free(run.first, run.count);
            }
          }};
}

Runner CachedPair(std::shared_ptr<PageHeap> heap, Pages n) {
  auto cache = std::make_shared<PageCache>();
  return {"PageHeap", [heap, cache, n](uint64_t times) {
            for (uint64_t i = 0; i < times; ++i) {
              const PageRun run = heap->AllocateFrom(*cache, n);
              heap->FreeTo(*cache, run.first, run.count);
            }
          }};
}

// Sixty-four runs taken one by one and given back in one section of the lock. Per run.
Runner FreeManyRuns(std::shared_ptr<PageHeap> heap) {
  return {"PageHeap", [heap](uint64_t times) {
            PageRun runs[64];
            for (uint64_t i = 0; i < times; i += 64) {
              for (PageRun& run : runs) run = heap->Allocate(Pages(8));
              heap->FreeMany(runs, 64);
            }
          }};
}

}  // namespace

void AddHeapRows(std::vector<Row>& rows) {
  const auto heap = FreeHeap();
  rows.push_back(
      {"256 MiB free", "locked path, pair of 1 page", {LockedPair(heap, Pages(1))}, 100});
  rows.push_back({"256 MiB free", "locked path, pair of 8 pages", {LockedPair(heap, Pages(8))}, 0});
  rows.push_back({"256 MiB free", "page cache, pair of 1 page", {CachedPair(heap, Pages(1))}, 0});
  rows.push_back({"256 MiB free", "page cache, pair of 8 pages", {CachedPair(heap, Pages(8))}, 0});
  rows.push_back({"256 MiB free",
                  "64 runs of 8 pages, back in one section; per run",
                  {FreeManyRuns(heap)},
                  0});
}

}  // namespace spanheap::bench
