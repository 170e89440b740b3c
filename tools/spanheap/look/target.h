// SPDX-License-Identifier: MIT
//
// Target: what the user points at, a running process or a core file, opened for looking.
//
// Fails. std::runtime_error with one line: neither a process nor a core file, no permission, no
//        heap of ours, another version, damaged structures.
// Tests. tests/tools/explain_test.py.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "spanheap/look/account.h"
#include "spanheap/look/core_file.h"
#include "spanheap/look/damage.h"
#include "spanheap/look/heap_reader.h"
#include "spanheap/look/locked_memory.h"
#include "spanheap/look/process_memory.h"

namespace spanheap::look {

struct LookOptions {
  bool stops = false;           // hold the process still meanwhile
  bool reads_mappings = true;   // say where all other memory is, too
  bool reads_residency = true;  // say what is resident of each category
  unsigned readings = 2;        // of a running process: for the bounds
  double longest_s = 1;         // after that no further reading, however unsound they are
};

// A value as two readings of a running process gave it.
struct Bounds {
  uint64_t low = 0;
  uint64_t high = 0;
};

// What was seen, at one moment.
struct Look {
  std::string source;   // "redis-server (process 123)"
  std::string library;  // its version
  std::string program;
  pid_t pid = 0;
  bool is_core = false;
  bool was_stopped = false;
  double seconds = 0;  // since the epoch
  HeapImage image;
  std::unique_ptr<HeapMap> map;  // of the image
  Account account;
  LockedMemory locked;                     // not known of a core file
  Residency residency;                     // nothing is known where it was not asked for
  std::array<Bounds, kCategories> bounds;  // of what is mapped
};

class Target {
 public:
  // A process id, or the path of a core file.
  explicit Target(const std::string& name);
  explicit Target(pid_t pid);

  Look Take(const LookOptions& options) const;
  bool is_core() const { return core_ != nullptr; }
  pid_t pid() const { return pid_; }
  const std::string& program() const { return program_; }
  const std::string& source() const { return source_; }
  const Memory& memory() const;
  const RootReader& root() const { return *root_; }
  // False once the process has ended or become another program.
  bool IsStillThere() const;
  // Throws std::runtime_error: the same with the target's name.
  [[noreturn]] void FailDamaged(const Damaged& damage) const;

 private:
  void OpenProcess(pid_t pid);
  void OpenCore(const std::string& path);
  Look TakeAny(const LookOptions& options) const;
  Look TakeStill(const LookOptions& options) const;
  Look TakeMoving(const LookOptions& options) const;
  void ReadOnce(const LookOptions& options, Look& look) const;

  pid_t pid_ = 0;
  pid_t task_ = 0;  // the one that leads to its memory
  std::string program_;
  std::string source_;
  std::unique_ptr<CoreFile> core_;
  std::unique_ptr<ProcessMemory> process_;
  std::unique_ptr<RootReader> root_;
};

// Resident bytes of a process as the kernel counts them; 0: it is gone.
uint64_t ResidentOf(pid_t pid);

}  // namespace spanheap::look
