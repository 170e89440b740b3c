// SPDX-License-Identifier: MIT
//
// FakeMemory: os::Memory for tests. It knows the state of every address, dies on a transition that
// os/memory.h does not allow, counts the calls, and refuses on demand.
//
// Idea.       Without backing, addresses are made up: terabytes can be reserved and readied, and
//             nothing may be read or written there. With the kernel behind it, each call that the
//             model allows is carried out by TheMemory(), so the ranges can be used.
// Invariants. States change only by calls that succeed. With the kernel, it and the model agree.
// Threads.    Any; one lock around everything.
// Fails.      Check failures name the broken rule.
// Tests.      tests/os/fake_memory_test.cc.
#pragma once

#include <pthread.h>

#include "os/memory.h"
#include "os/range_states.h"

namespace spanheap::os {

class FakeMemory final : public Memory {
 public:
  enum class Backing { kNone, kKernel };
  // Calls, and bytes where a size goes with them. Refused calls count as calls.
  struct Calls {
    uint64_t reserve = 0;
    uint64_t allow_reading = 0;
    uint64_t make_ready = 0;
    uint64_t release = 0;
    uint64_t release_lazily = 0;
    uint64_t make_inaccessible = 0;
    uint64_t advise_huge = 0;
    uint64_t resize = 0;
    uint64_t unreserve = 0;
    uint64_t refused = 0;
    Bytes released;  // by both kinds of release, those that succeeded

    // The calls that RefuseOnly and RefuseFrom count.
    uint64_t refusable() const { return reserve + allow_reading + make_ready + resize; }
  };
  // Room for a 47-bit address space above it.
  static constexpr Address kFirst{uintptr_t{1} << 44};

  // Made-up reservations lie one behind the other from `first` on, aligned as asked.
  explicit FakeMemory(Backing backing, Address first = kFirst) : backing_(backing), next_(first) {}
  // Gives what a test left reserved back to the kernel.
  ~FakeMemory();

  Address Reserve(Bytes size, Bytes alignment, const char* name) override;
  bool AllowReading(Address start, Bytes size) override;
  bool MakeReady(Address start, Bytes size) override;
  bool Release(Address start, Bytes size) override;
  bool ReleaseLazily(Address start, Bytes size) override;
  void ReleaseMany(const MemoryRange* ranges, size_t count, bool* released) override;
  bool MakeInaccessible(Address start, Bytes size) override;
  void AdviseHuge(Address start, Bytes size) override;
  Address Resize(Address start, Bytes old_size, Bytes new_size, Address target) override;
  void Unreserve(Address start, Bytes size) override;

  // The n-th Reserve, AllowReading, MakeReady or Resize from now on is refused, alone or with all
  // after it. 0: none is.
  void RefuseOnly(uint64_t n);
  void RefuseFrom(uint64_t n);
  // Reserve refuses whatever would take the sum of reservations over `limit`, as RLIMIT_AS does.
  void set_address_space(Bytes limit) { address_space_ = limit; }
  // Release is refused, as it is for locked pages.
  void set_locked(bool locked) { locked_ = locked; }

  const Calls& calls() const { return calls_; }
  RangeState StateAt(Address a) const;
  Bytes reserved_bytes() const { return states_.Total(RangeState::kReserved); }
  Bytes ready_bytes() const { return states_.Total(RangeState::kReady); }
  // Separate ranges of one state each: what the kernel would count as mappings.
  size_t range_count() const { return states_.range_count(); }

 private:
  class Guard;

  bool IsRefused();
  Address Place(Bytes size, Bytes alignment, const char* name);
  bool is_backed() const { return backing_ == Backing::kKernel; }

  const Backing backing_;
  Address next_;  // where the next made-up reservation may start
  Bytes address_space_{~size_t{0}};
  bool locked_ = false;
  bool refuses_all_after_ = false;
  uint64_t until_refusal_ = 0;  // refusable calls until the refused one, it included; 0: none
  Calls calls_;
  RangeStates states_;
  mutable pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

}  // namespace spanheap::os
