// SPDX-License-Identifier: MIT
#include "collect/specials.h"

#include <algorithm>

#include "base/check.h"

namespace spanheap::collected {
// ---- records

bool Specials::AddBlockLocked() {
  if (blocks_ == nullptr) {
    blocks_ = static_cast<Block**>(
        metadata_->Allocate(Bytes(kMostBlocks * sizeof(Block*)), Bytes(kCacheLine)));
  }
  const uint32_t n = block_count_.LoadAcquire();
  if (blocks_ == nullptr || n >= most_blocks_) return false;
  auto* block = static_cast<Block*>(metadata_->Allocate(Bytes(sizeof(Block)), Bytes(kCacheLine)));
  if (block == nullptr) return false;
  for (Special& special : block->records) FreeLocked(&special);
  blocks_[n] = block;
  block_count_.StoreRelease(n + 1);
  return true;
}

Special* Specials::NewLocked() {
  if (free_ == nullptr && !AddBlockLocked()) return nullptr;
  Special* special = free_;
  free_ = special->next;
  return special;
}

void Specials::FreeLocked(Special* special) {
  special->kind.StoreRelease(SpecialKind::kFree);
  special->closure.StoreRelease(0);
  special->next = free_;
  free_ = special;
}

Special* Specials::FindLocked(const CollectedSpan& span, uintptr_t object, SpecialKind kind) {
  for (Special* at = span.specials; at != nullptr; at = at->next) {
    if (at->object == object && at->kind.LoadAcquire() == kind) return at;
  }
  return nullptr;
}

Special* Specials::AttachLocked(ObjectRef object, SpecialKind kind, void* function,
                                uintptr_t closure) {
  Special* special = NewLocked();
  if (special == nullptr) return nullptr;
  CollectedSpan& span = ObjectFinder(*store_).SpanOf(object);
  special->object = ObjectFinder(*store_).BaseOf(object).value;
  special->id = 0;
  special->function = function;
  special->closure.StoreRelease(closure);
  special->next = span.specials;
  special->kind.StoreRelease(kind);
  span.specials = special;
  span.has_specials.StoreRelease(1);
  return special;
}

void Specials::NoteNoneLocked(CollectedSpan& span) {
  span.has_specials.StoreRelease(0);
  span.has_finalizers = false;
}

void Specials::UnlinkLocked(CollectedSpan& span, const Special* special) {
  Special** at = &span.specials;
  while (*at != special) at = &(*at)->next;
  *at = special->next;
  if (span.specials == nullptr) NoteNoneLocked(span);
}

// ---- facts

bool Specials::SetFinalizer(ObjectRef object, void* function, uintptr_t closure, Marker* marking) {
  const ObjectFinder finder(*store_);
  MutexLock lock(mutex_);
  Special* special =
      FindLocked(finder.SpanOf(object), finder.BaseOf(object).value, SpecialKind::kFinalizer);
  if (function == nullptr) {
    if (special == nullptr) return true;
    UnlinkLocked(finder.SpanOf(object), special);
    FreeLocked(special);
    return true;
  }
  if (special == nullptr) {
    special = AttachLocked(object, SpecialKind::kFinalizer, function, closure);
    if (special == nullptr) return false;
  }
  special->function = function;
  special->closure.StoreRelease(closure);
  finder.SpanOf(object).has_finalizers = true;
  if (marking != nullptr) ShadeFor(*special, *marking);
  return true;
}

bool Specials::SetDestructor(ObjectRef object, sh_layout& layout, size_t count) {
  const bool at_sweep = (layout.flags & SH_FINALIZE_AT_SWEEP) != 0;
  MutexLock lock(mutex_);
  if (!at_sweep) has_destructors_.StoreRelease(1);
  return AttachLocked(object,
                      at_sweep ? SpecialKind::kDestructAtSweep : SpecialKind::kDestructLater,
                      &layout, count) != nullptr;
}

uint64_t Specials::AddCleanup(ObjectRef object, void* function, uintptr_t closure,
                              Marker* marking) {
  MutexLock lock(mutex_);
  Special* special = AttachLocked(object, SpecialKind::kCleanup, function, closure);
  if (special == nullptr) return 0;
  special->id = next_id_++;
  if (marking != nullptr) ShadeFor(*special, *marking);
  return special->id;
}

bool Specials::StopCleanup(ObjectRef object, uint64_t id) {
  CollectedSpan& span = ObjectFinder(*store_).SpanOf(object);
  MutexLock lock(mutex_);
  for (Special* at = span.specials; at != nullptr; at = at->next) {
    if (at->kind.LoadAcquire() != SpecialKind::kCleanup || at->id != id) continue;
    UnlinkLocked(span, at);
    FreeLocked(at);
    return true;
  }
  return false;
}

uintptr_t Specials::WeakHandle(ObjectRef object, uintptr_t address, uintptr_t handle,
                               Marker* marking) {
  CollectedSpan& span = ObjectFinder(*store_).SpanOf(object);
  MutexLock lock(mutex_);
  Special* special = FindLocked(span, address, SpecialKind::kWeak);
  if (special == nullptr && handle != 0) {
    special = AttachLocked(object, SpecialKind::kWeak, nullptr, handle);
    if (special != nullptr) special->object = address;
  }
  if (special == nullptr) return 0;
  if (marking != nullptr) ShadeFor(*special, *marking);
  return special->closure.LoadAcquire();
}

bool Specials::AdjustExternal(ObjectRef object, int64_t& bytes) {
  const ObjectFinder finder(*store_);
  MutexLock lock(mutex_);
  Special* special =
      FindLocked(finder.SpanOf(object), finder.BaseOf(object).value, SpecialKind::kExternal);
  if (special == nullptr) special = AttachLocked(object, SpecialKind::kExternal, nullptr, 0);
  if (special == nullptr) return false;
  const auto before = static_cast<int64_t>(special->closure.LoadAcquire());
  bytes = std::clamp(bytes, -before, kMostExternal - external_bytes());
  special->closure.StoreRelease(static_cast<uintptr_t>(before + bytes));
  external_.FetchAddRelaxed(bytes);  // relaxed: a statistic
  return true;
}

// ---- roots

void Specials::ShadeFor(const Special& special, Marker& marker) const {
  switch (special.kind.LoadAcquire()) {
    case SpecialKind::kWeak:
    case SpecialKind::kCleanup:
      marker.Shade(special.closure.LoadAcquire());
      return;
    case SpecialKind::kFinalizer:
      marker.Shade(special.closure.LoadAcquire());
      marker.ShadeContents(ObjectOf(special.object));
      return;
    case SpecialKind::kQueued:
    case SpecialKind::kRunning:
    case SpecialKind::kGivenUp:
      if (special.was != SpecialKind::kCleanup) marker.Shade(special.object);
      if (special.was == SpecialKind::kFinalizer || special.was == SpecialKind::kCleanup) {
        marker.Shade(special.closure.LoadAcquire());
      }
      return;
    default:
      return;
  }
}

bool Specials::MarkBlock(uint32_t block, Marker& marker) {
  if (block >= block_count()) return false;
  MutexLock lock(mutex_);
  for (const Special& special : blocks_[block]->records) ShadeFor(special, marker);
  return true;
}

// ---- running

Special* Specials::TakeQueued(const Mutator* runner) {
  MutexLock lock(mutex_);
  Special* special = first_queued_;
  if (special == nullptr) return nullptr;
  first_queued_ = special->next;
  BeginRunning(*special, SpecialKind::kRunning, runner);
  return special;
}

void Specials::BeginRunning(Special& special, SpecialKind kind, const Mutator* runner) {
  special.id = reinterpret_cast<uintptr_t>(runner);
  special.kind.StoreRelease(kind);
}

void Specials::Finish(Special* special, Marker* marking) {
  MutexLock lock(mutex_);
  if (marking != nullptr) ShadeFor(*special, *marking);
  FinishLocked(special);
}

// Objects of cleanups are gone; the others stay until they have run.
void Specials::AddWaitingLocked(const Special& special, int32_t change) {
  if (special.was == SpecialKind::kCleanup) return;
  const uint32_t page = ObjectFinder(*store_).PageOf(special.object);
  store_->SpanOfPage(PageIndex(page)).waiting.FetchAdd(static_cast<uint32_t>(change));
}

void Specials::FinishLocked(Special* special) {
  if (special->kind.LoadAcquire() == SpecialKind::kRunning) {
    (special->was == SpecialKind::kCleanup ? cleanups_run_ : run_).FetchAdd(1);
  }
  AddWaitingLocked(*special, -1);
  FreeLocked(special);
}

void Specials::ResetInChild(const Mutator* survivor) {
  mutex_.ResetInChild();
  for (uint32_t b = 0; b < block_count(); ++b) {
    for (Special& special : blocks_[b]->records) {
      const SpecialKind kind = special.kind.LoadAcquire();
      const bool runs = kind == SpecialKind::kRunning || kind == SpecialKind::kGivenUp;
      const bool is_lost = runs && special.id != reinterpret_cast<uintptr_t>(survivor);
      if (is_lost) FinishLocked(&special);
    }
  }
}

}  // namespace spanheap::collected
