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

#include "base/atomic.h"
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
    uint64_t advise_ordinary = 0;
    uint64_t collapse = 0;
    uint64_t first_touches = 0;
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
  bool AdviseHuge(Address start, Bytes size) override;
  bool AdviseOrdinary(Address start, Bytes size) override;
  bool Collapse(Address start, Bytes size) override;
  Bytes ResidentIn(Address start, Bytes size) override;
  uint64_t TouchFirst_ns(Address start) override;
  MemoryState ReadState() override;
  Address Resize(Address start, Bytes old_size, Bytes new_size, Address target) override;
  void Unreserve(Address start, Bytes size) override;

  // The n-th Reserve, AllowReading, MakeReady or Resize from now on is refused, alone or with all
  // after it. 0: none is.
  void RefuseOnly(uint64_t n);
  void RefuseFrom(uint64_t n);
  // Reserve refuses whatever would take the sum of reservations over `limit`, as RLIMIT_AS does.
  void set_address_space(Bytes limit) { address_space_ = limit; }
  // MakeReady and growing Resizes refuse what would take the sum of what is Ready over `limit`, as
  // the kernel does when vm.overcommit_memory is 2: Release gives nothing of it back.
  void set_commit_limit(Bytes limit) { commit_limit_ = limit; }
  // Release is refused, as it is for locked pages.
  void set_locked(bool locked) { locked_ = locked; }
  // Release takes so long, under a second.
  void set_release_ns(uint64_t duration_ns) { release_ns_.StoreRelease(duration_ns); }

  // What the three calls about advice answer from now on.
  void set_advice_is_refused(bool refused) { refuses_advice_ = refused; }
  // What ResidentIn, TouchFirst_ns and ReadState answer.
  void set_resident_percent(unsigned percent) { resident_percent_ = percent; }
  void set_touch_ns(uint64_t duration_ns) { touch_ns_ = duration_ns; }
  void set_state(const MemoryState& state) { state_ = state; }

  // What the last advice about an address was.
  bool IsAdvisedHuge(Address a) const;
  bool IsAdvisedOrdinary(Address a) const;
  const RangeStates& advised_huge() const { return huge_; }
  const Calls& calls() const { return calls_; }
  RangeState StateAt(Address a) const;
  Bytes reserved_bytes() const { return states_.Total(RangeState::kReserved); }
  Bytes ready_bytes() const { return states_.Total(RangeState::kReady); }
  // Separate ranges of one state each: what the kernel would count as mappings.
  size_t range_count() const { return states_.range_count(); }

 private:
  class Guard;

  bool IsRefused();
  bool IsOverCommitted(Bytes more) const;
  void ForgetAdvice(Address start, Bytes size);
  Address Place(Bytes size, Bytes alignment, const char* name);
  bool is_backed() const { return backing_ == Backing::kKernel; }

  const Backing backing_;
  Address next_;  // where the next made-up reservation may start
  Bytes address_space_{~size_t{0}};
  Bytes commit_limit_{~size_t{0}};
  bool locked_ = false;
  Atomic<uint64_t> release_ns_;
  bool refuses_all_after_ = false;
  uint64_t until_refusal_ = 0;  // refusable calls until the refused one, it included; 0: none
  Calls calls_;
  bool refuses_advice_ = false;
  unsigned resident_percent_ = 100;
  uint64_t touch_ns_ = 300'000;
  MemoryState state_{16_GiB, 15_GiB, false};
  RangeStates states_;
  RangeStates huge_;      // advised so, as kReady
  RangeStates ordinary_;  // advised so, as kReady
  mutable pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

}  // namespace spanheap::os
