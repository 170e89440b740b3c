// SPDX-License-Identifier: MIT
#include "os/memory.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/platform.h"
#include "os/clock.h"
#include "os/keep_errno.h"

namespace spanheap::os {
namespace {

// The kernel's numbers, for C libraries older than it.
constexpr int kSetVma = 0x53564d41;  // PR_SET_VMA
constexpr int kSetVmaAnonName = 0;   // PR_SET_VMA_ANON_NAME
constexpr int kMremapDontUnmap = 4;  // MREMAP_DONTUNMAP, Linux 5.7
constexpr int kPidfdSelf = -10000;   // PIDFD_SELF_THREAD, Linux 6.14: names us without a descriptor
constexpr size_t kMostVectored = 128;
constexpr int kAdviseCollapse = 25;  // MADV_COLLAPSE, Linux 6.1
constexpr int kReserveFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

// 0: no limit; 1: refuse; n: n - 1 calls go ahead before that; -n: likewise, and later calls again.
SPANHEAP_TOUCHED_AT_START constinit Atomic<int64_t> calls_until_refusal{0};

bool RefusedForTest() {
  // Relaxed: a counter of its own that orders nothing.
  int64_t left = calls_until_refusal.LoadRelaxed();
  while (left > 1 || left < 0) {
    if (calls_until_refusal.CompareExchange(left, left > 0 ? left - 1 : left + 1))
      return left == -1;
  }
  return left == 1;
}

SPANHEAP_AT_START void CheckRange(Address start, Bytes size) {
  const size_t mask = PageSize().value - 1;
  SPANHEAP_CHECK(start.value != 0 && size.value != 0);
  SPANHEAP_CHECK(((start.value | size.value) & mask) == 0);
  SPANHEAP_CHECK(start.value + size.value > start.value);
}

Address MapInaccessible(Address hint, Bytes size, int more_flags) {
  void* const p = mmap(PointerTo(hint), size.value, PROT_NONE, kReserveFlags | more_flags, -1, 0);
  return p == MAP_FAILED ? Address() : AddressOf(p);
}

// A debugger that writes a core file would write out the whole reservation.
void KeepFromDumps(Address start, Bytes size) {
  madvise(PointerTo(start), size.value, MADV_DONTDUMP);
}

void Unmap(Address start, Bytes size) {
  if (size.value != 0) munmap(PointerTo(start), size.value);
}

// Maps more than is wanted and gives the ends back.
Address MapAndTrim(Bytes size, Bytes alignment) {
  const Bytes padded = size + alignment - PageSize();
  if (padded < size) return Address();
  const Address mapped = MapInaccessible(Address(), padded, 0);
  if (mapped.value == 0) return Address();
  const Address start = RoundUp(mapped, alignment);
  Unmap(mapped, start - mapped);
  Unmap(start + size, (mapped + padded) - (start + size));
  return start;
}

bool IsAligned(Address a, Bytes alignment) { return (a.value & (alignment.value - 1)) == 0; }

// The kernel's first choice is often aligned, the boundary below it often free; both cost no
// address space beyond `size`, which counts where RLIMIT_AS is low.
Address MapAligned(Bytes size, Bytes alignment) {
  Address start = MapInaccessible(Address(), size, 0);
  if (start.value == 0 || IsAligned(start, alignment)) return start;
  Unmap(start, size);
  const Address below = RoundDown(start, alignment);
  if (below.value != 0) {
    start = MapInaccessible(below, size, 0);
    if (start == below) return start;
    if (start.value != 0) Unmap(start, size);
  }
  return MapAndTrim(size, alignment);
}

bool Protect(Address start, Bytes size, int protection) {
  return mprotect(PointerTo(start), size.value, protection) == 0;
}

// Inaccessible -> readable, writable and part of core files.
bool MakeWritable(Address start, Bytes size) {
  if (!Protect(start, size, kReadWrite)) return false;
  madvise(PointerTo(start), size.value, MADV_DODUMP);  // refused: it is missing there, no more
  return true;
}

bool Advise(Address start, Bytes size, int advice) {
  return madvise(PointerTo(start), size.value, advice) == 0;
}

// What is known of process_madvise, which takes many ranges at once. For a process's own memory it
// came late (6.13), without an open descriptor later still (6.14); asked once, without any range.
enum class Vectored : uint32_t { kUnknown, kYes, kNo };
constinit Atomic<Vectored> vectored{Vectored::kUnknown};

long AdviseVector(const iovec* ranges, size_t count) {
  return syscall(SYS_process_madvise, kPidfdSelf, ranges, count, MADV_DONTNEED, 0);
}

bool CanVector() {
  // Relaxed: each thread that asks gets the same answer.
  Vectored known = vectored.LoadRelaxed();
  if (known == Vectored::kUnknown) {
    known = AdviseVector(nullptr, 0) == 0 ? Vectored::kYes : Vectored::kNo;
    vectored.StoreRelaxed(known);
  }
  return known == Vectored::kYes;
}

// As many ranges as one call takes; returns how many from the first on were released. The kernel
// stops at one that it refuses.
size_t ReleaseRow(const MemoryRange* ranges, size_t count) {
  iovec row[kMostVectored];
  for (size_t i = 0; i < count; ++i) row[i] = {PointerTo(ranges[i].start), ranges[i].size.value};
  const long advised = AdviseVector(row, count);
  size_t left = advised > 0 ? static_cast<size_t>(advised) : 0;
  size_t done = 0;
  for (; done < count && ranges[done].size.value <= left; ++done) left -= ranges[done].size.value;
  return done;
}

// A byte for each OS page, asked for in pieces.
Bytes CountResident(Address start, Bytes size) {
  constexpr size_t kPiece = 1024;
  unsigned char resident[kPiece];
  Bytes found;
  while (size.value != 0) {
    const Bytes piece = std::min(size, PageSize() * kPiece);
    if (mincore(PointerTo(start), piece.value, resident) != 0) return Bytes(0);
    for (size_t i = 0; i < piece / PageSize(); ++i) found += PageSize() * (resident[i] & 1U);
    start += piece;
    size -= piece;
  }
  return found;
}

// Ready or Reserved -> Reserved. A fresh mapping over the old one: mprotect would keep the charge.
bool Drop(Address start, Bytes size) {
  if (MapInaccessible(start, size, MAP_FIXED) == Address()) return false;
  KeepFromDumps(start, size);
  return true;
}

bool ResizeInPlace(Address start, Bytes old_size, Bytes new_size) {
  if (new_size > old_size) return MakeWritable(start + old_size, new_size - old_size);
  return new_size == old_size || Drop(start + new_size, old_size - new_size);
}

// A place below `target` for as many bytes, where page tables can be handed over whole; 0: none
// comes to mind.
Address PlaceBefore(Address target, Address start, Bytes size) {
  constexpr Bytes kWholeTable = 2_MiB;
  if (target.value < 2 * (size + kWholeTable).value) return Address();
  const Address place = RoundDown(target - size, kWholeTable);
  return place < start + size && start < place + size ? Address() : place;
}

// Stays mapped (empty) at the source, so no other thread's mapping can land in it. A move to where
// nothing is, is refused as a whole: by limits, by kernels that cannot do that, of a range that has
// been split into several mappings. One onto a mapping takes that away before it is refused: so it
// comes second, when it is that of one mapping, which takes nothing that limits count.
bool MoveOnto(Address start, Bytes size, Address target) {
  void* const between =
      mremap(PointerTo(start), size.value, size.value, MREMAP_MAYMOVE | kMremapDontUnmap,
             PointerTo(PlaceBefore(target, start, size)));
  if (between == MAP_FAILED) return false;
  void* const p =
      mremap(between, size.value, size.value, MREMAP_MAYMOVE | MREMAP_FIXED, PointerTo(target));
  SPANHEAP_CHECK(p == PointerTo(target) && "a mapping moves onto another");
  return true;
}

bool Move(Address start, Bytes old_size, Bytes new_size, Address target) {
  const Bytes moved = std::min(old_size, new_size);
  const Bytes added = new_size - moved;
  if (added.value != 0 && !MakeWritable(target + moved, added)) return false;
  if (!MoveOnto(start, moved, target)) {
    if (added.value != 0) Drop(target + moved, added);
    return false;
  }
  // Cannot be refused for the number of mappings: it replaces a mapping by another. Should it be
  // all the same, the range is ours, empty and merely accessible.
  if (!Drop(start, old_size)) Protect(start, old_size, PROT_NONE);
  return true;
}

class KernelMemory final : public Memory {
 public:
  SPANHEAP_AT_START Address Reserve(Bytes size, Bytes alignment, const char* name) override {
    KeepErrno keep;
    SPANHEAP_CHECK(IsPowerOfTwo(alignment.value));
    SPANHEAP_CHECK(size.value != 0 && IsAligned(Address(size.value), PageSize()));
    if (RefusedForTest()) return Address();
    const Address start = MapAligned(size, std::max(alignment, PageSize()));
    if (start == Address()) return start;
    KeepFromDumps(start, size);
    if (name != nullptr) {
      prctl(kSetVma, kSetVmaAnonName, start.value, size.value, name);
    }
    return start;
  }

  SPANHEAP_AT_START bool AllowReading(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return !RefusedForTest() && Protect(start, size, PROT_READ);
  }

  SPANHEAP_AT_START bool MakeReady(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return !RefusedForTest() && MakeWritable(start, size);
  }

  bool Release(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Advise(start, size, MADV_DONTNEED);
  }

  void ReleaseMany(const MemoryRange* ranges, size_t count, bool* released) override {
    KeepErrno keep;
    for (size_t i = 0; i < count; ++i) CheckRange(ranges[i].start, ranges[i].size);
    const bool in_rows = count > 1 && CanVector();
    for (size_t i = 0; i < count;) {
      const size_t row = in_rows ? ReleaseRow(ranges + i, std::min(count - i, kMostVectored)) : 0;
      std::fill(released + i, released + i + row, true);
      i += row;
      if (i == count) break;
      // The next one was refused, or the row was full: alone it is tried once more.
      released[i] = Advise(ranges[i].start, ranges[i].size, MADV_DONTNEED);
      ++i;
    }
  }

  bool ReleaseLazily(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Advise(start, size, MADV_FREE) || Advise(start, size, MADV_DONTNEED);
  }

  bool MakeInaccessible(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Drop(start, size);
  }

  bool AdviseHuge(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Advise(start, size, MADV_HUGEPAGE);
  }

  bool AdviseOrdinary(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Advise(start, size, MADV_NOHUGEPAGE);
  }

  bool Collapse(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return Advise(start, size, kAdviseCollapse);
  }

  Bytes ResidentIn(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    return CountResident(start, size);
  }

  uint64_t TouchFirst_ns(Address start) override {
    const uint64_t before = MonotonicNow_ns();
    *PointerTo<volatile char>(start) = 0;
    return MonotonicNow_ns() - before;
  }

  MemoryState ReadState() override { return ReadMemoryState(); }

  Address Resize(Address start, Bytes old_size, Bytes new_size, Address target) override {
    KeepErrno keep;
    CheckRange(start, old_size);
    CheckRange(target.value == 0 ? start : target, new_size);
    if (RefusedForTest()) return Address();
    if (target.value == 0) return ResizeInPlace(start, old_size, new_size) ? start : Address();
    SPANHEAP_CHECK(target + new_size <= start || start + old_size <= target);
    return Move(start, old_size, new_size, target) ? target : Address();
  }

  void Unreserve(Address start, Bytes size) override {
    KeepErrno keep;
    CheckRange(start, size);
    Unmap(start, size);
  }
};

constinit KernelMemory kernel_memory;

}  // namespace

SPANHEAP_AT_START Memory& TheMemory() { return kernel_memory; }

void RefuseMemoryAfterForTest(int64_t n) { calls_until_refusal.StoreSequential(n); }
void RefuseMemoryOnceForTest(int64_t n) { calls_until_refusal.StoreSequential(-n); }
bool IsRefusalDueForTest() { return calls_until_refusal.LoadSequential() != 0; }

}  // namespace spanheap::os

// What the compiler puts into the table of an abstract class in place of each missing function. The
// C++ library's copy would tie the core to that library. Here, since this file is always linked.
extern "C" [[noreturn]] __attribute__((visibility("hidden"))) void __cxa_pure_virtual() {
  spanheap::FatalInternal("pure virtual call", __FILE_NAME__, __LINE__);
}
