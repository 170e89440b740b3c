// SPDX-License-Identifier: MIT
//
// ProcessMemory: a running process's bytes, read without its help by process_vm_readv.
//
// Fails. The constructor throws std::runtime_error with the reason in words: no such process, or
//        which rule forbids looking into it.
#pragma once

#include <sys/types.h>

#include "spanheap/look/memory.h"

namespace spanheap::look {

class ProcessMemory final : public Memory {
 public:
  // `probe` is an address that is known to be readable.
  ProcessMemory(pid_t pid, uint64_t probe);
  size_t ReadMany(std::span<const MemoryPiece> pieces) const override;
  uint64_t size_limit() const override;

 private:
  const pid_t pid_;
};

// Throws std::runtime_error that says why this process may not look into that one.
[[noreturn]] void FailForbidden(pid_t pid);

}  // namespace spanheap::look
