// SPDX-License-Identifier: MIT
#include "collect/heap_pace.h"

#include <algorithm>

namespace spanheap::collected {
namespace {

uint64_t Less(uint64_t from, uint64_t bytes) { return from - std::min(from, bytes); }

}  // namespace

// ---- goal and trigger

uint64_t HeapPace::SpanBytes() const { return store_.pages_in_use() << kPageShift; }

// Dead objects that wait to be swept are among them, what objects hold elsewhere is not.
uint64_t HeapPace::ObjectBytes() const {
  const uint64_t waiting =
      store_.unswept() == 0 ? 0 : Less(died_, store_.freed_bytes() - freed_before_);
  const auto external = static_cast<uint64_t>(std::max<int64_t>(specials_.external_bytes(), 0));
  return Less(state_.live.LoadAcquire(), external) + waiting;
}

// What is read changes meanwhile: it is made to agree with itself.
void HeapPace::ReadLimit() {
  const MemoryGauge& gauge = store_.pages().gauge();
  const uint64_t limit = gauge.limit();
  if (limit == MemoryGauge::kNone && !gauge.has_ceiling()) {
    pacer_.SetLimitGoal(policy::Pacer::kNever);
    return;
  }
  const PageHeapStats pages = store_.pages().ReadStats();
  policy::LimitedHeap heap;
  heap.mapped = gauge.counted();
  heap.heap_free = std::min((pages.free_backed + pages.cached), heap.mapped);
  heap.heap_alloc = std::min(ObjectBytes(), heap.mapped - heap.heap_free);
  heap.marked = pacer_.marked();
  const uint64_t spans = SpanBytes();
  fewest_ = std::min(fewest_, spans);
  heap.grown = spans - fewest_;
  heap.fillable = policy::FillableBytes(spans, heap.heap_alloc, wasted_);
  pacer_.SetLimitGoal(
      std::min(policy::LimitGoal(heap, limit), policy::HardLimitGoal(heap, gauge.ceiling())));
}

void HeapPace::Publish() {
  const uint64_t live = state_.live.LoadAcquire();
  const uint64_t trigger = pacer_.trigger();
  state_.trigger.StoreRelease(trigger);
  state_.goal.StoreRelease(pacer_.goal());
  const uint64_t swept = store_.swept_pages();
  const policy::SweepPace pace =
      store_.unswept() == 0 ? policy::SweepPace{}
                            : policy::PlanSweep(sweep_pages_.LoadAcquire(), swept, trigger, live);
  pages_per_byte_.StoreRelease(pace.pages_per_byte);
  basis_live_.StoreRelease(live);
  basis_swept_.StoreRelease(swept);
}

void HeapPace::Repace() {
  MutexLock lock(mutex_);
  if (state_.is_marking()) return;
  ReadLimit();
  pacer_.Commit(state_.live.LoadAcquire(), store_.unswept() == 0);
  Publish();
}

bool HeapPace::IsDue() {
  MutexLock lock(mutex_);
  if (state_.is_marking()) return false;
  ReadLimit();
  Publish();
  // Relaxed: as of some moment.
  return state_.live.LoadRelaxed() >= state_.trigger.LoadRelaxed();
}

// ---- a mark phase

void HeapPace::Begin(uint64_t live) {
  MutexLock lock(mutex_);
  state_.credit.StoreRelease(0);
  ReadLimit();
  // Below the trigger somebody has asked for the cycle. A limit moves the trigger while nothing is
  // allocated here: what lies between tells nothing.
  const uint64_t trigger = state_.trigger.LoadAcquire();
  if (live >= trigger && pacer_.limit_goal() == policy::Pacer::kNever) {
    pacer_.NoteLate(live - trigger);
  }
  pacer_.Begin(live);
  state_.goal.StoreRelease(pacer_.goal());  // a late cycle has another one
}

void HeapPace::Revise(uint64_t scanned) {
  MutexLock lock(mutex_);
  ReadLimit();
  pacer_.Revise(state_.live.LoadAcquire(), scanned);
  state_.goal.StoreRelease(pacer_.goal());
}

void HeapPace::End(const policy::Pacer::Spent& spent, const policy::Pacer::Marked& marked,
                   uint64_t died) {
  MutexLock lock(mutex_);
  pacer_.End(spent, marked);
  died_ = died;
  freed_before_ = store_.freed_bytes();
  const uint64_t spans = SpanBytes();
  wasted_ = policy::WastedAfter({wasted_, Less(spans, ObjectBytes()), Less(spans, fewest_)});
  fewest_ = spans;
  sweep_pages_.StoreRelease(store_.pages_in_use());
  ReadLimit();
  pacer_.Commit(marked.live, false);
  Publish();
}

// ---- allocating threads

int64_t HeapPace::UseCredit(policy::AssistPlan& plan) {
  int64_t there = state_.credit.LoadAcquire();
  for (;;) {
    const policy::CreditUse use = policy::UseCredit(plan, there, pacer_.ratio());
    if (use.taken == 0) return 0;
    if (!state_.credit.CompareExchange(there, there - use.taken)) continue;
    plan.work -= use.taken;
    return use.paid;
  }
}

void HeapPace::SweepFor(uint64_t bytes) {
  if (store_.unswept() == 0 || store_.sweeps_lazily()) return;
  const policy::SweepPace pace{pages_per_byte_.LoadAcquire(), basis_live_.LoadAcquire(),
                               basis_swept_.LoadAcquire()};
  const uint64_t swept = store_.swept_pages();
  const uint64_t pages = policy::PagesToSweep(pace, state_.live.LoadAcquire(), bytes,
                                              std::max(swept, pace.basis_swept));
  constexpr uint64_t kMostPages = 256;  // others wait for the section that this is in
  const uint64_t target = swept + std::min(pages, kMostPages);
  while (store_.swept_pages() < target && store_.SweepOne() != Pages(0)) {}
}

// ---- the limiter

void HeapPace::NoteUse(uint64_t process_ns, uint64_t collector_ns) {
  policy::CpuWindow window;
  window.total_ns = Less(process_ns, noted_process_ns_);  // a forked child's begins anew
  window.assist_ns = Less(collector_ns, noted_collector_ns_);
  noted_process_ns_ = process_ns;
  noted_collector_ns_ = collector_ns;
  limiter_.Update(window);
  limiting_.StoreRelaxed(limiter_.limiting());  // relaxed: a hint
}

void HeapPace::ResetInChild() {
  mutex_.ResetInChild();
  noted_process_ns_ = 0;
}

}  // namespace spanheap::collected
