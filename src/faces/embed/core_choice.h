// SPDX-License-Identifier: MIT
//
// Which core a copy of libspanheap-embed uses: its own, or that of a copy that was there before.
//
// Idea.       Tables are looked at in the order in which their objects were loaded. The first that
//             is live is taken; if none is, the first one. All copies see the same order, so all
//             come to the same answer, whichever asks first.
// Invariants. A copy that takes its own core makes it live; the answer never changes.
// Threads.    TheCore: any, at any time after this library was relocated.
// Fails.      A table of another number cannot be used: this copy then has a heap of its own, and
//             no collected heap, since two collectors would stop each other's threads.
// Cost.       A load and a branch for each call. The first one: a look-up in every loaded object.
// Tests.      tests/faces/embed.
#pragma once

#include "base/platform.h"
#include "faces/embed/core_table.h"

namespace spanheap::face {

// Where a copy stands while it chooses.
class CoreChoice {
 public:
  explicit CoreChoice(CoreTable& own) : own_(own) {}
  // To be called for each table in load order; this copy's own may be missing.
  void See(CoreTable& table);

  // The chosen one.
  CoreTable& table() const;
  // True if a core that cannot be used is in use, or will be.
  bool has_stranger() const { return stranger_; }

 private:
  CoreTable& own_;
  CoreTable* first_live_ = nullptr;
  CoreTable* first_ = nullptr;
  bool stranger_ = false;
};

// null: nobody has asked yet.
extern constinit Atomic<CoreTable*> chosen_core [[gnu::visibility("hidden")]];
SPANHEAP_COLD CoreTable& ChooseCore();
// This copy's outward sh_inline_v1.
extern constinit InlineMirror outward_inline [[gnu::visibility("hidden")]];

SPANHEAP_ALWAYS_INLINE CoreTable& TheCore() {
  CoreTable* const core = chosen_core.LoadAcquire();
  if (core != nullptr) [[likely]]
    return *core;
  return ChooseCore();
}

}  // namespace spanheap::face
