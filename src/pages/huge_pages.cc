// SPDX-License-Identifier: MIT
#include "pages/huge_pages.h"

#include <algorithm>

#include "base/platform.h"
#include "layout/geometry.h"

namespace spanheap {

// Relaxed throughout: the settings, the mode, the end of a pause, the last trial and the counters
// stand for themselves.

void HugePages::Init(os::Memory& memory, const os::HugePageSettings& settings, Clock now_ns) {
  Init(memory, settings.size, nullptr, now_ns);
  Note(settings);
}

SPANHEAP_AT_START void HugePages::Init(os::Memory& memory, Bytes size, AskSettings ask,
                                       Clock now_ns) {
  memory_ = &memory;
  now_ns_ = now_ns;
  ask_ = ask;
  size_ = size;
  if (size.value == 0) Note({});
}

uint8_t HugePages::Note(const os::HugePageSettings& settings) {
  const auto noted = static_cast<uint8_t>(kAsked | (settings.are_possible() ? kPossible : 0) |
                                          (settings.come_unasked() ? kUnasked : 0));
  settings_.StoreRelaxed(noted);
  return noted;
}

// Two threads may ask at once, and get the same answer.
HugePagePolicy::System HugePages::System() {
  uint8_t noted = settings_.LoadRelaxed();
  if (noted == 0) noted = Note(ask_());
  return {(noted & kPossible) != 0, (noted & kUnasked) != 0};
}

SPANHEAP_AT_START void HugePages::SetMode(HugePageMode mode) {
  mode_.StoreRelaxed(static_cast<uint8_t>(mode));
}

HugePageMode HugePages::mode() const { return static_cast<HugePageMode>(mode_.LoadRelaxed()); }

void HugePages::Pause() {
  paused_until_ns_.StoreRelaxed(now_ns_() + HugePagePolicy::kPause_ns);
  pauses_.FetchAddRelaxed(1);
}

// Of the machine and its control groups, and of the heap's own limits.
bool HugePages::IsPlentiful(Bytes step) const {
  const os::MemoryState state = memory_->ReadState();
  if (!HugePagePolicy::IsPlentiful(state.free, state.total, state.has_pressure, step)) return false;
  if (gauge_ == nullptr) return true;
  const uint64_t limit = std::min(gauge_->limit(), gauge_->ceiling());
  if (limit == MemoryGauge::kNone) return true;
  const uint64_t counted = std::min(gauge_->counted(), limit);
  return HugePagePolicy::HasRoom(Bytes(limit - counted), step);
}

bool HugePages::MayAdvise(Bytes step) {
  const HugePageMode mode = this->mode();
  const uint64_t paused_until_ns = paused_until_ns_.LoadRelaxed();
  const uint64_t now_ns = paused_until_ns == 0 ? 0 : now_ns_();
  if (!HugePagePolicy::MayAsk(mode, System(), now_ns, paused_until_ns)) return false;
  if (mode == HugePageMode::kEager) return true;
  if (IsPlentiful(step)) return true;
  Pause();
  return false;
}

bool HugePages::Advise(Address start, Bytes size, Address fresh) {
  if (!memory_->AdviseHuge(start, size)) {
    Pause();
    return false;
  }
  if (fresh == Address() || mode() != HugePageMode::kAuto || PassesTrial(fresh, start + size)) {
    advised_.FetchAddRelaxed(size.value);
    return true;
  }
  memory_->AdviseOrdinary(start, size);
  Pause();
  return false;
}

bool HugePages::TouchOne(Address start) {
  if (!memory_->AdviseHuge(start, size_)) {
    Pause();
    return false;
  }
  memory_->TouchFirst_ns(start);
  advised_.FetchAddRelaxed(size_.value);
  return true;
}

bool HugePages::PassesTrial(Address fresh, Address end) {
  using Trial = HugePagePolicy::Trial;
  for (Address at = fresh; at + size_ <= end; at = at + size_) {
    const uint64_t touch_ns = memory_->TouchFirst_ns(at);
    const Trial trial = HugePagePolicy::Judge(touch_ns, was_slow_.LoadRelaxed());
    was_slow_.StoreRelaxed(!HugePagePolicy::IsFast(touch_ns));
    if (trial != Trial::kTryAnother) return trial == Trial::kKeep;
  }
  return false;
}

// Before the settings are known it is said in any case: that costs a tenth of asking.
void HugePages::LeaveOrdinary(Address start, Bytes size) {
  if (settings_.LoadRelaxed() == 0 ||
      HugePagePolicy::Otherwise(System()) == HugePageAdvice::kOrdinary) {
    memory_->AdviseOrdinary(start, size);
  }
}

// ---- growth

SPANHEAP_AT_START void HugeGrowth::Init(os::Memory& memory, HugePages* pages) {
  memory_ = &memory;
  pages_ = pages;
}

bool HugeGrowth::IsSampleDense() const {
  const Sample& sample = huge_steps_ > 0 ? last_ : before_;
  if (sample.size.value == 0) return false;
  return HugePagePolicy::IsDense(memory_->ResidentIn(sample.start, sample.size), sample.size);
}

HugeGrowth::Step HugeGrowth::Next(Bytes grown, Bytes needed, Bytes usual) {
  if (pages_ == nullptr) return Step::kUsual;
  const bool is_eager = pages_->mode() == HugePageMode::kEager;
  if (!is_eager && grown < HugePagePolicy::kOrdinaryStart) return Step::kUsual;
  if (pages_->Unit().value == 0) return Step::kUsual;
  if (!is_eager) {
    if (!IsSampleDense()) return Step::kUsual;
    if (HugePagePolicy::IsSampleDue(huge_steps_, needed)) return Step::kSample;
  }
  const Bytes step = std::max(usual, HugePagePolicy::kStep);
  return pages_->MayAdvise(step) ? Step::kHuge : Step::kUsual;
}

void HugeGrowth::ApplyLater(Address start, Bytes size) {
  pages_->LeaveOrdinary(start, size);
  ++huge_steps_;
}

bool HugeGrowth::Apply(Step step, Address start, Bytes size) {
  if (pages_ == nullptr) return false;
  if (step == Step::kHuge && pages_->Advise(start, size, start)) {
    ++huge_steps_;
    return true;
  }
  if (step != Step::kHuge) pages_->LeaveOrdinary(start, size);
  before_ = last_;
  last_ = {start, std::min(size, kChunkSize)};
  huge_steps_ = 0;
  return false;
}

}  // namespace spanheap
