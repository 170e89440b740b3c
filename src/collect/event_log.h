// SPDX-License-Identifier: MIT
//
// EventLog: what the collector did last, for tools that look from outside: a ring of events, each
// with its beginning, its length and a number.
//
// Idea.       Who logs takes the next number and writes the slot that belongs to it; the tag, which
//             holds the number, is zero while the slot is being written. Readers are other
//             processes, which read the ring twice and keep what has its tag both times.
// Invariants. Slot i holds an event whose number is i modulo the capacity, or is being written.
// Threads.    Any adds. Writers of the same slot are a whole ring apart.
// Cost.       An atomic addition and five stores; 80 KiB with the first collected object.
// Tests.      tests/collect/event_log_test.cc, tests/tools/trace_test.py.
#pragma once

#include <cstdint>

#include "base/atomic.h"

namespace spanheap {
struct RootRecord;
}  // namespace spanheap

namespace spanheap::collected {

// A kind keeps its number for ever: tools know them by it.
enum class EventKind : uint8_t {
  kCycle = 1,   // from the request to the end of the mark; value: its number
  kStop = 2,    // the world was stopped; value: 1 before marking, 2 after it
  kMark = 3,    // between the stops; value: bytes scanned
  kSweep = 4,   // until every span was swept that nobody held; value: pages
  kAssist = 5,  // a thread of the program marked; value: bytes
  kWorker = 6,  // a thread of the collector marked; value: bytes
  kLive = 7,    // bytes in objects at this moment
  kGoal = 8,    // the goal from this moment on; 0: none
};

class EventLog {
 public:
  static constexpr uint32_t kCapacity = 2048;

  struct Event {
    Atomic<uint64_t> tag;  // 0: being written; else (number + 1) * 2^8 + kind
    Atomic<uint64_t> begin_ns;
    Atomic<uint64_t> length_ns;
    Atomic<uint64_t> value;
    Atomic<uint64_t> thread;  // the kernel's number
  };

  constexpr EventLog() = default;

  void Add(EventKind kind, uint32_t thread, uint64_t begin_ns, uint64_t length_ns, uint64_t value) {
    const uint64_t number = count_.FetchAdd(1);
    Event& event = events_[number % kCapacity];
    event.tag.Exchange(0);  // ordered before the fields, which are relaxed: the tag tells
    event.begin_ns.StoreRelaxed(begin_ns);
    event.length_ns.StoreRelaxed(length_ns);
    event.value.StoreRelaxed(value);
    event.thread.StoreRelaxed(thread);
    event.tag.StoreRelease((number + 1) << 8 | static_cast<uint64_t>(kind));
  }

  uint64_t count() const { return count_.LoadAcquire(); }
  const Event& at(uint64_t number) const { return events_[number % kCapacity]; }

 private:
  friend struct spanheap::RootRecord;  // its layout is described to tools

  Atomic<uint64_t> count_;
  Event events_[kCapacity];
};

// Steps of one thread that follow each other closely become one event.
class EventRun {
 public:
  EventRun(EventLog& log, EventKind kind, uint32_t thread)
      : log_(log), kind_(kind), thread_(thread) {}
  ~EventRun() { Flush(); }
  EventRun(const EventRun&) = delete;
  EventRun& operator=(const EventRun&) = delete;

  void Add(uint64_t begin_ns, uint64_t end_ns, uint64_t value) {
    // A gap to be seen; and a run that is told while it goes on.
    constexpr uint64_t kGap_ns = 500'000;
    constexpr uint64_t kLongest_ns = 20'000'000;
    if (begin_ns - end_ns_ > kGap_ns || begin_ns - begin_ns_ > kLongest_ns) {
      Flush();
      begin_ns_ = begin_ns;
    }
    end_ns_ = end_ns;
    value_ += value;
  }

 private:
  void Flush() {
    if (value_ != 0) log_.Add(kind_, thread_, begin_ns_, end_ns_ - begin_ns_, value_);
    value_ = 0;
  }

  EventLog& log_;
  const EventKind kind_;
  const uint32_t thread_;
  uint64_t begin_ns_ = 0;
  uint64_t end_ns_ = 0;
  uint64_t value_ = 0;
};

}  // namespace spanheap::collected
