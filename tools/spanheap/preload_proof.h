// SPDX-License-Identifier: MIT
//
// PreloadProof: evidence from a process's mappings that a library was preloaded into it.
//
// Idea. The dynamic linker is done with preloaded libraries before it maps what the program needs.
//       So the mappings tell as soon as libc is among them, and not before: a library that the
//       linker is about to refuse is mapped for a moment, too. Looking is worth while from exec
//       until then: closely at first, so that a program of a millisecond is caught, then more and
//       more seldom.
// Cost. A few readings of /proc/PID/maps in the first milliseconds of a program, then none.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace spanheap::tools {

enum class PreloadProof {
  kUnknown,  // no evidence was seen
  kMapped,   // the library is mapped beside the C library
  kAbsent,   // the C library is mapped without it
};

class ProofSearch {
 public:
  // `library` is the path that the kernel lists: absolute, without links.
  ProofSearch(pid_t pid, const std::string& library) : pid_(pid), library_(library) {}

  PreloadProof found() const { return found_; }
  // True while another look may tell more.
  bool is_open() const { return found_ == PreloadProof::kUnknown && waited_ < kGiveUpAfter; }

  // Reads the mappings as they are now. A process that has ended shows none.
  void Look();
  // ns to wait before the next look.
  int64_t NextPause();

 private:
  struct Mappings {
    bool has_library = false;
    bool has_libc = false;
  };
  Mappings Read() const;

  static constexpr int64_t kMicrosecond = 1000;
  static constexpr int64_t kMillisecond = 1000 * kMicrosecond;
  // From exec to the first mapping is well under a millisecond; a slow disk gets its seconds.
  static constexpr int64_t kFirstPause = 20 * kMicrosecond;
  static constexpr int64_t kCloselyFor = 10 * kMillisecond;
  static constexpr int64_t kLongestPause = 50 * kMillisecond;
  static constexpr int64_t kGiveUpAfter = 20'000 * kMillisecond;

  pid_t pid_;
  std::string library_;
  PreloadProof found_ = PreloadProof::kUnknown;
  int64_t pause_ = kFirstPause;
  int64_t waited_ = 0;  // ns, the sum of the pauses
};

}  // namespace spanheap::tools
