// SPDX-License-Identifier: MIT
#include "collect/keeper_search.h"

#include "collect/specials.h"
#include "os/futex.h"

namespace spanheap::collected {

bool KeeperSearch::TryAsk(uintptr_t hidden) {
  State none = State::kNone;
  if (!state_.CompareExchange(none, State::kTaken)) return false;
  hidden_ = hidden;
  state_.StoreRelease(State::kAsked);
  return true;
}

bool KeeperSearch::TakeAnswer(Keepers& answer) {
  State asked = State::kAsked;
  if (state_.CompareExchangeStrong(asked, State::kNone)) return false;
  while (state_.LoadAcquire() != State::kAnswered) os::YieldThread();
  answer = answer_;
  state_.StoreRelease(State::kNone);
  return true;
}

void KeeperSearch::RunIfAsked(World& world) {
  State asked = State::kAsked;
  if (!state_.CompareExchangeStrong(asked, State::kRunning)) return;
  Run(world);
  state_.StoreRelease(State::kAnswered);
}

void KeeperSearch::Run(World& world) {
  answer_ = Keepers();
  const ObjectRef object = ObjectFinder(*store_).Find(~hidden_);
  if (!object) return;
  NoteObject(object);
  FindRoot(world);
  while (answer_.is_kept && !answer_.is_whole && answer_.count < Keepers::kMost && FindHolder()) {}
}

void KeeperSearch::NoteObject(ObjectRef object) {
  const ObjectFinder finder(*store_);
  target_ = finder.BaseOf(object).value;
  answer_.objects[answer_.count++] = {target_, finder.SizeOf(object)};
}

bool KeeperSearch::Begin() {
  const auto met = [](void* self, ObjectRef object, uintptr_t from) {
    auto& search = *static_cast<KeeperSearch*>(self);
    if (ObjectFinder(*search.store_).BaseOf(object).value != search.target_) return;
    search.is_met_ = true;
    search.holder_ = from;
  };
  is_met_ = false;
  return walk_.Begin(met, this);
}

// A word on a stack may be stale: what keeps the object for certain comes first.
void KeeperSearch::FindRoot(World& world) {
  if (Begin()) {
    const auto try_exact = [](void* self, const RootWord& root) {
      if (!root.is_of_stack()) static_cast<KeeperSearch*>(self)->TryRoot(root);
    };
    const auto try_stacks = [](void* self, const RootWord& root) {
      if (root.is_of_stack()) static_cast<KeeperSearch*>(self)->TryRoot(root);
    };
    world.VisitRoots(try_exact, this);
    specials_->ForEachRoot(
        [&](uintptr_t word) { TryRoot({word, 0, RootWord::Place::kWhenDead, 0, 0}); },
        [&](uintptr_t object) { TryRoot({object, 0, RootWord::Place::kFinalizer, 0, 0}); });
    world.VisitRoots(try_stacks, this);
  }
  answer_.is_out_of_memory = walk_.is_out_of_memory();
  walk_.End();
}

void KeeperSearch::TryRoot(const RootWord& root) {
  if (is_met_) return;
  Follow(root);
  if (!is_met_) return;
  answer_.is_kept = true;
  answer_.root = root;
}

// A finalizer keeps what its object holds, and not the object.
void KeeperSearch::Follow(const RootWord& root) {
  if (root.place == RootWord::Place::kFinalizer) {
    walk_.ReachContents(ObjectFinder(*store_).Find(root.word));
  } else {
    walk_.Reach(root.word);
  }
  walk_.Drain();
}

bool KeeperSearch::FindHolder() {
  if (Begin()) Follow(answer_.root);
  answer_.is_out_of_memory |= walk_.is_out_of_memory();
  walk_.End();
  if (!is_met_) return false;
  answer_.is_whole = holder_ == 0;
  if (holder_ != 0) NoteObject(ObjectFinder(*store_).Find(holder_));
  return true;
}

}  // namespace spanheap::collected
