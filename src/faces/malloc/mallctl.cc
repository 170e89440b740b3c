// SPDX-License-Identifier: MIT
//
// mallctl: jemalloc's tree of named values, as far as its names mean something here.
//
// Idea.       One table: a name, the value's kind, and a function that reads, writes or does it. A
//             `#` in a name stands for an arena number: there is one arena, 0, and 4096 means all.
//             A MIB is as long as the name has parts; part 0 is the table's row, part 1 the number.
// Invariants. Figures are of the moment of the call; "epoch" counts, but nothing waits for it.
// Fails.      ENOENT: no such name or number. EPERM: not writable (readable). EINVAL: wrong length
//             of a value; as much of it as fits is copied all the same. jemalloc's own answers.
// Tests.      tests/faces/malloc/rows_control.cc.
#include <errno.h>

#include <cstdint>
#include <cstring>

#include "base/atomic.h"
#include "base/platform.h"
#include "faces/malloc/export.h"
#include "observe/heap_report.h"
#include "runtime/heap.h"

namespace heap = spanheap::heap;
using spanheap::Atomic;
using spanheap::HeapReport;

namespace {

constexpr size_t kAllArenas = 4096;
constexpr size_t kArenaCount = 1;
// The deepest name has three parts.
constexpr size_t kMaxParts = 3;

constinit Atomic<uint64_t> epoch{1};

// The caller's side of one call. Each function below returns 0 or an error number.
struct Exchange {
  void* old_value;
  size_t* old_length;
  const void* new_value;
  size_t new_length;

  bool reads() const { return old_value != nullptr && old_length != nullptr; }
  bool writes() const { return new_value != nullptr || new_length != 0; }

  template <class T>
  int Give(T value) const {
    if (!reads()) return 0;
    if (*old_length == sizeof value) {
      memcpy(old_value, &value, sizeof value);
      return 0;
    }
    if (*old_length > sizeof value) *old_length = sizeof value;
    memcpy(old_value, &value, *old_length);
    return EINVAL;
  }
  template <class T>
  int GiveOnly(T value) const {
    return writes() ? EPERM : Give(value);
  }
};

using Handler = int (*)(const Exchange&);

// Values ------------------------------------------------------------------------------------------

int Version(const Exchange& call) { return call.GiveOnly<const char*>(SPANHEAP_VERSION_TEXT); }

// Any write moves the epoch on; a read gives the current one.
int Epoch(const Exchange& call) {
  if (call.writes()) {
    if (call.new_value == nullptr || call.new_length != sizeof(uint64_t)) return EINVAL;
    epoch.FetchAdd(1);
  }
  return call.Give(epoch.LoadAcquire());
}

template <auto kValue>
int Constant(const Exchange& call) {
  return call.GiveOnly(kValue);
}

template <const char* kText>
int ConstantText(const Exchange& call) {
  return call.GiveOnly(kText);
}
constexpr char kNothing[] = "";
constexpr char kFalse[] = "false";
constexpr char kDisabled[] = "disabled";
constexpr char kDefault[] = "default";

// A switch that stays off: writing what it is succeeds.
int SwitchedOff(const Exchange& call) {
  if (call.writes()) {
    if (call.new_value == nullptr || call.new_length != sizeof(bool)) return EINVAL;
    if (*static_cast<const bool*>(call.new_value)) return EPERM;
  }
  return call.Give(false);
}

template <class Figure>
int GiveFigure(const Exchange& call, Figure figure) {
  if (call.writes()) return EPERM;
  HeapReport report;
  heap::ReadReport(report);
  return call.Give<size_t>(figure(report));
}

int Allocated(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) { return r.live_bytes; });
}
// Spans in use with all that is in them.
int Active(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) {
    return r.live_bytes + r.free_in_spans_bytes + r.thread_cache_bytes;
  });
}
int Metadata(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) { return r.metadata_bytes; });
}
int Resident(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) { return r.mapped_bytes - r.released_bytes; });
}
int Mapped(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) {
    return r.mapped_bytes - r.released_bytes - r.metadata_bytes;
  });
}
int Retained(const Exchange& call) {
  return GiveFigure(call, [](const HeapReport& r) { return r.released_bytes; });
}

// Doings ------------------------------------------------------------------------------------------

int Purge(const Exchange& call) {
  if (call.reads() || call.writes()) return EPERM;
  heap::Trim(0);
  return 0;
}

// The table ---------------------------------------------------------------------------------------

struct Row {
  const char* name;
  Handler handle;
};

constexpr Row kRows[] = {
    {"version", Version},
    {"epoch", Epoch},
    {"background_thread", SwitchedOff},
    {"max_background_threads", Constant<size_t{0}>},
    {"config.cache_oblivious", Constant<false>},
    {"config.debug", Constant<spanheap::kDebugChecks>},
    {"config.fill", Constant<false>},
    {"config.lazy_lock", Constant<false>},
    {"config.malloc_conf", ConstantText<kNothing>},
    {"config.prof", Constant<false>},
    {"config.stats", Constant<true>},
    {"config.utrace", Constant<false>},
    {"config.xmalloc", Constant<false>},
    {"opt.abort", Constant<false>},
    {"opt.background_thread", Constant<false>},
    {"opt.confirm_conf", Constant<false>},
    {"opt.junk", ConstantText<kFalse>},
    {"opt.narenas", Constant<unsigned{kArenaCount}>},
    {"opt.percpu_arena", ConstantText<kDisabled>},
    {"opt.prof", Constant<false>},
    {"opt.retain", Constant<true>},
    {"opt.stats_print", Constant<false>},
    {"opt.tcache", Constant<true>},
    {"opt.thp", ConstantText<kDefault>},
    {"opt.xmalloc", Constant<false>},
    {"opt.zero", Constant<false>},
    {"arenas.narenas", Constant<unsigned{kArenaCount}>},
    {"arenas.page", Constant<size_t{8192}>},
    {"arenas.quantum", Constant<heap::kMinAlignment>},
    {"arena.#.decay", Purge},
    {"arena.#.initialized", Constant<true>},
    {"arena.#.purge", Purge},
    {"stats.active", Active},
    {"stats.allocated", Allocated},
    {"stats.mapped", Mapped},
    {"stats.metadata", Metadata},
    {"stats.resident", Resident},
    {"stats.retained", Retained},
    {"thread.arena", Constant<unsigned{0}>},
};
constexpr size_t kRowCount = sizeof kRows / sizeof kRows[0];

bool HasNumber(const Row& row) { return strchr(row.name, '#') != nullptr; }

size_t PartsOf(const Row& row) {
  size_t parts = 1;
  for (const char* at = row.name; *at != '\0'; ++at) parts += *at == '.';
  return parts;
}

bool IsArena(size_t number) { return number < kArenaCount || number == kAllArenas; }

// True if `name` is the row's, with any number for `#`, which is then in `number`.
bool Matches(const char* pattern, const char* name, size_t& number) {
  for (; *pattern != '\0'; ++pattern) {
    if (*pattern != '#') {
      if (*pattern != *name++) return false;
      continue;
    }
    if (*name < '0' || *name > '9') return false;
    for (number = 0; *name >= '0' && *name <= '9' && number <= kAllArenas; ++name) {
      number = number * 10 + static_cast<size_t>(*name - '0');
    }
  }
  return *name == '\0';
}

struct Found {
  size_t row = kRowCount;
  size_t number = 0;

  bool ok() const { return row < kRowCount; }
};

Found FindRow(const char* name) {
  for (size_t row = 0; row < kRowCount; ++row) {
    size_t number = 0;
    if (Matches(kRows[row].name, name, number)) {
      return HasNumber(kRows[row]) && !IsArena(number) ? Found{} : Found{row, number};
    }
  }
  return {};
}

}  // namespace

SPANHEAP_EXPORT int mallctl(const char* name, void* old_value, size_t* old_length, void* new_value,
                            size_t new_length) {
  const Found found = FindRow(name);
  if (!found.ok()) return ENOENT;
  return kRows[found.row].handle({old_value, old_length, new_value, new_length});
}

SPANHEAP_EXPORT int mallctlnametomib(const char* name, size_t* mib, size_t* mib_length) {
  const Found found = FindRow(name);
  if (!found.ok()) return ENOENT;
  const size_t values[kMaxParts] = {found.row, found.number, 0};
  const size_t parts = PartsOf(kRows[found.row]);
  if (*mib_length > parts) *mib_length = parts;
  for (size_t i = 0; i < *mib_length; ++i) mib[i] = values[i];
  return 0;
}

SPANHEAP_EXPORT int mallctlbymib(const size_t* mib, size_t mib_length, void* old_value,
                                 size_t* old_length, void* new_value, size_t new_length) {
  if (mib_length == 0 || mib[0] >= kRowCount) return ENOENT;
  const Row& row = kRows[mib[0]];
  if (mib_length != PartsOf(row)) return ENOENT;
  if (HasNumber(row) && !IsArena(mib[1])) return ENOENT;
  return row.handle({old_value, old_length, new_value, new_length});
}
