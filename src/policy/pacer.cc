// SPDX-License-Identifier: MIT
#include "policy/pacer.h"

#include <algorithm>

namespace spanheap::policy {

void Pacer::Commit(uint64_t live, bool is_swept) {
  const int64_t most = INT32_MAX;
  rules_.SetPercent(static_cast<int>(std::min(percent(), most)));
  rules_.ClimbInSteps(percent() == kDefaultPercent);
  rules_.SetMinimum(minimum_.LoadAcquire());
  rules_.Commit(live, global_scan_, is_swept);
}

void Pacer::Begin(uint64_t live) {
  is_due_ = live >= trigger();
  rules_.StartCycle(live);
  Revise(live, 0);
}

void Pacer::Revise(uint64_t live, uint64_t work) {
  HeapNow now;
  now.live = live;
  now.scannable = std::max(live, work);  // at worst all of it
  now.globals = global_scan_;
  now.limit_goal = limit_goal_.LoadAcquire();
  const AssistRatio ratio = rules_.Revise(now, {work, 0, 0});
  work_per_byte_.StoreRelease(ratio.work_per_byte);
  bytes_per_work_.StoreRelease(ratio.bytes_per_work);
}

void Pacer::End(const Spent& spent, const Marked& marked) {
  // A mark that is over before the goal is no reason to go on with a low one.
  rules_.NoteHeight(is_due_ ? std::max(spent.live, goal()) : spent.live);
  ScanWork work{marked.heap_scan, marked.stack_scan, marked.global_scan};
  if (!marked.is_young) {
    rules_.EndCycle(
        {spent.elapsed_ns, spent.assist_ns, spent.idle_ns, spent.processors, spent.live, work});
  }
  if (marked.next_scan != 0) work.heap = marked.next_scan;
  rules_.ResetLive(marked.live, work, marked.base != 0 ? marked.base : marked.live);
  global_scan_ = marked.global_scan;
}

}  // namespace spanheap::policy
