// SPDX-License-Identifier: MIT
#include "collect/layout_table.h"

namespace spanheap::collected {

uint32_t LayoutTable::AddSlow(sh_layout& layout) {
  MutexLock lock(mutex_);
  const uint32_t known = __atomic_load_n(&layout.id, __ATOMIC_ACQUIRE);
  if (known != 0) return known;
  const uint32_t id = count_.LoadAcquire() + 1;
  if (id / kBlock >= kBlocks) return 0;
  Atomic<const sh_layout**>& block = blocks_[id / kBlock];
  if (block.LoadAcquire() == nullptr) {
    void* memory = metadata_->Allocate(Bytes(kBlock * sizeof(void*)), Bytes(kCacheLine));
    if (memory == nullptr) return 0;
    block.StoreRelease(static_cast<const sh_layout**>(memory));
  }
  block.LoadAcquire()[id % kBlock] = &layout;
  count_.StoreRelease(id);
  Note(layout);
  __atomic_store_n(&layout.id, id, __ATOMIC_RELEASE);
  return id;
}

}  // namespace spanheap::collected
