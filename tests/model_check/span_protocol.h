// SPDX-License-Identifier: MIT
//
// The life of spans of one class as thread caches drive it, for exploration: real ownership words,
// bits and central list; pages, thread caches and size classes left out.
//
// Idea.       The bodies below make the same calls in the same order as SpanHeap's TakeSlots,
//             DropSpan, ReturnSlots, FollowUp and ReleaseSpan. Beside them runs the truth: which
//             slots the program holds, which records are spans, who holds which span. Each kind
//             of Fault breaks one rule of the protocol and must be noticed.
// Invariants. CheckAlways and CheckAtEnd below.
#pragma once

#include <cstddef>
#include <cstdint>

#include "interleaving.h"
#include "spans/central_list.h"
#include "spans/span_table.h"

namespace spanheap::model {

enum class Fault {
  kNone,
  kCountBeforeBits,  // a return raises the count before it clears the bits
  kBitsBeforeCount,  // a taker sets the bits before it lowers the count
  kDecisionApart,    // a return adds to the count and decides in a second step
  kDropByStore,      // a holder lets go with a load and a store
  kReapWithoutList,  // a return that finds its span empty takes it without asking the list
};

// What a thread does, one after the other. Each does nothing if there is nothing to do it with.
enum class Operation : uint8_t {
  kEnd,
  kTakeOne,  // one slot of the held span; a span from the list, or a new one, if none is held
  kTakeTwo,
  kDrop,        // the held span
  kReturnOne,   // a slot of the lowest span with one in the program's hands
  kReturnTwo,   // two at once, if a span has them; else one
  kReturnHigh,  // one of the highest such span
};

inline constexpr unsigned kOperations = 6;
using Script = Operation[kOperations];

struct Scenario {
  const char* name;
  uint32_t slots;
  uint32_t live;  // slots the program holds of one span at first
  Script scripts[kThreads];
};

// How often something happened in all that was explored: what a search must have reached.
struct Events {
  uint64_t released_by_return = 0;
  uint64_t released_by_drop = 0;
  uint64_t found_empty_when_listing = 0;
  uint64_t taken_from_list_when_empty = 0;
  uint64_t record_used_again = 0;
  uint64_t popped = 0;
};

class SpanProtocol {
 public:
  SpanProtocol(const Scenario& scenario, Fault fault, Events& events);

  Program AsProgram();

 private:
  static constexpr unsigned kNobody = ~0U;

  struct Truth {
    bool is_span = false;
    bool was_span = false;
    uint64_t live = 0;  // slots in the program's hands
    unsigned holder = kNobody;
  };
  struct Shared {
    SpanTable table;
    CentralList list;
    Truth truth[SpanTable::kRecords + 1];
    uint32_t held[kThreads] = {};  // record number, 0: none
  };

  void Run(unsigned thread);
  void Do(Operation operation, unsigned thread);
  void Take(unsigned thread, uint32_t want);
  void TakeSlots(uint32_t index, uint32_t want);
  void SetBits(uint32_t index, uint64_t mask);
  void Drop(unsigned thread);
  void Return(unsigned thread, uint32_t want, bool from_high);
  void FollowUp(OwnershipWord::Next next, uint32_t index, unsigned thread);
  void Release(uint32_t index, unsigned thread);

  uint32_t NewSpan(unsigned thread);
  uint32_t PickLive(uint32_t want, bool from_high, uint64_t& mask);
  void BecomeHolder(uint32_t index, unsigned thread);
  OwnershipWord::Next ReturnApart(Span& span, uint32_t k);
  OwnershipWord::Next DropByStore(Span& span);

  void CheckAlways();
  void CheckSpan(uint32_t index);
  void CheckAtEnd();

  Span& At(uint32_t index) { return shared_.table.At(index); }
  uint64_t all_slots() const { return LowBits(scenario_.slots); }

  const Scenario& scenario_;
  const Fault fault_;
  Events& events_;
  Shared shared_;
};

}  // namespace spanheap::model
