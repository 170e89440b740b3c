// SPDX-License-Identifier: MIT
//
// What the process is allowed: resource limits, overcommit policy, set-user-id, processors.
// Read with raw system calls (no stdio), each call anew unless it says otherwise.
#pragma once

#include "base/units.h"

namespace spanheap::os {

inline constexpr Bytes kUnlimited{~size_t{0}};

struct MemoryLimits {
  Bytes address_space;  // RLIMIT_AS
  Bytes data;           // RLIMIT_DATA
  Bytes locked;         // RLIMIT_MEMLOCK
};
MemoryLimits ReadMemoryLimits();
// vm.overcommit_memory is 2: what is writable is charged for, used or not. Reads a file.
bool IsOvercommitStrict();
// More than the memory and swap of the machine, and vm.overcommit_memory is 0: the kernel refuses
// to map that much writable memory at once, unless told that it shall not be charged for. Two
// system calls, or one.
bool IsObviousOvercommit(Bytes size);

// True when the process runs with more rights than its user (AT_SECURE): the environment is not
// to be trusted.
bool IsSecureProcess();
// What of the process is resident, as the kernel says; 0: it does not.
Bytes ResidentBytes();
// Processors this process may run on, at least 1.
unsigned ProcessorCount();
// True if membarrier's private expedited form can be used (registers for it once).
bool CanMembarrier();
// Every other running thread of the process passes a full barrier before this returns.
void Membarrier();

// Reads a small file (proc, sys, etc) whole into `buffer`; returns the bytes read, -1 if it
// cannot.
long ReadSmallFile(const char* path, char* buffer, size_t capacity);

}  // namespace spanheap::os
