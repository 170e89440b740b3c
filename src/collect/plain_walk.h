// SPDX-License-Identifier: MIT
//
// PlainWalk: all that a word leads to, by one thread, with the world stopped.
//
// Idea.       A stack of objects and a bit for each that was met; no queues, no slices, none of the
//             marker's state. What it meets is the same, in the same order, however often it is
//             repeated while nobody runs.
// Threads.    Whoever has stopped the world.
// Fails.      Without memory it passes over what it has no room for, and says so.
// Go.         mgcmark.go: checkmark mode.
// Tests.      Through its users: tests/collect/collector_test.cc, keeper_search_test.cc.
#pragma once

#include "collect/layout_table.h"
#include "collect/object_finder.h"
#include "pages/stepped_table.h"

namespace spanheap::collected {

class PlainWalk {
 public:
  // Called for each object when it is met for the first time. `from`: the object that holds its
  // address, or an address inside of it; 0: none, the user has named it.
  using Met = void (*)(void* context, ObjectRef object, uintptr_t from);

  constexpr PlainWalk() = default;
  void Init(os::Memory& memory, SpanStore& store, LayoutTable& layouts) {
    memory_ = &memory;
    store_ = &store;
    layouts_ = &layouts;
  }

  // Nothing was met yet; false: no memory, but End is due all the same.
  bool Begin(Met met, void* context);
  void End();
  // Meets the object that the word points into, if there is one; Drain does the rest.
  void Reach(uintptr_t word);
  // As if each pointer in it were named, but not the object itself.
  void ReachContents(ObjectRef object);
  void Drain();

  bool is_out_of_memory() const { return is_out_of_memory_; }

 private:
  static constexpr Bytes kStackBytes = 1_GiB;  // of address space; as deep as it gets

  void Push(uintptr_t base);
  void ReachWords(uintptr_t from, uintptr_t to);
  void ReachPrecise(const sh_layout& layout, uintptr_t from, uintptr_t to);

  os::Memory* memory_ = nullptr;  // const after Init
  SpanStore* store_ = nullptr;
  LayoutTable* layouts_ = nullptr;
  Met met_ = nullptr;  // of the running walk, as what follows
  void* context_ = nullptr;
  Address bits_start_;
  Bytes bits_bytes_;
  SteppedTable bits_;  // a MarkBlock per page
  Address stack_start_;
  SteppedTable stack_ready_;
  size_t depth_ = 0;
  uintptr_t from_ = 0;  // the object that is looked through
  bool is_out_of_memory_ = false;
};

}  // namespace spanheap::collected
