// SPDX-License-Identifier: MIT
//
// libspanheap-embed's search for the core that it uses (core_choice.h).
#include "faces/embed/core_choice.h"
#include "faces/malloc/heap_choice.h"
#include "os/loaded_symbols.h"
#include "runtime/collected_heap.h"

namespace spanheap::face {

constinit Atomic<CoreTable*> chosen_core{nullptr};

namespace {

bool SeeLoaded(void* address, void* choice) {
  static_cast<CoreChoice*>(choice)->See(*static_cast<CoreTable*>(address));
  return true;
}

// One thread at a time, of all copies in the process.
void ChooseAlone(void*) {
  if (chosen_core.LoadAcquire() != nullptr) return;
  CoreChoice choice(spanheap_own_core);
  os::ForEachLoaded("sh_core_v1", os::LoadedKind::kVariable, SeeLoaded, &choice);
  CoreTable& chosen = choice.table();
  if (&chosen == &spanheap_own_core) {
    if (choice.has_stranger()) CollectedHeap::Forbid();
    chosen.is_live.StoreRelease(1);
  }
  chosen.mirror_inline(outward_inline);
  chosen_core.StoreRelease(&chosen);
}

}  // namespace

CoreTable& ChooseCore() {
  os::WhileNothingIsLoaded(ChooseAlone, nullptr);
  return *chosen_core.LoadAcquire();
}

bool ChooseHeap() { return &TheCore() == &spanheap_own_core; }

}  // namespace spanheap::face
