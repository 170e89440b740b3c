// SPDX-License-Identifier: MIT
#include "mutators/store_ranges.h"

#include <algorithm>

#include "base/bits.h"
#include "base/check.h"
#include "os/memory.h"
#include "sync/mutex.h"
#include "sync/stop_delay.h"

namespace spanheap {
namespace {

struct StoreRange {
  uintptr_t begin;
  uintptr_t end;
};

// A module's ranges in order, in memory of its own; kept for the next module when it is unloaded.
struct Module {
  const int32_t* section = nullptr;  // null: unloaded; guarded by the lock
  Module* next = nullptr;            // constant once it is in the list
  uint32_t capacity = 0;             // constant
  Atomic<uint32_t> count;            // 0: nothing to be found
  StoreRange ranges[1] = {};         // `capacity` of them
};

// The first few that have few ranges need no memory of their own: this library is one of them, and
// it comes when the collector starts, which must not fail for that.
struct SmallModule {
  static constexpr uint32_t kRanges = 16;
  Module module;
  StoreRange rest[kRanges - 1];

  constexpr explicit SmallModule(Module* next)
      : module{.next = next, .capacity = kRanges, .count = {}}, rest{} {}
};
static_assert(sizeof(SmallModule) ==
              sizeof(Module) + (SmallModule::kRanges - 1) * sizeof(StoreRange));  // one array
constinit SmallModule small_modules[4] = {
    SmallModule(&small_modules[1].module), SmallModule(&small_modules[2].module),
    SmallModule(&small_modules[3].module), SmallModule(nullptr)};

constinit Mutex modules_mutex{LockRank::kRoots};
constinit Atomic<Module*> modules{&small_modules[0].module};

Module* FindLocked(const int32_t* section) REQUIRES(modules_mutex) {
  for (Module* m = modules.LoadAcquire(); m != nullptr; m = m->next) {
    if (m->section == section) return m;
  }
  return nullptr;
}

Module* NewModule(uint32_t capacity) {
  const Bytes size = RoundUp(Bytes(sizeof(Module) + capacity * sizeof(StoreRange)), os::PageSize());
  os::Memory& memory = os::TheMemory();
  const Address start = memory.Reserve(size, os::PageSize(), "spanheap-store-ranges");
  SPANHEAP_CHECK(start != Address() && memory.MakeReady(start, size) && "memory for store ranges");
  auto* module = PointerTo<Module>(start);
  module->capacity = capacity;
  return module;
}

Module* ReusableLocked(uint32_t count) REQUIRES(modules_mutex) {
  for (Module* m = modules.LoadAcquire(); m != nullptr; m = m->next) {
    if (m->section == nullptr && m->capacity >= count) return m;
  }
  return nullptr;
}

// Where a pair points: from each of its words, by the distance in it.
StoreRange Resolve(const int32_t* pair) {
  const auto at = [](const int32_t* word) {
    return reinterpret_cast<uintptr_t>(word) + static_cast<uintptr_t>(intptr_t{*word});
  };
  return {at(pair), at(pair + 1)};
}

void Fill(Module& module, const int32_t* begin, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) module.ranges[i] = Resolve(begin + size_t{2} * i);
  std::sort(module.ranges, module.ranges + count,
            [](const StoreRange& a, const StoreRange& b) { return a.begin < b.begin; });
}

uintptr_t RestartIn(const Module& module, uintptr_t address) {
  uint32_t low = 0;
  uint32_t high = module.count.LoadAcquire();
  if (high == 0 || address <= module.ranges[0].begin || address >= module.ranges[high - 1].end) {
    return address;
  }
  while (high - low > 1) {  // ranges[low].begin < address
    const uint32_t middle = low + (high - low) / 2;
    (module.ranges[middle].begin < address ? low : high) = middle;
  }
  return address < module.ranges[low].end ? module.ranges[low].begin : address;
}

}  // namespace

void AddStoreRanges(const int32_t* begin, const int32_t* end) {
  const auto count = static_cast<uint32_t>((end - begin) / 2);
  if (count == 0) return;
  const StopDelay delay;
  MutexLock lock(modules_mutex);
  if (FindLocked(begin) != nullptr) return;
  Module* module = ReusableLocked(count);
  const bool is_new = module == nullptr;
  if (is_new) module = NewModule(count);
  Fill(*module, begin, count);
  module->section = begin;
  module->count.StoreRelease(count);
  if (!is_new) return;
  module->next = modules.LoadAcquire();
  modules.StoreRelease(module);
}

void RemoveStoreRanges(const int32_t* begin) {
  if (begin == nullptr) return;
  const StopDelay delay;
  MutexLock lock(modules_mutex);
  Module* const module = FindLocked(begin);
  if (module == nullptr) return;
  module->count.StoreRelease(0);
  module->section = nullptr;
}

void BeginKeepingStoreRanges() NO_THREAD_SAFETY_ANALYSIS { modules_mutex.Lock(); }
void EndKeepingStoreRanges() NO_THREAD_SAFETY_ANALYSIS { modules_mutex.Unlock(); }

uintptr_t RestartAddress(uintptr_t address) {
  for (const Module* m = modules.LoadAcquire(); m != nullptr; m = m->next) {
    const uintptr_t restart = RestartIn(*m, address);
    if (restart != address) return restart;
  }
  return address;
}

}  // namespace spanheap
