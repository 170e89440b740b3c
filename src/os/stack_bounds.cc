// SPDX-License-Identifier: MIT
#include "os/stack_bounds.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/bits.h"
#include "os/keep_errno.h"
#include "os/memory.h"
#include "os/service_thread.h"
#include "os/small_file.h"

namespace spanheap::os {
namespace {

// A first stack without a limit: how far below its high end an address may be and still be its.
constexpr uintptr_t kLongestStack = uintptr_t{1} << 30;

struct Mapping {
  uintptr_t low = 0;
  uintptr_t high = 0;
};

// Reads "low-high ..." lines byte by byte: lines may be longer than any buffer.
class MapsReader {
 public:
  bool Next(Mapping& mapping) {
    mapping = {};
    char c = 0;
    if (!ReadHex(mapping.low, c) || c != '-' || !ReadHex(mapping.high, c)) return false;
    while (c != '\n' && Get(c)) {}
    return true;
  }

 private:
  bool Get(char& c) {
    if (at_ == size_) {
      const long n = file_.Read(buffer_, sizeof buffer_);
      if (n <= 0) return false;
      size_ = n;
      at_ = 0;
    }
    c = buffer_[at_++];
    return true;
  }
  bool ReadHex(uintptr_t& value, char& c) {
    while (Get(c)) {
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<uintptr_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        value = value * 16 + static_cast<uintptr_t>(c - 'a') + 10;
      } else {
        return true;
      }
    }
    return false;
  }

  SmallFile file_{"/proc/self/maps"};
  char buffer_[1024];
  long at_ = 0;
  long size_ = 0;
};

uintptr_t StackLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur > kLongestStack) return kLongestStack;
  return limit.rlim_cur;
}

// As if the stack that holds `here` were the first thread's.
StackBounds FromMaps(uintptr_t here) {
  MapsReader maps;
  Mapping mapping;
  uintptr_t below = 0;  // end of the mapping before
  while (maps.Next(mapping)) {
    if (here >= mapping.high) {
      below = mapping.high;
      continue;
    }
    if (here < mapping.low) break;
    const uintptr_t reach = mapping.high - StackLimit();
    uintptr_t low = reach < mapping.low ? reach : mapping.low;
    if (low < below) low = below;
    return {Address(low), Address(mapping.high)};
  }
  return {};
}

// Looks at whole pages; what it is told of each does not matter here.
bool IsMapped(uintptr_t low, uintptr_t high) {
  unsigned char residency[64];
  const uintptr_t step = sizeof residency * PageSize().value;
  for (uintptr_t at = low; at < high; at += step) {
    const uintptr_t size = high - at < step ? high - at : step;
    if (mincore(PointerTo(Address(at)), size, residency) != 0) return false;
  }
  return true;
}

// The kernel reads a signal mask there before it finds that there is no such change of one.
bool IsReadable(uintptr_t page) {
  constexpr int kNoSuchChange = -1;
  constexpr size_t kMaskBytes = 8;
  return syscall(SYS_rt_sigprocmask, kNoSuchChange, page, nullptr, kMaskBytes) != 0 &&
         errno != EFAULT;
}

StackBounds FromLibc() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  size_t size = 0;
  const bool known = pthread_attr_getstack(&attributes, &low, &size) == 0;
  pthread_attr_destroy(&attributes);
  return known ? StackBounds{AddressOf(low), AddressOf(low) + Bytes(size)} : StackBounds{};
}

}  // namespace

// The high end is right. Only the first thread's stack grows, and without a limit it could do so
// down to the next mapping, of which there may be more later.
StackBounds CallingThreadStack() {
  KeepErrno keep;
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  StackBounds bounds = FromLibc();
  if (bounds.high == Address()) return FromMaps(here);
  if (!IsFirstThread()) return bounds;
  const Address longest(bounds.high.value - kLongestStack);
  if (bounds.low.value < longest.value) bounds.low = longest;
  if (bounds.Holds(here)) return bounds;
  const StackBounds grown{FromMaps(bounds.high.value - 1).low, bounds.high};
  return grown.Holds(here) ? grown : bounds;
}

Address LowestMapped(const StackBounds& stack) {
  KeepErrno keep;
  const uintptr_t page = PageSize().value;
  const uintptr_t high = RoundUp(stack.high.value, page);
  uintptr_t missing = RoundDown(stack.low.value, page);  // from here to high: not all is mapped
  uintptr_t mapped = high;                               // from here on all is
  if (IsMapped(missing, high)) return stack.low;
  while (mapped - missing > page) {
    const uintptr_t middle = missing + RoundDown((mapped - missing) / 2, page);
    (IsMapped(middle, mapped) ? mapped : missing) = middle;
  }
  return Address(mapped < stack.high.value ? mapped : stack.high.value);
}

Address HighestReadable(const StackBounds& stack) {
  KeepErrno keep;
  const uintptr_t page = PageSize().value;
  uintptr_t end = RoundDown(stack.low.value, page);
  while (end < stack.high.value && IsReadable(end)) end += page;
  return Address(end < stack.high.value ? end : stack.high.value);
}

}  // namespace spanheap::os
