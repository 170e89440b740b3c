// SPDX-License-Identifier: MIT
//
// PageSize and HugePageSize (os/memory.h): the first asked of the kernel once, the second what
// follows from it: opening the kernel's file that tells it would be a good part of a small start.
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/platform.h"
#include "os/memory.h"

namespace spanheap::os {
namespace {

// Larger ones (512 MiB with 64 KiB pages) are no unit for a heap that gives memory back.
constexpr Bytes kLargestUseful = 4_MiB;
// A huge page is mapped by an entry one level up, where a table is a page of these.
constexpr size_t kTableEntryBytes = 8;

SPANHEAP_TOUCHED_AT_START constinit Atomic<size_t> page_size{0};

}  // namespace

// Relaxed: every thread that reads anew finds the same number.
SPANHEAP_AT_START Bytes PageSize() {
  size_t size = page_size.LoadRelaxed();
  if (size == 0) [[unlikely]] {
    size = getauxval(AT_PAGESZ);
    page_size.StoreRelaxed(size);
  }
  return Bytes(size);
}

SPANHEAP_AT_START Bytes HugePageSize() {
  const size_t page = PageSize().value;
  const Bytes size(page * (page / kTableEntryBytes));
  return size <= kLargestUseful ? size : Bytes(0);
}

}  // namespace spanheap::os
