// SPDX-License-Identifier: MIT
//
// GapWatch: the longest time between two looks at the clock, by the thread itself: whatever keeps a
// thread from going on is in it.
//
// Idea.   On a virtual machine the host may take a processor away for tens of milliseconds: a loop
//         that does nothing but look at the clock has such gaps, too. The kernel counts that time
//         ("steal", proc(5)). So the longest gap is also told of those during which nothing was
//         taken from any processor, as far as ticks of 10 ms can tell.
//         Nothing of this is inlined but the count: a text of 256 bytes in the frame of a function
//         that calls itself would keep words of earlier calls, and so their objects.
// Cost.   A look at the clock at every 16th tick; the kernel is asked each 10 ms (some 20 us), and
//         at the end of a gap above 1 ms that is longer than those before.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "bench/harness/measure.h"

namespace spanheap::bench {

struct Gaps {
  std::uint64_t longest_ns = 0;
  std::uint64_t longest_unstolen_ns = 0;
  std::uint64_t above_ms = 0;  // longer than 1 ms

  void Add(const Gaps& more) {
    longest_ns = std::max(longest_ns, more.longest_ns);
    longest_unstolen_ns = std::max(longest_unstolen_ns, more.longest_unstolen_ns);
    above_ms += more.above_ms;
  }
};

// Ticks that the host took from all processors since the machine began; 0 where none are counted.
[[gnu::noinline]] inline std::uint64_t StolenTicks() {
  static const int file = open("/proc/stat", O_RDONLY | O_CLOEXEC);
  constexpr int kFieldsBefore = 7;  // user nice system idle iowait irq softirq
  char line[256];
  const ssize_t size = pread(file, line, sizeof line - 1, 0);
  if (size <= 0) return 0;
  line[size] = '\0';
  char* at = line + 3;  // behind "cpu"
  for (int i = 0; i < kFieldsBefore; ++i) std::strtoull(at, &at, 10);
  return std::strtoull(at, nullptr, 10);
}

class GapWatch {
 public:
  void Tick() {
    if (++ticks_ % kStride == 0) Look();
  }
  [[gnu::noinline]] void Look() {
    const auto now = static_cast<std::uint64_t>(WallNs());
    const std::uint64_t gap = last_ns_ != 0 ? now - last_ns_ : 0;
    last_ns_ = now;
    if (gap > gaps_.longest_ns) gaps_.longest_ns = gap;
    if (gap > kLong_ns) ++gaps_.above_ms;
    const bool may_be_unstolen = gap > gaps_.longest_unstolen_ns;
    if ((may_be_unstolen && gap > kLong_ns) || now - asked_ns_ > kAskEach_ns) {
      const std::uint64_t stolen = StolenTicks();
      if (may_be_unstolen && stolen == stolen_) gaps_.longest_unstolen_ns = gap;
      stolen_ = stolen;
      asked_ns_ = now;
    } else if (may_be_unstolen) {
      gaps_.longest_unstolen_ns = gap;
    }
  }
  void AddTo(Gaps& gaps) const { gaps.Add(gaps_); }

 private:
  static constexpr std::uint64_t kStride = 16;
  static constexpr std::uint64_t kLong_ns = 1'000'000;
  static constexpr std::uint64_t kAskEach_ns = 10'000'000;

  std::uint64_t ticks_ = 0;
  std::uint64_t last_ns_ = 0;
  std::uint64_t asked_ns_ = 0;
  std::uint64_t stolen_ = 0;
  Gaps gaps_;
};

}  // namespace spanheap::bench
