// SPDX-License-Identifier: MIT
//
// os::Memory: the states an address range can be in, and the only calls that change them.
//
// Picture.     None --Reserve--> Reserved --MakeReady--> Ready --Release--> Ready, not backed
//              Ready --MakeInaccessible--> Reserved        any --Unreserve--> None
// Invariants.  A freshly readied range and a range whose Release returned true read as zero.
//              Ranges are aligned to the OS page at both ends (checked).
//              No call ever leaves a hole in a reservation into which another mapping could fall.
// Threads.     Any thread, no lock held: every call may be a system call.
// Fails.       A refused call returns null or false and changes nothing; errno is preserved.
// Go.          mem.go, mem_linux.go: sysReserve/sysMap/sysUsed/sysUnused/sysFree.
// Tests.       tests/os; os/fake_memory.h is the model that refuses on demand.
#pragma once

#include "base/units.h"
#include "os/huge_page_settings.h"

namespace spanheap::os {

struct MemoryRange {
  Address start;
  Bytes size;
};

class Memory {
 public:
  // Inaccessible address space that costs no memory, its start a multiple of `alignment` (a power
  // of two). `name` is shown in the process's maps where the kernel can. Null when refused.
  virtual Address Reserve(Bytes size, Bytes alignment, const char* name) = 0;
  // Lets a Reserved range be read, as zero, at no charge and without backing; it stays Reserved
  // otherwise. False when refused.
  virtual bool AllowReading(Address start, Bytes size) = 0;
  // Reserved -> Ready: readable, writable, zero, not yet backed.
  virtual bool MakeReady(Address start, Bytes size) = 0;
  // Gives the backing of a Ready range back at once (MADV_DONTNEED): true means it is not resident
  // and reads as zero; false (locked pages) means that nothing is promised of its content.
  virtual bool Release(Address start, Bytes size) = 0;
  // As Release, but lazily (MADV_FREE): the content is undefined afterwards.
  virtual bool ReleaseLazily(Address start, Bytes size) = 0;
  // Release of many ranges, in one system call where the kernel can; `released` tells of each.
  virtual void ReleaseMany(const MemoryRange* ranges, size_t count, bool* released) = 0;
  // Ready -> Reserved: content and commit charge are dropped.
  virtual bool MakeInaccessible(Address start, Bytes size) = 0;
  // Asks for huge pages in a Reserved or Ready range: to be called before first touch, and good for
  // every later one. False: refused (the kernel has none), nothing has changed.
  virtual bool AdviseHuge(Address start, Bytes size) = 0;
  // Asks for ordinary pages there from now on; huge ones that are there stay. False: refused.
  virtual bool AdviseOrdinary(Address start, Bytes size) = 0;
  // Gathers what is in a Ready range into huge pages at once; milliseconds for each, so never where
  // somebody waits. False: refused, or no huge page could be had for some part.
  virtual bool Collapse(Address start, Bytes size) = 0;
  // How much of a range the process holds memory for; 0 too when the kernel does not tell.
  virtual Bytes ResidentIn(Address start, Bytes size) = 0;
  // Writes a zero to the first byte of a Ready range nobody uses, and returns how long that took.
  virtual uint64_t TouchFirst_ns(Address start) = 0;
  virtual MemoryState ReadState() = 0;
  // Changes the size of the Ready range at `start`. With a null target, in place: the bytes behind
  // it up to the new end must be Reserved and become Ready (zero), or the tail becomes Reserved.
  // Else the content moves to `target`, where new_size bytes must be Reserved, and the whole old
  // range becomes Reserved; nothing is copied. Returns the new start, or null with nothing changed
  // (the mover then copies).
  virtual Address Resize(Address start, Bytes old_size, Bytes new_size, Address target) = 0;
  // Any state -> None.
  virtual void Unreserve(Address start, Bytes size) = 0;

 protected:
  ~Memory() = default;
};

// The kernel's memory. Constant-initialised: usable before any constructor has run.
Memory& TheMemory();

// For tests of what happens when memory runs out: the n-th Reserve, MakeReady or Resize from now
// on and all later ones are refused by TheMemory(), until this is called again. 0: none is.
void RefuseMemoryAfterForTest(int64_t n);
// The n-th alone is refused.
void RefuseMemoryOnceForTest(int64_t n);
// False: none will be, unless one of these is called again.
bool IsRefusalDueForTest();

// The OS page (4 KiB to 64 KiB), and the huge page (0: above 4 MiB) where the kernel has such.
Bytes PageSize();
Bytes HugePageSize();

}  // namespace spanheap::os
