// SPDX-License-Identifier: MIT
#include "os/limits.h"

#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/count_ones.h"
#include "base/platform.h"
#include "os/futex.h"
#include "os/keep_errno.h"
#include "os/memory.h"
#include "os/proc_text.h"

namespace spanheap::os {
namespace {

// 8192 processors: what the largest kernels are built for.
constexpr size_t kMaskWords = 128;

enum MembarrierState : uint32_t { kUnknown, kRegistered, kUnavailable };
SPANHEAP_TOUCHED_AT_START constinit Atomic<uint32_t> membarrier_state{kUnknown};

// More than a process can address is no limit.
Bytes Limit(int resource) {
  constexpr uint64_t kAddressable = uint64_t{1} << 47;
  rlimit limit{};
  if (prlimit(0, static_cast<__rlimit_resource>(resource), nullptr, &limit) != 0) return kUnlimited;
  return limit.rlim_cur >= kAddressable ? kUnlimited : Bytes(limit.rlim_cur);
}

bool CallMembarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

bool RegisterMembarrier() { return CallMembarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

// A page that was writable and written must not be written any more on any processor that runs the
// process: the kernel interrupts each of them, which is a barrier there. Where a processor can tell
// the others without (INVLPGB), or no page is to be had, time does it: a store does not stay in its
// processor's buffer for a millisecond (Morrison and Afek, Temporally Bounding TSO, ASPLOS 2015).
// x86-64 alone.
void InterruptProcessors() {
#if defined(__x86_64__)
  const size_t size = PageSize().value;
  void* const page =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) {
    *static_cast<volatile char*>(page) = 1;
    mprotect(page, size, PROT_READ);
    munmap(page, size);
  }
  SleepFor_ns(1'000'000);
#else
  FatalInternal("membarrier is refused", __FILE_NAME__, __LINE__);
#endif
}

// Without /proc it is what kernels begin with.
char OvercommitPolicy() {
  char policy = '0';
  ReadSmallFile("/proc/sys/vm/overcommit_memory", &policy, 1);
  return policy;
}

}  // namespace

SPANHEAP_AT_START MemoryLimits ReadMemoryLimits() {
  KeepErrno keep;
  MemoryLimits limits;
  limits.address_space = Limit(RLIMIT_AS);
  limits.data = Limit(RLIMIT_DATA);
  limits.locked = Limit(RLIMIT_MEMLOCK);
  return limits;
}

bool IsOvercommitStrict() { return OvercommitPolicy() == '2'; }

bool IsObviousOvercommit(Bytes size) {
  KeepErrno keep;
  struct sysinfo machine{};
  if (syscall(SYS_sysinfo, &machine) != 0) return false;
  const uint64_t pieces = machine.totalram + machine.totalswap;
  if (size.value / machine.mem_unit <= pieces) return false;
  return OvercommitPolicy() == '0';
}

SPANHEAP_AT_START bool IsSecureProcess() {
  KeepErrno keep;
  return getauxval(AT_SECURE) != 0;
}

// The second number of the file, in pages.
Bytes ResidentBytes() {
  KeepErrno keep;
  char text[128];
  const long size = ReadSmallFile("/proc/self/statm", text, sizeof text - 1);
  if (size <= 0) return Bytes(0);
  text[size] = '\0';
  uint64_t pages = 0;
  return NumberAfter(text, " ", 10, pages) ? Bytes(pages * PageSize().value) : Bytes(0);
}

unsigned ProcessorCount() {
  KeepErrno keep;
  uint64_t mask[kMaskWords];
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
  unsigned count = 0;
  for (long i = 0; i < bytes / static_cast<long>(sizeof mask[0]); ++i) {
    count += CountOnes(mask[i]);
  }
  return count == 0 ? 1 : count;
}

SPANHEAP_AT_START bool CanMembarrier() {
  KeepErrno keep;
  // Relaxed: registering twice does no harm, and the kernel orders the call itself.
  uint32_t state = membarrier_state.LoadRelaxed();
  if (state == kUnknown) {
    state = RegisterMembarrier() ? kRegistered : kUnavailable;
    membarrier_state.StoreRelaxed(state);
  }
  return state == kRegistered;
}

void Membarrier() {
  KeepErrno keep;
  if (CallMembarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // Not registered: in a process made since by a means that does not inherit it.
  if (RegisterMembarrier() && CallMembarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // A filter that the program has set since then refuses the call.
  InterruptProcessors();
}

}  // namespace spanheap::os
