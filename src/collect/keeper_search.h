// SPDX-License-Identifier: MIT
//
// KeeperSearch: who keeps an object: the root that leads to it, and the objects in between.
//
// Idea.       Plain walks (collect/plain_walk.h), root by root until one leads to the object, words
//             on stacks last. Then from that root only, once for each step: the object that was
//             looked through when the last one was met is its holder. All walks from one root go
//             the same way, so the holders are a path. The address is kept inverted up to the
//             search: nothing that asks keeps the object.
// Threads.    Asking: any, one at a time. Run: the collector's, while the world is stopped.
// Fails.      Without memory for the walk the answer says so.
// Cost.       A plain mark of the heap while the world is stopped, up to nine times: for debugging.
// Tests.      tests/collect/keeper_search_test.cc.
#pragma once

#include "collect/plain_walk.h"
#include "collect/world.h"

namespace spanheap::collected {

class Specials;

struct Keepers {
  static constexpr unsigned kMost = 8;
  struct Object {
    uintptr_t start;
    size_t bytes;
  };

  bool is_out_of_memory = false;
  bool is_kept = false;     // the root is known
  bool is_whole = false;    // the last of the objects is the one that the root holds
  unsigned count = 0;       // 0: there is no such object
  Object objects[kMost]{};  // the one that was asked for, its holder, and so on
  RootWord root{};
};

class KeeperSearch {
 public:
  constexpr KeeperSearch() = default;
  void Init(os::Memory& memory, SpanStore& store, LayoutTable& layouts, Specials& specials) {
    store_ = &store;
    specials_ = &specials;
    walk_.Init(memory, store, layouts);
  }

  // False: another question is not done with. The bits of the address are inverted.
  bool TryAsk(uintptr_t hidden);
  // Whoever has asked takes the answer; false: there is none, and no question any more. Waits for a
  // search that has begun.
  bool TakeAnswer(Keepers& answer);
  // Once for each question, in the stop that ends a mark.
  void RunIfAsked(World& world);
  void ResetInChild() { state_.StoreRelease(State::kNone); }

 private:
  enum class State : uint32_t { kNone, kTaken, kAsked, kRunning, kAnswered };

  void Run(World& world);
  void FindRoot(World& world);
  void TryRoot(const RootWord& root);
  void Follow(const RootWord& root);
  bool FindHolder();
  bool Begin();
  void NoteObject(ObjectRef object);

  SpanStore* store_ = nullptr;  // const after Init
  Specials* specials_ = nullptr;
  PlainWalk walk_;
  Atomic<State> state_;
  uintptr_t hidden_ = 0;  // by who is next to act by `state_`, as what follows
  Keepers answer_;
  uintptr_t target_ = 0;  // the start of what is looked for
  bool is_met_ = false;
  uintptr_t holder_ = 0;  // once it is met; 0: the root
};

}  // namespace spanheap::collected
