// SPDX-License-Identifier: MIT
//
// Mapping: a stretch of another process's addresses, and what it is for.
//
// Tests. tests/tools/look_test.cc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace spanheap::look {

enum class MappingKind { kStack, kCode, kFile, kShared, kAnonymous, kBreak, kKernel };

struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;      // in the file
  uint64_t resident = 0;    // bytes; 0 where it is not known
  uint64_t huge = 0;        // of these, on huge pages
  uint64_t swapped = 0;     // bytes in swap
  std::string permissions;  // "rwxp", as the kernel writes them
  std::string name;         // a path, "[stack]", "[anon:spanheap pages]" or nothing

  uint64_t size() const { return end - start; }
};

const char* LabelOf(MappingKind kind);

// Thread stacks are anonymous: `stack_pointers` (sorted) tell them.
MappingKind KindOf(const Mapping& mapping, const std::vector<uint64_t>& stack_pointers);

// The mappings of a process with what is resident of each (/proc/PID/smaps), by address. Throws
// std::runtime_error: no such process, no permission.
std::vector<Mapping> ReadMappings(pid_t pid);
// The same without what is resident, which is quick.
std::vector<Mapping> ReadMappingsOnly(pid_t pid);

// Where the threads of a process have their stack pointers now, sorted; those that run on a
// processor at the moment do not tell.
std::vector<uint64_t> ReadStackPointers(pid_t pid);

}  // namespace spanheap::look
