// SPDX-License-Identifier: MIT
#include "shadow_graph.h"

#include <cstdio>

#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"

namespace spanheap::stress {
namespace {

// What objects are made of: how they are scanned, how long they are, where their edges lie.
struct Kind {
  sh_layout layout;
  unsigned words;
  unsigned first_edge;  // words 0 and 1 are the stamp and the serial
  unsigned edges = 4;
};

constexpr uint64_t kEdgesAt2 = 0b111100;
constexpr uint64_t kLargeBits[] = {0, 0, 0, 0, 0, 0, 0, uint64_t{0xf} << 60};  // of 512 words
constexpr uint64_t kHugeWords = 20'480;
uint64_t huge_bits[kHugeWords / 64];

bool IsWhole(void* const* object) {
  return reinterpret_cast<uintptr_t>(object[0]) == ~reinterpret_cast<uintptr_t>(object);
}

void TraceEdges(const void* element, sh_visitor* visitor) {
  auto* const* words = static_cast<void* const*>(element);
  for (unsigned i = 2; i < 6; ++i) sh_gc_visit(visitor, detail::LoadPointer(words + i));
}

// The finalizer thread: the object and what it holds must be there still.
void Destroy(void* element) {
  auto* const* words = static_cast<void* const*>(element);
  if (!IsWhole(words)) Fail("an object was gone before its destructor ran");
  if (!IsWhole(static_cast<void**>(words[2]))) {
    Fail("what an object holds was gone before its destructor ran");
  }
}

Kind kinds[] = {
    {{48, SH_SCAN_PRECISE, 0, &kEdgesAt2, nullptr, nullptr, "small", 0, 0}, 6, 2},
    {{80, SH_SCAN_PRECISE, 0, &kEdgesAt2, nullptr, nullptr, "odd", 0, 0}, 10, 2},
    {{512, SH_SCAN_PRECISE, 0, &kEdgesAt2, nullptr, nullptr, "page", 0, 0}, 64, 2},
    {{96, SH_SCAN_CONSERVATIVE, 0, nullptr, nullptr, nullptr, "searched", 0, 0}, 12, 2},
    {{160, SH_SCAN_TRACED, 0, nullptr, TraceEdges, nullptr, "traced", 0, 0}, 20, 2},
    {{64, SH_SCAN_PRECISE, SH_FINALIZE_LATER, &kEdgesAt2, nullptr, Destroy, "ended", 0, 0},
     8,
     2,
     0},
    {{4096, SH_SCAN_PRECISE, 0, kLargeBits, nullptr, nullptr, "large", 0, 0}, 512, 508},
    {{kHugeWords * 8, SH_SCAN_PRECISE, 0, huge_bits, nullptr, nullptr, "huge", 0, 0},
     kHugeWords,
     kHugeWords - 4},
};
constexpr unsigned kSearchedKind = 3;
constexpr unsigned kTracedKind = 4;
constexpr unsigned kLargeKind = 6;
constexpr unsigned kHugeKind = 7;
constexpr unsigned kEndedKind = 5;

bool searches = true;
bool traces = true;

unsigned DrawKind(Random& random, unsigned below) {
  const auto kind = static_cast<unsigned>(random.Below(below));
  const bool is_out = (kind == kSearchedKind && !searches) || (kind == kTracedKind && !traces);
  return is_out ? 0 : kind;
}

// Each word is a pointer: edges, then weak handles.
constexpr uint64_t kOnePointer = 1;
sh_layout top_layout = {8, SH_SCAN_PRECISE, 0, &kOnePointer, nullptr, nullptr, "top", 0, 0};

void* New(sh_layout& layout, size_t count) {
  void* const object = sh_gc_new(&layout, count);
  if (object == nullptr) Fail("no memory");
  return object;
}

}  // namespace

void** ShadowGraph::Begin() {
  huge_bits[kHugeWords / 64 - 1] = uint64_t{0xf} << 60;
  return static_cast<void**>(New(top_layout, kTopEdges + kWeaks));
}

// ---- looking

// What the slot holds, as the object's start; null if the edge leads nowhere.
void** ShadowGraph::Follow(const Edge& edge, void** slot) const {
  const auto word = reinterpret_cast<uintptr_t>(detail::LoadPointer(slot));
  if (edge.to == kNone) {
    if (word != 0) Fail("a slot that was cleared holds %lx", word);
    return nullptr;
  }
  const Record& record = records_[edge.to];
  if (word - edge.offset != ~record.hidden) Fail("a slot holds %lx, not its object", word);
  auto** const object = reinterpret_cast<void**>(word - edge.offset);
  if (!IsWhole(object) || reinterpret_cast<uint64_t>(object[1]) != record.serial) {
    Fail("object %p was lost: stamp %p, serial %p", static_cast<void*>(object), object[0],
         object[1]);
  }
  return object;
}

// An object some steps away from the top.
ShadowGraph::Found ShadowGraph::Walk(void** top) {
  const uint64_t first = random_.Below(kTopEdges);
  Found at{Follow(top_[first], top + first), top_[first].to};
  for (uint64_t steps = random_.Below(8); at.object != nullptr && steps > 0; --steps) {
    const Record& record = records_[at.record];
    const Kind& kind = kinds[record.kind];
    if (kind.edges == 0) break;
    const uint64_t i = random_.Below(kEdges);
    void** const slot = at.object + kind.first_edge + i;
    void** const next = Follow(record.edges[i], slot);
    if (next == nullptr) break;
    at = {next, record.edges[i].to};
  }
  return at;
}

// An edge of the object or, without one, of the top; mostly one that leads nowhere, so that the
// graph grows.
ShadowGraph::Place ShadowGraph::PlaceIn(void** top, Found in) {
  const bool in_top = in.object == nullptr || kinds[records_[in.record].kind].edges == 0;
  Edge* const edges = in_top ? top_ : records_[in.record].edges;
  void** const slots = in_top ? top : in.object + kinds[records_[in.record].kind].first_edge;
  const unsigned count = in_top ? kTopEdges : kEdges;
  uint64_t i = random_.Below(count);
  for (int tries = 0; tries < 5 && edges[i].to != kNone; ++tries) i = random_.Below(count);
  return {slots + i, edges + i};
}
// One of the graph's edges, used or not.
ShadowGraph::Place ShadowGraph::AnyPlace(void** top) {
  const uint64_t i = random_.Below(kTopEdges);
  const Found in = Walk(top);
  if (in.object == nullptr || kinds[records_[in.record].kind].edges == 0)
    return {top + i, top_ + i};
  Record& record = records_[in.record];
  return {in.object + kinds[record.kind].first_edge + i % kEdges, record.edges + i % kEdges};
}

// ---- changing

// By each of the ways there are.
void ShadowGraph::Store(void** slot, void* value) {
  void* expected = detail::LoadPointer(slot);
  switch (random_.Below(8)) {
    case 0:
      sh_gc_store(slot, value);
      break;
    case 1:
      if (sh_gc_exchange(slot, value) != expected) Fail("an exchange returned what was not there");
      break;
    case 2:
      if (sh_gc_compare_exchange(slot, &expected, value) == 0) Fail("a slot changed by itself");
      break;
    case 3:
      sh_gc_store_many(slot, &value, 1);
      break;
    default:
      detail::StorePointer(slot, value);
  }
}

void ShadowGraph::Put(Place place, Found object) {
  place.edge->to = object.object == nullptr ? kNone : object.record;
  place.edge->offset = 0;
  if (object.object != nullptr && random_.OneIn(4)) {
    place.edge->offset =
        static_cast<uint32_t>(random_.Below(kinds[records_[object.record].kind].words * 8));
  }
  char* const value = reinterpret_cast<char*>(object.object);
  Store(place.slot, value == nullptr ? nullptr : value + place.edge->offset);
}

uint32_t ShadowGraph::NewRecord() {
  if (free_.empty()) {
    records_.emplace_back();
    return static_cast<uint32_t>(records_.size() - 1);
  }
  const uint32_t record = free_.back();
  free_.pop_back();
  return record;
}

void ShadowGraph::SearchNothing() { searches = false; }
void ShadowGraph::TraceNothing() { traces = false; }

ShadowGraph::Found ShadowGraph::NewObject() {
  unsigned kind = DrawKind(random_, kLargeKind);
  if (random_.OneIn(64)) kind = random_.OneIn(8) ? kHugeKind : kLargeKind;
  auto** const object = static_cast<void**>(New(kinds[kind].layout, 1));
  for (unsigned i = 0; i < kinds[kind].words; ++i) {
    if (object[i] != nullptr) Fail("word %u of a new object is %p", i, object[i]);
  }
  const uint32_t number = NewRecord();
  Record& record = records_[number];
  record = Record();
  record.hidden = ~reinterpret_cast<uintptr_t>(object);
  record.serial = next_serial_++;
  record.kind = kind;
  object[0] = reinterpret_cast<void*>(record.hidden);
  object[1] = reinterpret_cast<void*>(record.serial);
  if (kind == kEndedKind) {
    // What it holds is its own: circles of objects that are destroyed later would never die.
    auto** const held = static_cast<void**>(New(kinds[0].layout, 1));
    held[0] = reinterpret_cast<void*>(~reinterpret_cast<uintptr_t>(held));
    Store(object + 2, held);
    if (sh_gc_set_destructor(object, &kinds[kind].layout, 1) != 0) Fail("no memory");
  } else if (random_.OneIn(16)) {
    record.cleaned = std::make_unique<std::atomic<bool>>(false);
    const auto clean = [](void* cleaned) {
      if (static_cast<std::atomic<bool>*>(cleaned)->exchange(true)) Fail("a cleanup ran twice");
    };
    if (sh_gc_add_cleanup(object, clean, record.cleaned.get()).id == 0) Fail("no memory");
  }
  return {object, number};
}

void ShadowGraph::MakeGarbage() {
  for (uint64_t n = random_.Below(20); n > 0; --n) {
    auto** const object = static_cast<void**>(New(kinds[DrawKind(random_, kEndedKind)].layout, 1));
    object[0] = object;  // noise: garbage that looks like pointers
  }
}

// Out of one place, and a while later, when only this frame has it, into another.
void ShadowGraph::Move(void** top) {
  const Place from = AnyPlace(top);
  const Found moved{Follow(*from.edge, from.slot), from.edge->to};
  Put(from, {nullptr, kNone});
  MakeGarbage();
  const Found to = Walk(top);
  Put(PlaceIn(top, to), moved);
}

void ShadowGraph::MakeWeak(void** top) {
  const Found to = Walk(top);
  if (to.object == nullptr) return;
  const uint64_t i = random_.Below(kWeaks);
  void* const handle = sh_gc_weak_handle(to.object);
  if (handle == nullptr) Fail("no weak handle");
  Store(top + kTopEdges + i, handle);
  weaks_[i] = {to.record, records_[to.record].serial};
}

void ShadowGraph::Step(void** top) {
  const uint64_t what = random_.Below(16);
  const bool is_full = objects() > kMostObjects;
  if (what < 6 && !is_full) {
    Put(PlaceIn(top, Walk(top)), NewObject());
  } else if (what < 9 && !is_full) {
    const Found to = Walk(top);
    Put(PlaceIn(top, Walk(top)), to);
  } else if (what < 12) {
    Move(top);
  } else if (what == 12) {
    MakeWeak(top);
  } else if (is_full || random_.OneIn(16)) {
    Put(AnyPlace(top), {nullptr, kNone});
  } else {
    MakeGarbage();
  }
}

// ---- all of it

void ShadowGraph::Reach(uint32_t record, void** object) {
  if (records_[record].reached) return;
  records_[record].reached = true;
  todo_.emplace_back(record, object);
}

void ShadowGraph::ReachEdges(const Edge* edges, unsigned count, void** slots) {
  for (unsigned i = 0; i < count; ++i) {
    void** const object = Follow(edges[i], slots + i);
    if (object != nullptr) Reach(edges[i].to, object);
  }
  while (!todo_.empty()) {
    const auto [number, object] = todo_.back();
    todo_.pop_back();
    const Record& record = records_[number];
    if (record.cleaned && *record.cleaned) Fail("a cleanup ran while its object was held");
    const Kind& kind = kinds[record.kind];
    for (unsigned i = 0; i < kind.edges; ++i) {
      void** const next = Follow(record.edges[i], object + kind.first_edge + i);
      if (next != nullptr) Reach(record.edges[i].to, next);
    }
  }
}

// Weak handles of what is held must give it; what is not held may come back by one.
void ShadowGraph::CheckWeaks(void** top) {
  for (unsigned i = 0; i < kWeaks; ++i) {
    WeakRecord& weak = weaks_[i];
    if (weak.record == kNone) continue;
    const Record& record = records_[weak.record];
    auto** const object =
        static_cast<void**>(sh_gc_weak_get(detail::LoadPointer(top + kTopEdges + i)));
    const bool is_held = record.serial == weak.serial && record.reached;
    if (is_held && object == nullptr) Fail("a weak handle lost an object that is held");
    if (object == nullptr) {
      weak = {};
      Store(top + kTopEdges + i, nullptr);
      continue;
    }
    if (!IsWhole(object) || reinterpret_cast<uint64_t>(object[1]) != weak.serial) {
      Fail("a weak handle gave a lost object");
    }
    if (is_held || record.serial != weak.serial) continue;  // its record was forgotten
    const uint64_t place = random_.Below(kTopEdges);
    if (top_[place].to != kNone) continue;
    Put({top + place, &top_[place]}, {object, weak.record});
    ReachEdges(&top_[place], 1, top + place);
  }
}

void ShadowGraph::Forget() {
  for (uint32_t i = 0; i < records_.size(); ++i) {
    Record& record = records_[i];
    if (record.hidden == 0) continue;
    if (record.reached) {
      record.reached = false;
      continue;
    }
    dead_.emplace_back(record.hidden, record.serial);
    if (record.cleaned) forgotten_.push_back(std::move(record.cleaned));
    record = Record();
    free_.push_back(i);
  }
  if (dead_.size() > kMostDead) dead_.erase(dead_.begin(), dead_.end() - kMostDead / 2);
  std::erase_if(forgotten_, [](const auto& cleaned) { return cleaned->load(); });
}

void ShadowGraph::Check(void** top) {
  ReachEdges(top_, kTopEdges, top);
  CheckWeaks(top);
  Forget();
}

uint64_t ShadowGraph::ReachableBytes(void** top) const {
  uint64_t bytes = sh_gc_size(top);
  for (const Record& record : records_) {
    if (record.hidden == 0) continue;
    auto** const object = reinterpret_cast<void**>(~record.hidden);
    bytes += sh_gc_size(object);
    if (record.kind == kEndedKind) bytes += sh_gc_size(object[2]);
  }
  for (unsigned i = 0; i < kWeaks; ++i) {
    if (top[kTopEdges + i] != nullptr) bytes += sh_gc_size(top[kTopEdges + i]);
  }
  return bytes;
}

void* ShadowGraph::Drop(void** top) {
  void* dropped = nullptr;
  for (unsigned i = 0; i < kTopEdges; ++i) {
    if (top_[i].to != kNone) dropped = Follow(top_[i], top + i);
    Put({top + i, &top_[i]}, {nullptr, kNone});
  }
  for (unsigned i = 0; i < kWeaks; ++i) weaks_[i] = {};  // or Check takes objects in again
  return dropped;
}

// An object that came up in its place has another serial.
unsigned ShadowGraph::NameKeepersOfDead(unsigned most) const {
  unsigned named = 0;
  for (size_t i = dead_.size(); i > 0 && named < most; --i) {
    const auto [hidden, serial] = dead_[i - 1];
    auto** const object = static_cast<void**>(sh_gc_base(reinterpret_cast<void*>(~hidden)));
    if (object == nullptr || !IsWhole(object)) continue;
    if (reinterpret_cast<uint64_t>(object[1]) != serial) continue;
    char text[400] = {};
    if (sh_gc_who_keeps(hidden, text, sizeof text) != 1) continue;
    fprintf(stderr, "dead, but %s\n", text);
    ++named;
  }
  return named;
}

}  // namespace spanheap::stress
