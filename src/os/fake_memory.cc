// SPDX-License-Identifier: MIT
#include "os/fake_memory.h"

#include <algorithm>

#include "base/bits.h"
#include "base/check.h"
#include "os/futex.h"

namespace spanheap::os {
namespace {

void CheckAligned(Address start, Bytes size) {
  const size_t mask = PageSize().value - 1;
  SPANHEAP_CHECK(start.value != 0 && size.value != 0);
  SPANHEAP_CHECK(((start.value | size.value) & mask) == 0);
}

}  // namespace

class FakeMemory::Guard {
 public:
  explicit Guard(const FakeMemory& memory) : mutex_(memory.mutex_) { pthread_mutex_lock(&mutex_); }
  ~Guard() { pthread_mutex_unlock(&mutex_); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

FakeMemory::~FakeMemory() {
  if (!is_backed()) return;
  states_.ForEach([](Address start, Bytes size) { TheMemory().Unreserve(start, size); });
}

Address FakeMemory::Reserve(Bytes size, Bytes alignment, const char* name) {
  Guard guard(*this);
  ++calls_.reserve;
  SPANHEAP_CHECK(IsPowerOfTwo(alignment.value));
  SPANHEAP_CHECK(size.value != 0 && (size.value & (PageSize().value - 1)) == 0);
  const Bytes held = reserved_bytes() + ready_bytes();
  if (IsRefused() || held >= address_space_ || size > address_space_ - held) return Address();
  const Address start = Place(size, std::max(alignment, PageSize()), name);
  if (start.value == 0) return start;
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kNone));
  states_.Set(start, size, RangeState::kReserved);
  return start;
}

Address FakeMemory::Place(Bytes size, Bytes alignment, const char* name) {
  if (is_backed()) return TheMemory().Reserve(size, alignment, name);
  const Address start = RoundUp(next_, alignment);
  if (start < next_ || start + size < start) return Address();
  next_ = start + size + PageSize();  // reservations never touch: none is taken for part of another
  return start;
}

bool FakeMemory::AllowReading(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.allow_reading;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReserved) && "AllowReading: not Reserved");
  return !IsRefused() && (!is_backed() || TheMemory().AllowReading(start, size));
}

bool FakeMemory::MakeReady(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.make_ready;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReserved) && "MakeReady: not Reserved");
  if (IsRefused() || IsOverCommitted(size)) return false;
  if (is_backed() && !TheMemory().MakeReady(start, size)) return false;
  states_.Set(start, size, RangeState::kReady);
  return true;
}

bool FakeMemory::Release(Address start, Bytes size) {
  if (const uint64_t duration_ns = release_ns_.LoadAcquire(); duration_ns != 0) {
    SleepFor_ns(duration_ns);
  }
  Guard guard(*this);
  ++calls_.release;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReady) && "Release: not Ready");
  if (locked_ || (is_backed() && !TheMemory().Release(start, size))) return false;
  calls_.released += size;
  return true;
}

void FakeMemory::ReleaseMany(const MemoryRange* ranges, size_t count, bool* released) {
  for (size_t i = 0; i < count; ++i) released[i] = Release(ranges[i].start, ranges[i].size);
}

bool FakeMemory::ReleaseLazily(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.release_lazily;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReady) && "ReleaseLazily: not Ready");
  if (locked_ || (is_backed() && !TheMemory().ReleaseLazily(start, size))) return false;
  calls_.released += size;
  return true;
}

bool FakeMemory::MakeInaccessible(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.make_inaccessible;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReady) && "MakeInaccessible: not Ready");
  if (is_backed() && !TheMemory().MakeInaccessible(start, size)) return false;
  states_.Set(start, size, RangeState::kReserved);
  ForgetAdvice(start, size);
  return true;
}

bool FakeMemory::AdviseHuge(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.advise_huge;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsKnown(start, size) && "AdviseHuge: not ours");
  if (refuses_advice_) return false;
  huge_.Set(start, size, RangeState::kReady);
  ordinary_.Set(start, size, RangeState::kNone);
  if (is_backed()) TheMemory().AdviseHuge(start, size);
  return true;
}

bool FakeMemory::AdviseOrdinary(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.advise_ordinary;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsKnown(start, size) && "AdviseOrdinary: not ours");
  if (refuses_advice_) return false;
  huge_.Set(start, size, RangeState::kNone);
  ordinary_.Set(start, size, RangeState::kReady);
  if (is_backed()) TheMemory().AdviseOrdinary(start, size);
  return true;
}

bool FakeMemory::Collapse(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.collapse;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsAll(start, size, RangeState::kReady) && "Collapse: not Ready");
  return !refuses_advice_;
}

Bytes FakeMemory::ResidentIn(Address start, Bytes size) {
  Guard guard(*this);
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsKnown(start, size) && "ResidentIn: not ours");
  return Bytes(size.value * resident_percent_ / 100);
}

uint64_t FakeMemory::TouchFirst_ns(Address start) {
  Guard guard(*this);
  ++calls_.first_touches;
  SPANHEAP_CHECK(states_.At(start) == RangeState::kReady && "TouchFirst: not Ready");
  return touch_ns_;
}

MemoryState FakeMemory::ReadState() {
  Guard guard(*this);
  return state_;
}

bool FakeMemory::IsAdvisedHuge(Address a) const {
  Guard guard(*this);
  return huge_.At(a) == RangeState::kReady;
}

bool FakeMemory::IsAdvisedOrdinary(Address a) const {
  Guard guard(*this);
  return ordinary_.At(a) == RangeState::kReady;
}

Address FakeMemory::Resize(Address start, Bytes old_size, Bytes new_size, Address target) {
  Guard guard(*this);
  ++calls_.resize;
  const bool moves = target.value != 0;
  CheckAligned(start, old_size);
  CheckAligned(moves ? target : start, new_size);
  SPANHEAP_CHECK(states_.IsAll(start, old_size, RangeState::kReady) && "Resize: not Ready");
  const Address need = moves ? target : start + old_size;
  const Bytes need_size = moves ? new_size : std::max(new_size, old_size) - old_size;
  SPANHEAP_CHECK((need_size.value == 0 || states_.IsAll(need, need_size, RangeState::kReserved)) &&
                 "Resize: the place it grows into is not Reserved");
  if (IsRefused()) return Address();
  if (IsOverCommitted(std::max(new_size, old_size) - old_size)) return Address();
  if (is_backed()) {
    const Address now = TheMemory().Resize(start, old_size, new_size, target);
    if (now.value == 0) return now;
  }
  states_.Set(start, old_size, RangeState::kReserved);
  const Address now = moves ? target : start;
  states_.Set(now, new_size, RangeState::kReady);
  return now;
}

void FakeMemory::Unreserve(Address start, Bytes size) {
  Guard guard(*this);
  ++calls_.unreserve;
  CheckAligned(start, size);
  SPANHEAP_CHECK(states_.IsKnown(start, size) && "Unreserve: not ours");
  if (is_backed()) TheMemory().Unreserve(start, size);
  states_.Set(start, size, RangeState::kNone);
  ForgetAdvice(start, size);
}

// A fresh mapping has none.
void FakeMemory::ForgetAdvice(Address start, Bytes size) {
  huge_.Set(start, size, RangeState::kNone);
  ordinary_.Set(start, size, RangeState::kNone);
}

void FakeMemory::RefuseOnly(uint64_t n) {
  Guard guard(*this);
  until_refusal_ = n;
  refuses_all_after_ = false;
}

void FakeMemory::RefuseFrom(uint64_t n) {
  Guard guard(*this);
  until_refusal_ = n;
  refuses_all_after_ = true;
}

RangeState FakeMemory::StateAt(Address a) const {
  Guard guard(*this);
  return states_.At(a);
}

bool FakeMemory::IsOverCommitted(Bytes more) const {
  const Bytes ready = states_.Total(RangeState::kReady);
  return more.value != 0 && (ready >= commit_limit_ || more > commit_limit_ - ready);
}

bool FakeMemory::IsRefused() {
  if (until_refusal_ == 0) return false;
  if (until_refusal_ > 1) {
    --until_refusal_;
    return false;
  }
  if (!refuses_all_after_) until_refusal_ = 0;
  ++calls_.refused;
  return true;
}

}  // namespace spanheap::os
