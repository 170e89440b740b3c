// SPDX-License-Identifier: MIT
//
// What Specials do when objects die.
#include "base/check.h"
#include "collect/specials.h"

namespace spanheap::collected {
namespace {

// A bit for each slot of a span.
class Slots {
 public:
  void Add(ObjectRef object) { words_[object.slot / 64] |= object.bit(); }
  bool Has(ObjectRef object) const { return (words_[object.slot / 64] & object.bit()) != 0; }
  uint64_t word(unsigned i) const { return words_[i]; }

 private:
  uint64_t words_[MarkBlock::kScanned * 2] = {};
};

}  // namespace

bool Specials::IsMarked(ObjectRef object) const {
  SPANHEAP_CHECK(object && "facts are of live objects");
  const Atomic<uint64_t>* marks = store_->tables().marks(object.page);
  return (marks[object.slot / 64].LoadAcquire() & object.bit()) != 0;
}

// Takes the facts for which `wanted` holds out of the span's list and gives them to `act`.
template <class Wanted, class Act>
void Specials::TakeOutLocked(CollectedSpan& span, Wanted&& wanted, Act&& act) {
  for (Special** at = &span.specials; *at != nullptr;) {
    Special* const special = *at;
    if (!wanted(*special)) {
      at = &special->next;
      continue;
    }
    *at = special->next;
    act(special);
  }
  if (span.specials == nullptr) NoteNoneLocked(span);
}

void Specials::QueueLocked(Special* special) {
  special->was = special->kind.LoadAcquire();
  special->next = nullptr;
  special->kind.StoreRelease(SpecialKind::kQueued);
  (first_queued_ == nullptr ? first_queued_ : last_queued_->next) = special;
  last_queued_ = special;
  (special->was == SpecialKind::kCleanup ? cleanups_queued_ : queued_).FetchAdd(1);
  AddWaitingLocked(*special, 1);
  if (wake_ != nullptr) wake_(wake_argument_);
}

void Specials::TakeEffectLocked(Special* special) {
  switch (special->kind.LoadAcquire()) {
    case SpecialKind::kWeak:
      // The handle is an object that the record has kept alive.
      reinterpret_cast<Atomic<uintptr_t>*>(special->closure.LoadAcquire())->StoreRelease(0);
      break;
    case SpecialKind::kExternal:
      external_.FetchSubRelaxed(static_cast<int64_t>(special->closure.LoadAcquire()));
      break;
    case SpecialKind::kDestructAtSweep:
      break;  // it has run
    default:
      QueueLocked(special);
      return;
  }
  FreeLocked(special);
}

// ---- at sweep

// Destructors are the program's: they run without the lock, after weak handles have ended and
// before cleanups are queued. Nobody else gets at the facts meanwhile, for the span is claimed.
void Specials::Sweep(CollectedSpan& span) {
  Special* const rest = TakeDead(span);
  if (rest == nullptr) return;
  for (const Special* at = rest; at != nullptr; at = at->next) {
    if (at->kind.LoadAcquire() == SpecialKind::kDestructAtSweep) RunDestructor(*at);
  }
  MutexLock lock(mutex_);
  for (Special* at = rest; at != nullptr;) {
    Special* const special = at;
    at = at->next;
    TakeEffectLocked(special);
  }
}

// What is to happen when weak handles have ended and finalizers are queued.
Special* Specials::TakeDead(CollectedSpan& span) {
  MutexLock lock(mutex_);
  Slots finalized;
  Slots destroyed;
  for (const Special* at = span.specials; at != nullptr; at = at->next) {
    const SpecialKind kind = at->kind.LoadAcquire();
    const ObjectRef object = ObjectOf(at->object);
    if (IsMarked(object)) continue;
    if (kind == SpecialKind::kFinalizer) finalized.Add(object);
    if (kind == SpecialKind::kDestructLater) destroyed.Add(object);
  }
  // An object that is to be finalized has all but that and its weak handles before it.
  const auto acts = [&](const Special& special) {
    const ObjectRef object = ObjectOf(special.object);
    if (IsMarked(object)) return false;
    const SpecialKind kind = special.kind.LoadAcquire();
    if (kind == SpecialKind::kWeak) return true;
    if (finalized.Has(object)) return kind == SpecialKind::kFinalizer;
    return !destroyed.Has(object) || kind == SpecialKind::kDestructLater;
  };
  Special* rest = nullptr;
  TakeOutLocked(span, acts, [&](Special* special) NO_THREAD_SAFETY_ANALYSIS {
    const SpecialKind kind = special->kind.LoadAcquire();
    if (kind == SpecialKind::kWeak || kind == SpecialKind::kFinalizer) {
      TakeEffectLocked(special);
      return;
    }
    special->next = rest;
    rest = special;
  });
  // What they hold was marked with the roots; the objects themselves live once more.
  Atomic<uint64_t>* marks = store_->tables().marks(span.first.value);
  for (unsigned w = 0; w < kSpanKinds[span.kind].words; ++w) {
    const uint64_t revived = finalized.word(w) | destroyed.word(w);
    if (revived != 0) marks[w].FetchOr(revived);
  }
  return rest;
}

// ---- at the end of a mark

uint64_t Specials::Doom(uint32_t block, uint64_t attempt) {
  MutexLock lock(mutex_);
  uint64_t doomed = 0;
  for (Special& special : blocks_[block]->records) {
    if (special.kind.LoadAcquire() != SpecialKind::kDestructLater) continue;
    const ObjectRef object = ObjectOf(special.object);
    if (IsMarked(object) || HasFinalizerLocked(object)) continue;
    special.id = attempt;
    ++doomed;
  }
  return doomed;
}

bool Specials::HasFinalizerLocked(ObjectRef object) {
  const ObjectFinder finder(*store_);
  CollectedSpan& span = finder.SpanOf(object);
  return span.has_finalizers &&
         FindLocked(span, finder.BaseOf(object).value, SpecialKind::kFinalizer) != nullptr;
}

bool Specials::IsDoomedLocked(const Special& special) const {
  return special.kind.LoadAcquire() == SpecialKind::kDestructLater && special.id == doomed_ &&
         doomed_ != 0;
}

void Specials::EndDoomed(uint32_t block, Marker& marker) {
  MutexLock lock(mutex_);
  for (const Special& special : blocks_[block]->records) {
    if (IsDoomedLocked(special))
      EndDoomedOfLocked(ObjectFinder(*store_).SpanOf(ObjectOf(special.object)), marker);
  }
}

// All of a span's, so that its list is walked once.
void Specials::EndDoomedOfLocked(CollectedSpan& span, Marker& marker) {
  Slots doomed;
  for (const Special* at = span.specials; at != nullptr; at = at->next) {
    if (!IsDoomedLocked(*at)) continue;
    doomed.Add(ObjectOf(at->object));
    marker.Shade(at->object);
  }
  const auto acts = [&](const Special& special) NO_THREAD_SAFETY_ANALYSIS {
    const SpecialKind kind = special.kind.LoadAcquire();
    const bool ends = kind == SpecialKind::kWeak || kind == SpecialKind::kDestructLater;
    return ends && doomed.Has(ObjectOf(special.object));
  };
  TakeOutLocked(span, acts,
                [this](Special* special) NO_THREAD_SAFETY_ANALYSIS { TakeEffectLocked(special); });
}

bool Specials::EndIfDead(ObjectRef object) {
  MutexLock lock(mutex_);
  if (!has_ended_lives_) return false;
  const ObjectFinder finder(*store_);
  CollectedSpan& span = finder.SpanOf(object);
  const Special* const destructor =
      FindLocked(span, finder.BaseOf(object).value, SpecialKind::kDestructLater);
  const bool is_doomed = destructor != nullptr && IsDoomedLocked(*destructor);
  if (IsMarked(object) && !is_doomed) return false;
  const auto ends = [&](const Special& special) NO_THREAD_SAFETY_ANALYSIS {
    const ObjectRef its = ObjectOf(special.object);
    return special.kind.LoadAcquire() == SpecialKind::kWeak && its.page == object.page &&
           its.slot == object.slot;
  };
  TakeOutLocked(span, ends,
                [this](Special* special) NO_THREAD_SAFETY_ANALYSIS { TakeEffectLocked(special); });
  return true;
}

int64_t Specials::ExternalOfMarked(uint32_t block) {
  MutexLock lock(mutex_);
  int64_t bytes = 0;
  for (const Special& special : blocks_[block]->records) {
    if (special.kind.LoadAcquire() != SpecialKind::kExternal) continue;
    if (!IsMarked(ObjectOf(special.object))) continue;
    bytes += static_cast<int64_t>(special.closure.LoadAcquire());
  }
  return bytes;
}

// ---- by hand

bool Specials::HasDestructorLocked(const CollectedSpan& span, uintptr_t object) {
  return FindLocked(span, object, SpecialKind::kDestructLater) != nullptr ||
         FindLocked(span, object, SpecialKind::kDestructAtSweep) != nullptr;
}

Special* Specials::GiveUp(ObjectRef object, bool is_shared, const Mutator* runner,
                          uint64_t& external) {
  const ObjectFinder finder(*store_);
  CollectedSpan& span = finder.SpanOf(object);
  const uintptr_t low = finder.BaseOf(object).value;
  const uintptr_t high = low + finder.SizeOf(object);
  Special* destructors = nullptr;
  MutexLock lock(mutex_);
  if (is_shared && !HasDestructorLocked(span, low)) return nullptr;
  const auto is_its = [&](const Special& special) {
    return special.object >= low && special.object < high;
  };
  TakeOutLocked(span, is_its, [&](Special* special) NO_THREAD_SAFETY_ANALYSIS {
    const SpecialKind kind = special->kind.LoadAcquire();
    if (kind == SpecialKind::kFinalizer) {
      FreeLocked(special);
    } else if (kind == SpecialKind::kDestructLater || kind == SpecialKind::kDestructAtSweep) {
      special->was = kind;
      BeginRunning(*special, SpecialKind::kGivenUp, runner);
      AddWaitingLocked(*special, 1);
      special->next = destructors;
      destructors = special;
    } else {
      if (kind == SpecialKind::kExternal) external += special->closure.LoadAcquire();
      TakeEffectLocked(special);
    }
  });
  return destructors;
}

void Specials::RunDestructor(const Special& special) {
  const auto& layout = *static_cast<const sh_layout*>(special.function);
  for (size_t i = special.closure.LoadAcquire(); i > 0; --i) {
    layout.destroy(reinterpret_cast<void*>(special.object + (i - 1) * layout.size));
  }
}

}  // namespace spanheap::collected
