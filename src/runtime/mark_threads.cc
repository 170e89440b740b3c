// SPDX-License-Identifier: MIT
#include "runtime/mark_threads.h"

#include <algorithm>

#include "os/futex.h"
#include "runtime/heap_section.h"

namespace spanheap {

bool MarkThreads::Start(Seat& seat) {
  if (seat.marker == nullptr) {
    const HeapSection section;
    if (section.is_open()) seat.marker = collector_.NewMarker();
  }
  return seat.marker != nullptr && seat.thread.Start(&seat);
}

void MarkThreads::Call(unsigned count) {
  count = std::min(count, kMost);
  for (unsigned i = 0; i < count; ++i) {
    Seat& seat = seats_[i];
    if (i < running()) {
      seat.calls.FetchAdd(1);
      os::FutexWakeOne(seat.calls);
      continue;
    }
    seat.threads = this;
    seat.rank = i + 1;
    if (!Start(seat)) return;
    running_.StoreRelease(i + 1);
  }
}

void MarkThreads::Main(void* seat) {
  auto& mine = *static_cast<Seat*>(seat);
  for (;;) {
    const uint32_t calls = mine.calls.LoadAcquire();
    mine.threads->collector_.MarkAlong(*mine.marker, mine.rank);
    os::FutexWait(mine.calls, calls);
  }
}

}  // namespace spanheap
