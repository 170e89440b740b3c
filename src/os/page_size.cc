// SPDX-License-Identifier: MIT
//
// PageSize and HugePageSize (os/memory.h): asked of the kernel once, then read from a word each.
#include <sys/auxv.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "os/keep_errno.h"
#include "os/limits.h"
#include "os/memory.h"

namespace spanheap::os {
namespace {

constexpr char kHugePageFile[] = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
// Larger ones (512 MiB with 64 KiB pages) are no unit for a heap that gives memory back.
constexpr Bytes kLargestUseful = 4_MiB;
constexpr size_t kUnread = ~size_t{0};

constinit Atomic<size_t> page_size{0};
constinit Atomic<size_t> huge_page_size{kUnread};

size_t ReadHugePageSize() {
  char text[32];
  const long length = ReadSmallFile(kHugePageFile, text, sizeof text);
  size_t n = 0;
  for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) {
    n = n * 10 + static_cast<size_t>(text[i] - '0');
  }
  return IsPowerOfTwo(n) && n <= kLargestUseful.value ? n : 0;
}

}  // namespace

// Relaxed in both: every thread that reads anew finds the same number.
Bytes PageSize() {
  size_t size = page_size.LoadRelaxed();
  if (size == 0) [[unlikely]] {
    size = getauxval(AT_PAGESZ);
    page_size.StoreRelaxed(size);
  }
  return Bytes(size);
}

Bytes HugePageSize() {
  size_t size = huge_page_size.LoadRelaxed();
  if (size == kUnread) [[unlikely]] {
    size = ReadHugePageSize();
    huge_page_size.StoreRelaxed(size);
  }
  return Bytes(size);
}

}  // namespace spanheap::os
