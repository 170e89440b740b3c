// SPDX-License-Identifier: MIT
//
// EventReader: what the collector of another process did last, out of the library's ring of events.
//
// Idea.  The ring is read twice; an event counts if its tag is the same both times and says that it
//        is the one that was looked for: else it was being written.
// Fails. As HeapReader. A process without a collected heap has no events (yet).
// Tests. tests/tools/trace_test.py.
#pragma once

#include <cstdint>
#include <vector>

#include "spanheap/look/memory.h"
#include "spanheap/look/root_reader.h"

namespace spanheap::look {

// Numbers as in src/collect/event_log.h.
enum class EventKind : uint8_t {
  kCycle = 1,
  kStop = 2,
  kMark = 3,
  kSweep = 4,
  kAssist = 5,
  kWorker = 6,
  kLive = 7,
  kGoal = 8,
};

struct Event {
  EventKind kind{};
  uint64_t thread = 0;
  uint64_t begin_ns = 0;  // monotonic
  uint64_t length_ns = 0;
  uint64_t value = 0;
};

class EventReader {
 public:
  EventReader(const Memory& memory, const RootReader& root) : memory_(memory), root_(root) {}

  // All events since the last call that are there still, by number.
  std::vector<Event> ReadNew();
  // Events since the first call that were written over before they were read.
  uint64_t lost() const { return lost_; }

 private:
  const Memory& memory_;
  const RootReader& root_;
  uint64_t next_ = 0;  // the first number that was not read
  uint64_t lost_ = 0;
  bool has_read_ = false;  // what was written over before is not missed
};

}  // namespace spanheap::look
