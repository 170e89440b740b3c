// SPDX-License-Identifier: MIT
#include "runtime/runtime.h"

#include <algorithm>

#include "base/platform.h"
#include "os/clock.h"
#include "os/huge_page_settings.h"
#include "os/limits.h"
#include "os/memory.h"
#include "runtime/occupied.h"
#include "runtime/options.h"

namespace spanheap {
namespace {

// Span records are made for spans of four pages on average: the shortest of malloc's classes.
// A heap cut finer than that runs out of records and refuses.
constexpr size_t kBytesPerRecord = 4 * kPageSize.value;

// Where address space is limited there is room for bitmaps of the smallest blocks and nothing else.
// Heaps without that limit hold a quarter of their space of these, or all of it of blocks from 64
// bytes on.
SPANHEAP_AT_START SpanRoom RoomForSpans(const PageHeap& pages, const os::MemoryLimits& limits) {
  constexpr size_t kLeast = 1 << 14;
  constexpr size_t kMostSparse = size_t{64} << 30;
  constexpr size_t kMostLimited = size_t{8} << 40;
  static_assert(2 * (kMostLimited >> kPageShift) <= UINT32_MAX);
  size_t space = pages.tables().linear_bytes;
  if (limits.address_space != os::kUnlimited) {
    space = std::min(limits.address_space.value, kMostLimited);
  } else if (space < kMostSparse) {
    space = std::min(kMostSparse, size_t{pages.capacity().value} << kChunkShift);
  }
  const auto records = static_cast<uint32_t>(std::max(space / kBytesPerRecord, kLeast));
  if (limits.address_space == os::kUnlimited) return {records, 2 * records};
  return {records, static_cast<uint32_t>(2 * (space >> kPageShift))};
}

}  // namespace

constinit SpanLists span_lists{};
constinit ThreadBlock shared_block{};
constinit Bootstrap bootstrap_arena{};

constinit Runtime runtime(span_lists, shared_block, bootstrap_arena);

bool Runtime::Start() {
  const Occupied occupied;
  MutexLock lock(start_mutex_);
  if (started_.LoadAcquire() != 0) return true;
  if (!StartLocked()) return false;
  started_.StoreRelease(1);
  return true;
}

void Runtime::BeforeFork() {
  Occupied::Begin();
  start_mutex_.Lock();
  threads.BeforeFork();
}

void Runtime::AfterForkInParent() {
  threads.AfterForkInParent();
  start_mutex_.Unlock();
  Occupied::End();
}

void Runtime::AfterForkInChild() {
  threads.AfterForkInChild();
  start_mutex_.Unlock();
  Occupied::End();
}

SPANHEAP_AT_START bool Runtime::StartLocked() {
  options.Load();
  PageHeapOptions page_options;
  page_options.reserve = options.reserve;
  page_options.limits = os::ReadMemoryLimits();
  page_options.is_overcommit_strict = os::IsOvercommitStrict;
  page_options.os_page = os::PageSize();
  page_options.huge_page = os::HugePageSize();
  page_options.huge_pages = &huge_pages;
  os::Memory& memory = os::TheMemory();
  huge_pages.Init(memory, os::HugePageSize(), os::ReadHugePageSettings, os::MonotonicNow_ns);
  huge_pages.SetGauge(pages.gauge());
  huge_pages.SetMode(options.hugepages);
  gate.Init();
  metadata.Init(memory, &pages.gauge());
  // A start that was refused after this goes on from here.
  if (!has_pages_ && !pages.Init(memory, page_options)) return false;
  has_pages_ = true;
  if (!spans.Init(memory, metadata, RoomForSpans(pages, page_options.limits))) return false;
  spans.SetOsPage(os::PageSize());
  scavenger.Init(memory);
  pages.SetLazyRelease(options.release == ReleaseBy::kFree);
  large.Init(memory, metadata, &pages.gauge(), &huge_pages);
  if (page_options.limits.address_space != os::kUnlimited) large.SpareAddressSpace();
  threads.Init();
  limits.Set(options.memlimit, options.hardlimit);
  CoreSection::RequireForLocks();
  return true;
}

}  // namespace spanheap
