// SPDX-License-Identifier: MIT
//
// ShadowGraph: a graph of collected objects that changes at random, and beside it what it must look
// like.
//
// Idea.    Every object is known by a record in ordinary memory, with its address inverted: nothing
//          the collector reads. All that keeps the objects is one pointer to the graph's top, which
//          its user holds where he likes. Each walk compares what it meets with the records, and a
//          look at all of it (Check) knows what can be reached, what weak handles may say and which
//          cleanups must not have run.
// Threads. One at a time; any.
// Fails.   By Fail(): an object is not what its record says, or what was dead lives.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "support.h"

namespace spanheap::stress {

class ShadowGraph {
 public:
  explicit ShadowGraph(uint64_t seed) : random_(seed) {}
  // Before the first graph: no object is searched word by word. The heap's barrier may then
  // remember less.
  static void SearchNothing();
  // Nor has any a function that names its pointers: then marks may outlive their cycle.
  static void TraceNothing();

  // A new top, which nothing holds but the caller.
  void** Begin();
  // One change. Those below allocate, move and drop.
  void Step(void** top);
  // Compares all of it and forgets the records of what cannot be reached.
  void Check(void** top);
  // Bytes of what can be reached, after Check.
  uint64_t ReachableBytes(void** top) const;
  // Takes all out; returns one object of it.
  void* Drop(void** top);
  // Says on stderr who keeps objects that Check has found dead lately, for up to `most` of them;
  // returns for how many.
  unsigned NameKeepersOfDead(unsigned most) const;
  uint64_t objects() const { return records_.size() - free_.size(); }

 private:
  static constexpr unsigned kEdges = 4;
  static constexpr unsigned kTopEdges = 24;
  static constexpr unsigned kWeaks = 8;
  static constexpr uint64_t kMostObjects = 3000;
  static constexpr uint32_t kMostDead = 100'000;
  static constexpr uint32_t kNone = ~0U;

  struct Edge {
    uint32_t to = kNone;
    uint32_t offset = 0;  // edges may lead into an object
  };
  struct Record {
    uintptr_t hidden = 0;  // 0: free
    uint64_t serial = 0;
    unsigned kind = 0;
    bool reached = false;
    Edge edges[kEdges];
    std::unique_ptr<std::atomic<bool>> cleaned;  // false until its cleanup has run
  };
  // A place in the graph: an edge of an object or of the top.
  struct Place {
    void** slot;
    Edge* edge;
  };
  struct Found {
    void** object;  // null: none
    uint32_t record;
  };

  void** Follow(const Edge& edge, void** slot) const;
  Place PlaceIn(void** top, Found in);
  Place AnyPlace(void** top);
  Found Walk(void** top);
  uint32_t NewRecord();
  Found NewObject();
  void Put(Place place, Found object);
  void Store(void** slot, void* value);
  void Move(void** top);
  void MakeWeak(void** top);
  void CheckWeaks(void** top);
  void Reach(uint32_t record, void** object);
  void ReachEdges(const Edge* edges, unsigned count, void** slots);
  void Forget();
  void MakeGarbage();

  Random random_;
  uint64_t next_serial_ = 1;
  std::vector<Record> records_;
  std::vector<uint32_t> free_;
  std::vector<std::pair<uintptr_t, uint64_t>> dead_;  // address, inverted, and serial; newest last
  std::vector<std::unique_ptr<std::atomic<bool>>> forgotten_;  // their cleanups may run still
  Edge top_[kTopEdges];
  struct WeakRecord {
    uint32_t record = kNone;
    uint64_t serial = 0;
  } weaks_[kWeaks];
  std::vector<std::pair<uint32_t, void**>> todo_;
};

}  // namespace spanheap::stress
