// SPDX-License-Identifier: MIT
//
// The values behind mallctl's names: what is true of this heap, in jemalloc's words.
//
// Idea.   Figures are of the epoch (runtime/epoch_report.h). "allocated" is what is live; "active"
//         the spans with all that is in them; "resident" what is mapped and not released, "mapped"
//         the same without metadata; "retained" what is released; "dirty" are free pages that may
//         be backed. A "bin" is a small class, an "extent" class a larger one. What programs set to
//         steer jemalloc's purging (decay times) is accepted and changes nothing, except that a
//         time of 0 gives free memory back at once: this heap gives back by the clock whatever is
//         set. Names whose values this heap does not keep (bytes per thread, profiles, arenas of
//         one's own) are not there, so that programs go the way they have for a jemalloc built
//         without them.
#include <sys/types.h>

#include <cstdint>

#include "base/atomic.h"
#include "base/platform.h"
#include "faces/malloc/mallctl_call.h"
#include "observe/heap_report.h"
#include "runtime/heap.h"

namespace spanheap::face {
namespace {

using Call = ControlCall;

// What a program last set as decay times, in ms.
constinit Atomic<ssize_t> dirty_decay{10000};
constinit Atomic<ssize_t> muzzy_decay{0};

// ---- constants and switches

template <auto kValue>
int Constant(const Call& call) {
  return call.GiveOnly(kValue);
}
template <const char* kText>
int ConstantText(const Call& call) {
  return call.GiveOnly(kText);
}
constexpr char kNothing[] = "";
constexpr char kFalse[] = "false";
constexpr char kDisabled[] = "disabled";
constexpr char kDefault[] = "default";

int Version(const Call& call) { return call.GiveOnly<const char*>(SPANHEAP_VERSION_TEXT); }

// Any write moves the epoch on, and all figures with it; a read gives the current one.
int Epoch(const Call& call) {
  uint64_t any = 0;
  if (!call.writes()) return call.Give(heap::Epoch());
  return call.Take(any) ? call.Give(heap::NextEpoch()) : EINVAL;
}

// A switch that stays as it is: writing what it is succeeds.
template <bool kState>
int Fixed(const Call& call) {
  bool wanted = kState;
  if (call.writes() && !call.Take(wanted)) return EINVAL;
  return wanted == kState ? call.Give(kState) : EPERM;
}

bool IsOptionOn(const char* name) {
  char value[8];
  return heap::GetOption(name, value, sizeof value) && strcmp(value, "on") == 0;
}

int BackgroundThread(const Call& call) {
  const bool is_on = IsOptionOn("background");
  bool wanted = is_on;
  if (call.writes() && !call.Take(wanted)) return EINVAL;
  if (wanted != is_on && !heap::SetOption("background", wanted ? "on" : "off")) return EPERM;
  return call.Give(is_on);
}
int OptBackgroundThread(const Call& call) { return call.GiveOnly(IsOptionOn("background")); }

int OptZeroRealloc(const Call& call) {
  char value[8] = {};
  heap::GetOption("zero_realloc", value, sizeof value);
  return call.GiveOnly<const char*>(strcmp(value, "abort") == 0 ? "abort" : "free");
}

// ---- figures

// Of the report of this epoch.
template <class Figure>
auto Read(Figure figure) {
  using Value = decltype(figure(HeapReport()));
  struct Reading {
    Figure figure;
    Value value;
  } reading{figure, {}};
  const auto look = [](const HeapReport& report, void* to) {
    auto& into = *static_cast<Reading*>(to);
    into.value = into.figure(report);
  };
  heap::LookAtEpoch(look, &reading);
  return reading.value;
}

template <class Figure>
int GiveFigure(const Call& call, Figure figure) {
  return call.writes() ? EPERM : call.Give(Read(figure));
}

size_t BytesOfClasses(const HeapReport& report, bool is_small) {
  size_t bytes = 0;
  for (unsigned i = 0; i < report.class_count; ++i) {
    const SizeClassReport& row = report.classes[i];
    if ((row.span_blocks > 1) == is_small) bytes += row.live_blocks * row.block_bytes;
  }
  return bytes;
}

size_t ActiveIn(const HeapReport& r) {
  return r.live_bytes + r.free_in_spans_bytes + r.thread_cache_bytes;
}
size_t ResidentIn(const HeapReport& r) { return r.mapped_bytes - r.released_bytes; }
size_t DirtyIn(const HeapReport& r) {
  return r.free_pages_bytes + r.page_cache_bytes + r.central_cache_bytes;
}

int Allocated(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) -> size_t { return r.live_bytes; });
}
int SmallAllocated(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) { return BytesOfClasses(r, true); });
}
int LargeAllocated(const Call& call) {
  return GiveFigure(
      call, [](const HeapReport& r) -> size_t { return r.live_bytes - BytesOfClasses(r, true); });
}
int Active(const Call& call) { return GiveFigure(call, ActiveIn); }
int Resident(const Call& call) { return GiveFigure(call, ResidentIn); }
int Metadata(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) -> size_t { return r.metadata_bytes; });
}
int Mapped(const Call& call) {
  return GiveFigure(call,
                    [](const HeapReport& r) -> size_t { return ResidentIn(r) - r.metadata_bytes; });
}
int Retained(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) -> size_t { return r.released_bytes; });
}
int ThreadCacheBytes(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) -> size_t { return r.thread_cache_bytes; });
}
int Threads(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) { return static_cast<unsigned>(r.threads); });
}

constexpr size_t kPage = 8192;
int ActivePages(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) { return ActiveIn(r) / kPage; });
}
int DirtyPages(const Call& call) {
  return GiveFigure(call, [](const HeapReport& r) { return DirtyIn(r) / kPage; });
}

// ---- size classes

// Small classes come first in the report, then those of whole pages.
unsigned BinsIn(const HeapReport& report) {
  unsigned bins = 0;
  while (bins < report.class_count && report.classes[bins].span_blocks > 1) ++bins;
  return bins;
}
unsigned ExtentsIn(const HeapReport& report) { return report.class_count - BinsIn(report); }

bool IsBinRow(const char* name) { return strstr(name, "bin") != nullptr; }

int BinCount(const Call& call) { return GiveFigure(call, BinsIn); }
int ExtentCount(const Call& call) { return GiveFigure(call, ExtentsIn); }
template <uint64_t SizeClassReport::* kField, class T>
int OfBin(const Call& call) {
  return GiveFigure(
      call, [&](const HeapReport& r) { return static_cast<T>(r.classes[call.index].*kField); });
}
int ExtentSize(const Call& call) {
  return GiveFigure(call, [&](const HeapReport& r) -> size_t {
    return r.classes[BinsIn(r) + call.index].block_bytes;
  });
}
int BinRegions(const Call& call) {
  return GiveFigure(call, [&](const HeapReport& r) -> size_t {
    return r.classes[call.index].live_blocks + r.classes[call.index].cached_blocks;
  });
}
// Spans that have free slots: between none and all of them; this heap keeps no count, so as many as
// the free slots need at least.
int BinNonFull(const Call& call) {
  return GiveFigure(call, [&](const HeapReport& r) -> size_t {
    const SizeClassReport& row = r.classes[call.index];
    return (row.free_blocks + row.span_blocks - 1) / row.span_blocks;
  });
}

// ---- doings

int Purge(const Call& call) {
  if (call.reads() || call.writes()) return EPERM;
  heap::Trim(0);
  return 0;
}

int FlushThread(const Call& call) {
  if (call.reads() || call.writes()) return EPERM;
  heap::FlushThreadCache();
  return 0;
}

int Decay(const Call& call, Atomic<ssize_t>& time) {
  const ssize_t before = time.LoadAcquire();
  if (call.writes()) {
    ssize_t wanted = 0;
    if (!call.Take(wanted)) return EINVAL;
    if (wanted < -1) return EFAULT;
    time.StoreRelease(wanted);
    if (wanted == 0) heap::Trim(0);
  }
  return call.Give(before);
}
int DirtyDecay(const Call& call) { return Decay(call, dirty_decay); }
int MuzzyDecay(const Call& call) { return Decay(call, muzzy_decay); }

// Threads may be bound to the one arena there is.
int ThreadArena(const Call& call) {
  unsigned wanted = 0;
  if (call.writes() && !call.Take(wanted)) return EINVAL;
  return wanted < kArenaCount ? call.Give(0U) : EFAULT;
}

// No arenas are made on demand.
int CreateArena(const Call&) { return EAGAIN; }

// The arena of an address.
int LookUpArena(const Call& call) {
  const void* address = nullptr;
  if (!call.Take(address) || !heap::Owns(address)) return EINVAL;
  return call.Give(0U);
}

constexpr ControlRow kRows[] = {
    {"version", Version},
    {"epoch", Epoch},
    {"background_thread", BackgroundThread},
    {"max_background_threads", Constant<size_t{1}>},
    {"config.cache_oblivious", Constant<false>},
    {"config.debug", Constant<kDebugChecks>},
    {"config.fill", Constant<false>},
    {"config.lazy_lock", Constant<false>},
    {"config.malloc_conf", ConstantText<kNothing>},
    {"config.prof", Constant<false>},
    {"config.prof_libgcc", Constant<false>},
    {"config.prof_libunwind", Constant<false>},
    {"config.stats", Constant<true>},
    {"config.utrace", Constant<false>},
    {"config.xmalloc", Constant<false>},
    {"opt.abort", Constant<false>},
    {"opt.abort_conf", Constant<false>},
    {"opt.background_thread", OptBackgroundThread},
    {"opt.confirm_conf", Constant<false>},
    {"opt.dirty_decay_ms", Constant<ssize_t{10000}>},
    {"opt.dss", ConstantText<kDisabled>},
    {"opt.junk", ConstantText<kFalse>},
    {"opt.metadata_thp", ConstantText<kDisabled>},
    {"opt.muzzy_decay_ms", Constant<ssize_t{0}>},
    {"opt.narenas", Constant<unsigned{kArenaCount}>},
    {"opt.percpu_arena", ConstantText<kDisabled>},
    {"opt.prof", Constant<false>},
    {"opt.retain", Constant<true>},
    {"opt.stats_print", Constant<false>},
    {"opt.tcache", Constant<true>},
    {"opt.thp", ConstantText<kDefault>},
    {"opt.utrace", Constant<false>},
    {"opt.xmalloc", Constant<false>},
    {"opt.zero", Constant<false>},
    {"opt.zero_realloc", OptZeroRealloc},
    {"arenas.create", CreateArena},
    {"arenas.bin.@.nregs", OfBin<&SizeClassReport::span_blocks, uint32_t>},
    {"arenas.bin.@.size", OfBin<&SizeClassReport::block_bytes, size_t>},
    {"arenas.bin.@.slab_size", OfBin<&SizeClassReport::span_bytes, size_t>},
    {"arenas.dirty_decay_ms", DirtyDecay},
    {"arenas.lextent.@.size", ExtentSize},
    {"arenas.lookup", LookUpArena},
    {"arenas.muzzy_decay_ms", MuzzyDecay},
    {"arenas.narenas", Constant<unsigned{kArenaCount}>},
    {"arenas.nbins", BinCount},
    {"arenas.nlextents", ExtentCount},
    {"arenas.page", Constant<size_t{kPage}>},
    {"arenas.quantum", Constant<heap::kMinAlignment>},
    {"arena.#.decay", Purge},
    {"arena.#.dirty_decay_ms", DirtyDecay},
    {"arena.#.initialized", Constant<true>},
    {"arena.#.muzzy_decay_ms", MuzzyDecay},
    {"arena.#.purge", Purge},
    {"stats.active", Active},
    {"stats.allocated", Allocated},
    {"stats.mapped", Mapped},
    {"stats.metadata", Metadata},
    {"stats.metadata_thp", Constant<size_t{0}>},
    {"stats.resident", Resident},
    {"stats.retained", Retained},
    {"stats.arenas.#.bins.@.curregs", BinRegions},
    {"stats.arenas.#.bins.@.curslabs", OfBin<&SizeClassReport::spans, size_t>},
    {"stats.arenas.#.bins.@.nonfull_slabs", BinNonFull},
    {"stats.arenas.#.dirty_decay_ms", DirtyDecay},
    {"stats.arenas.#.dss", ConstantText<kDisabled>},
    {"stats.arenas.#.large.allocated", LargeAllocated},
    {"stats.arenas.#.mapped", Mapped},
    {"stats.arenas.#.muzzy_decay_ms", MuzzyDecay},
    {"stats.arenas.#.nthreads", Threads},
    {"stats.arenas.#.pactive", ActivePages},
    {"stats.arenas.#.pdirty", DirtyPages},
    {"stats.arenas.#.pmuzzy", Constant<size_t{0}>},
    {"stats.arenas.#.resident", Resident},
    {"stats.arenas.#.retained", Retained},
    {"stats.arenas.#.small.allocated", SmallAllocated},
    {"stats.arenas.#.tcache_bytes", ThreadCacheBytes},
    {"thread.arena", ThreadArena},
    {"thread.idle", FlushThread},
    {"thread.tcache.enabled", Fixed<true>},
    {"thread.tcache.flush", FlushThread},
};

}  // namespace

const ControlRow* ControlRows(size_t& count) {
  count = sizeof kRows / sizeof kRows[0];
  return kRows;
}

bool HasClass(const ControlRow& row, size_t number) {
  return number < (IsBinRow(row.name) ? Read(BinsIn) : Read(ExtentsIn));
}

}  // namespace spanheap::face
