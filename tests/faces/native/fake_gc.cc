// SPDX-License-Identifier: MIT
#include "faces/native/fake_gc.h"

#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"

extern "C" {
sh_inline_data_v1 sh_inline_v1 = {};
__thread char* sh_inline_words_v1 = nullptr;
}

namespace {

using Words = uintptr_t;

struct CleanupRecord {
  void (*run)(void*);
  void* closure;
};

struct Object {
  size_t bytes = 0;
  sh_layout* layout = nullptr;
  size_t count = 0;
  bool marked = false;
  size_t to_destroy = 0;
  void (*finalizer)(void*, void*) = nullptr;
  void* finalizer_closure = nullptr;
  std::map<uint64_t, CleanupRecord> cleanups;
  int64_t external = 0;
};

struct Heap {
  std::recursive_mutex lock;
  std::map<uintptr_t, Object> objects;
  std::set<sh_gc_root*> roots;
  std::map<uintptr_t, uintptr_t> ranges;
  std::map<uintptr_t, void*> weak_handles;  // by address
  std::deque<std::function<void()>> queue;
  std::deque<void*> held;  // objects and closures that the queue needs
  std::vector<uintptr_t> to_scan;
  std::vector<std::pair<void*, void*>> stores;
  size_t fail_after = SIZE_MAX;
  uint64_t next_id = 1;
  bool scan_stack = true;
  int percent = 85;
  int64_t limit = INT64_MAX;
  sh_gc_stats stats = {};
};
Heap& heap() {
  static Heap* const one = new Heap;
  return *one;
}
thread_local int blocking_depth;

sh_layout weak_layout = {8, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "weak handle", 0, 0};

std::map<uintptr_t, Object>::iterator Find(uintptr_t address) {
  auto at = heap().objects.upper_bound(address);
  if (at == heap().objects.begin()) return heap().objects.end();
  --at;
  return address < at->first + at->second.bytes ? at : heap().objects.end();
}

void Mark(uintptr_t address) {
  const auto found = Find(address);
  if (found == heap().objects.end() || found->second.marked) return;
  found->second.marked = true;
  heap().to_scan.push_back(found->first);
}

// Stacks have places that sanitizers do not let one read.
__attribute__((no_sanitize("address", "thread"))) void MarkWords(uintptr_t begin, uintptr_t end) {
  for (uintptr_t at = begin; at + 8 <= end; at += 8) Mark(*reinterpret_cast<uintptr_t*>(at));
}

void ScanElement(uintptr_t element, const sh_layout* layout) {
  switch (layout->kind) {
    case SH_SCAN_PRECISE:
      for (size_t word = 0; word < layout->size / 8; ++word) {
        if (layout->pointer_bits[word / 64] >> (word % 64) & 1) {
          MarkWords(element + word * 8, element + word * 8 + 8);
        }
      }
      break;
    case SH_SCAN_CONSERVATIVE:
      MarkWords(element, element + layout->size);
      break;
    case SH_SCAN_TRACED:
      layout->trace(reinterpret_cast<void*>(element), nullptr);
      break;
    default:
      break;
  }
}

void ScanContents(uintptr_t base, const Object& object) {
  for (size_t i = 0; i < object.count; ++i) {
    ScanElement(base + i * object.layout->size, object.layout);
  }
}

void ScanAll() {
  while (!heap().to_scan.empty()) {
    const uintptr_t base = heap().to_scan.back();
    heap().to_scan.pop_back();
    ScanContents(base, heap().objects.at(base));
  }
}

uintptr_t StackEnd() {
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t bytes = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &bytes);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(low) + bytes;
}

[[gnu::noinline]] void MarkStack() {
  __builtin_unwind_init();
  MarkWords(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) & ~uintptr_t{7}, StackEnd());
}

void MarkRoots() {
  for (sh_gc_root* root : heap().roots) Mark(reinterpret_cast<uintptr_t>(root->value));
  for (auto [low, high] : heap().ranges) MarkWords(low, high);
  for (void* held : heap().held) Mark(reinterpret_cast<uintptr_t>(held));
  for (auto& [base, object] : heap().objects) {
    Mark(reinterpret_cast<uintptr_t>(object.finalizer_closure));
    for (auto& [id, cleanup] : object.cleanups) Mark(reinterpret_cast<uintptr_t>(cleanup.closure));
    if (object.finalizer != nullptr) ScanContents(base, object);
  }
  if (heap().scan_stack) MarkStack();
}

void ClearWeak(uintptr_t base, const Object& object) {
  auto& handles = heap().weak_handles;
  for (auto at = handles.lower_bound(base);
       at != handles.end() && at->first < base + object.bytes;) {
    *static_cast<uintptr_t*>(at->second) = 0;
    at = handles.erase(at);
  }
}

void Destroy(uintptr_t base, size_t count, sh_layout* layout) {
  while (count > 0) layout->destroy(reinterpret_cast<void*>(base + --count * layout->size));
}

void Enqueue(void* needed, std::function<void()> run) {
  heap().held.push_back(needed);
  heap().queue.push_back(std::move(run));
}

// True if the object lives on until something queued has run.
bool QueueLateWork(uintptr_t base, Object& object) {
  void* const address = reinterpret_cast<void*>(base);
  if (object.finalizer != nullptr) {
    heap().held.push_back(object.finalizer_closure);
    Enqueue(address, [address, run = object.finalizer, closure = object.finalizer_closure] {
      run(address, closure);
    });
    object.finalizer = nullptr;
    object.finalizer_closure = nullptr;
  } else if (object.to_destroy > 0 && (object.layout->flags & SH_FINALIZE_LATER)) {
    Enqueue(address, [base, count = object.to_destroy, layout = object.layout] {
      Destroy(base, count, layout);
    });
    object.to_destroy = 0;
  } else {
    return false;
  }
  ++heap().stats.finalizers_queued;
  return true;
}

void QueueCleanups(Object& object) {
  for (auto& [id, cleanup] : object.cleanups) {
    Enqueue(cleanup.closure, [run = cleanup.run, closure = cleanup.closure] { run(closure); });
    ++heap().stats.cleanups_queued;
  }
  object.cleanups.clear();
}

void FreeObject(uintptr_t base, Object& object) {
  if (object.to_destroy > 0) Destroy(base, object.to_destroy, object.layout);
  QueueCleanups(object);
  heap().weak_handles.erase(base);
  std::free(reinterpret_cast<void*>(base));
  ++heap().stats.freed_objects;
}

void Sweep() {
  auto& objects = heap().objects;
  for (auto& [base, object] : objects) {
    if (!object.marked) ClearWeak(base, object);
  }
  for (auto& [base, object] : objects) {
    if (!object.marked && QueueLateWork(base, object)) Mark(base);
  }
  ScanAll();
  for (auto& [base, object] : objects) {  // closures of what dies now
    if (object.marked) continue;
    for (auto& [id, cleanup] : object.cleanups) Mark(reinterpret_cast<uintptr_t>(cleanup.closure));
  }
  ScanAll();
  for (auto at = objects.begin(); at != objects.end();) {
    if (!at->second.marked) {
      FreeObject(at->first, at->second);
      at = objects.erase(at);
    } else {
      at->second.marked = false;
      ++at;
    }
  }
}

void Record(void** slot, void* value) {
  if (sh_inline_v1.barrier_on != 0) heap().stores.emplace_back(*slot, value);
}

using Guard = std::lock_guard<std::recursive_mutex>;

}  // namespace

namespace fake_gc {

void Reset() {
  Guard guard(heap().lock);
  for (auto& [base, object] : heap().objects) std::free(reinterpret_cast<void*>(base));
  heap().objects.clear();
  heap().weak_handles.clear();
  heap().queue.clear();
  heap().held.clear();
  heap().stores.clear();
  heap().fail_after = SIZE_MAX;
  heap().scan_stack = true;
  sh_inline_v1.barrier_on = 0;
}
std::size_t Count() { return heap().objects.size(); }
void ScanStack(bool on) { heap().scan_stack = on; }
void RecordStores(bool on) { sh_inline_v1.barrier_on = on ? 1 : 0; }
std::vector<std::pair<void*, void*>> TakeStores() { return std::exchange(heap().stores, {}); }
void FailAfter(std::size_t allocations) { heap().fail_after = allocations; }
std::int64_t External() {
  int64_t sum = 0;
  for (auto& [base, object] : heap().objects) sum += object.external;
  return sum;
}
int BlockingDepth() { return blocking_depth; }

}  // namespace fake_gc

extern "C" {

void* sh_gc_new(sh_layout* layout, size_t count) SH_NOTHROW {
  Guard guard(heap().lock);
  if (heap().fail_after == 0) return nullptr;
  if (heap().fail_after != SIZE_MAX) --heap().fail_after;
  size_t bytes = 0;
  if (__builtin_mul_overflow(layout->size, count, &bytes) || bytes > PTRDIFF_MAX / 2)
    return nullptr;
  bytes = bytes == 0 ? 16 : (bytes + 15) / 16 * 16;
  void* const memory = std::aligned_alloc(16, bytes);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, bytes);
  Object object;
  object.bytes = bytes;
  object.layout = layout;
  object.count = count;
  heap().objects.emplace(reinterpret_cast<uintptr_t>(memory), std::move(object));
  ++heap().stats.allocated_objects;
  return memory;
}

void sh_gc_delete(void* pointer) SH_NOTHROW {
  if (pointer == nullptr) return;
  Guard guard(heap().lock);
  const auto found = heap().objects.find(reinterpret_cast<uintptr_t>(pointer));
  ClearWeak(found->first, found->second);
  FreeObject(found->first, found->second);
  heap().objects.erase(found);
}

void* sh_gc_base(const void* address) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto found = Find(reinterpret_cast<uintptr_t>(address));
  return found == heap().objects.end() ? nullptr : reinterpret_cast<void*>(found->first);
}
size_t sh_gc_size(const void* address) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto found = Find(reinterpret_cast<uintptr_t>(address));
  return found == heap().objects.end() ? 0 : found->second.bytes;
}
int sh_gc_adjust_external(void* object, int64_t bytes) SH_NOTHROW {
  Guard guard(heap().lock);
  Find(reinterpret_cast<uintptr_t>(object))->second.external += bytes;
  return 0;
}

int sh_gc_place(const void* pointer) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (address >= reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) && address < StackEnd()) {
    return SH_PLACE_STACK;
  }
  for (auto [low, high] : heap().ranges) {
    if (address >= low && address < high) return SH_PLACE_ROOT;
  }
  const auto found = Find(address);
  if (found == heap().objects.end()) return SH_PLACE_UNSEEN;
  const sh_layout* layout = found->second.layout;
  if (layout->kind == SH_SCAN_NONE) return SH_PLACE_HOLE;
  if (layout->kind != SH_SCAN_PRECISE) return SH_PLACE_OBJECT;
  const size_t word = (address - found->first) % layout->size / 8;
  return layout->pointer_bits[word / 64] >> (word % 64) & 1 ? SH_PLACE_OBJECT : SH_PLACE_HOLE;
}

void sh_gc_visit(sh_visitor*, const void* address) SH_NOTHROW {
  Mark(reinterpret_cast<uintptr_t>(address));
}
void sh_gc_visit_words(sh_visitor*, const void* first, size_t words) SH_NOTHROW {
  const auto begin = reinterpret_cast<uintptr_t>(first);
  MarkWords(begin, begin + words * 8);
}

void sh_gc_store_slow(void** slot, void* value) noexcept {
  Guard guard(heap().lock);
  Record(slot, value);
  *slot = value;
}
void sh_gc_store(void** slot, void* value) SH_NOTHROW { sh_gc_store_slow(slot, value); }
void sh_gc_store_release(void** slot, void* value) SH_NOTHROW { sh_gc_store_slow(slot, value); }
void* sh_gc_exchange(void** slot, void* value) noexcept {
  Guard guard(heap().lock);
  Record(slot, value);
  return std::exchange(*slot, value);
}
int sh_gc_compare_exchange(void** slot, void** expected, void* value) noexcept {
  Guard guard(heap().lock);
  if (*slot != *expected) {
    *expected = *slot;
    return 0;
  }
  Record(slot, value);
  *slot = value;
  return 1;
}
void sh_gc_store_many(void** slots, void* const* values, uint64_t count) noexcept {
  Guard guard(heap().lock);
  for (uint64_t i = 0; i < count; ++i) Record(slots + i, values == nullptr ? nullptr : values[i]);
  if (values == nullptr) {
    std::memset(slots, 0, count * 8);
  } else {
    std::memmove(slots, values, count * 8);
  }
}
void sh_gc_register_stores_v1(const int32_t*, const int32_t*) noexcept {}
void sh_gc_unregister_stores_v1(const int32_t*) noexcept {}

sh_gc_root* sh_gc_root_new(const void* value) SH_NOTHROW {
  Guard guard(heap().lock);
  auto* const root = new sh_gc_root{const_cast<void*>(value)};
  heap().roots.insert(root);
  return root;
}
void sh_gc_root_free(sh_gc_root* root) SH_NOTHROW {
  Guard guard(heap().lock);
  heap().roots.erase(root);
  delete root;
}
int sh_gc_add_range(void* low, void* high) SH_NOTHROW {
  Guard guard(heap().lock);
  heap().ranges[reinterpret_cast<uintptr_t>(low)] = reinterpret_cast<uintptr_t>(high);
  return 0;
}
void sh_gc_remove_range(void* low, void*) SH_NOTHROW {
  Guard guard(heap().lock);
  heap().ranges.erase(reinterpret_cast<uintptr_t>(low));
}

void* sh_gc_weak_handle(const void* pointer) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (pointer == nullptr) return nullptr;
  if (Find(address) == heap().objects.end()) {
    errno = EINVAL;
    return nullptr;
  }
  const auto known = heap().weak_handles.find(address);
  if (known != heap().weak_handles.end() &&
      Find(reinterpret_cast<uintptr_t>(known->second)) != heap().objects.end()) {
    return known->second;
  }
  void* const handle = sh_gc_new(&weak_layout, 1);
  *static_cast<uintptr_t*>(handle) = address;
  heap().weak_handles[address] = handle;
  return handle;
}
void* sh_gc_weak_get(const void* handle) SH_NOTHROW {
  Guard guard(heap().lock);
  return handle == nullptr ? nullptr
                           : reinterpret_cast<void*>(*static_cast<const uintptr_t*>(handle));
}

sh_gc_cleanup sh_gc_add_cleanup(void* pointer, void (*run)(void*), void* closure) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto found = Find(reinterpret_cast<uintptr_t>(pointer));
  if (found == heap().objects.end()) return {0, 0};
  const uint64_t id = heap().next_id++;
  found->second.cleanups[id] = {run, closure};
  return {~found->first, id};
}
int sh_gc_stop_cleanup(sh_gc_cleanup cleanup) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto found = heap().objects.find(~cleanup.hidden);
  return found != heap().objects.end() && found->second.cleanups.erase(cleanup.id) == 1;
}
int sh_gc_set_finalizer(void* pointer, void (*run)(void*, void*), void* closure) SH_NOTHROW {
  Guard guard(heap().lock);
  const auto found = heap().objects.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == heap().objects.end()) return -1;
  found->second.finalizer = run;
  found->second.finalizer_closure = closure;
  return 0;
}
int sh_gc_set_destructor(void* pointer, sh_layout*, size_t count) SH_NOTHROW {
  Guard guard(heap().lock);
  heap().objects.at(reinterpret_cast<uintptr_t>(pointer)).to_destroy = count;
  return 0;
}
int sh_gc_drain_finalizers(uint64_t) SH_NOTHROW {
  while (!heap().queue.empty()) {
    const auto run = heap().queue.front();
    heap().queue.pop_front();
    run();
  }
  heap().held.clear();
  return 1;
}

int sh_gc_attach() SH_NOTHROW { return 0; }
void sh_gc_detach() SH_NOTHROW {}
void sh_gc_blocking_begin() SH_NOTHROW { ++blocking_depth; }
void sh_gc_blocking_end() SH_NOTHROW { --blocking_depth; }

void sh_gc_collect() SH_NOTHROW {
  Guard guard(heap().lock);
  MarkRoots();
  ScanAll();
  Sweep();
  ++heap().stats.cycles;
  ++heap().stats.forced_cycles;
}
int sh_gc_set_percent(int percent) SH_NOTHROW { return std::exchange(heap().percent, percent); }
int64_t sh_gc_set_memory_limit(int64_t bytes) SH_NOTHROW {
  return bytes < 0 ? heap().limit : std::exchange(heap().limit, bytes);
}
void sh_gc_read_stats(sh_gc_stats* stats, size_t size) SH_NOTHROW {
  std::memcpy(stats, &heap().stats, size);
}

}  // extern "C"
