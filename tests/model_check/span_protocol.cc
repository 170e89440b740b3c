// SPDX-License-Identifier: MIT
#include "span_protocol.h"

#include <bit>

namespace spanheap::model {
namespace {

using Next = OwnershipWord::Next;

constexpr unsigned kClass = 1;
constexpr uint64_t kHeldBit = uint64_t{1} << 62;
constexpr uint64_t kListedBit = uint64_t{1} << 63;

// For faults that the word's own calls cannot commit: the one value it consists of.
Atomic<uint64_t>& RawWord(Span& span) {
  static_assert(sizeof(OwnershipWord) == sizeof(Atomic<uint64_t>));
  return reinterpret_cast<Atomic<uint64_t>&>(span.ownership);
}

uint32_t CountOf(uint64_t bits) { return static_cast<uint32_t>(std::popcount(bits)); }

}  // namespace

SpanProtocol::SpanProtocol(const Scenario& scenario, Fault fault, Events& events)
    : scenario_(scenario), fault_(fault), events_(events) {
  for (uint32_t i = 1; i <= SpanTable::kRecords; ++i) {
    Span& span = At(i);
    span.bits = &span.inline_bits;
    span.first = PageIndex(i);
    span.slots = static_cast<uint16_t>(scenario.slots);
    span.malloc_class = kClass;
  }
  if (scenario.live == 0) return;
  Take(0, scenario.live);
  Drop(0);
}

Program SpanProtocol::AsProgram() {
  Program program;
  program.shared = std::as_writable_bytes(std::span(&shared_, 1));
  // The list and, because it runs through them, the records; both lie at the start.
  program.guarded = program.shared.first(offsetof(Shared, truth));
  program.run = [this](unsigned thread) { Run(thread); };
  program.check = [this] { CheckAlways(); };
  program.check_end = [this] { CheckAtEnd(); };
  return program;
}

void SpanProtocol::Run(unsigned thread) {
  for (const Operation operation : scenario_.scripts[thread]) {
    if (operation == Operation::kEnd) return;
    Do(operation, thread);
    OperationEnds(shared_.held[thread]);
  }
}

void SpanProtocol::Do(Operation operation, unsigned thread) {
  switch (operation) {
    case Operation::kEnd:
      return;
    case Operation::kTakeOne:
      return Take(thread, 1);
    case Operation::kTakeTwo:
      return Take(thread, 2);
    case Operation::kDrop:
      return Drop(thread);
    case Operation::kReturnOne:
      return Return(thread, 1, false);
    case Operation::kReturnTwo:
      return Return(thread, 2, false);
    case Operation::kReturnHigh:
      return Return(thread, 1, true);
  }
}

void SpanProtocol::Take(unsigned thread, uint32_t want) {
  if (shared_.held[thread] == 0) {
    if (Span* span = shared_.list.Take(shared_.table)) {
      ++events_.popped;
      BecomeHolder(shared_.table.IndexOf(span), thread);
    } else {
      NewSpan(thread);
    }
  }
  KnowsOnly("holds a span", shared_.held[thread]);
  if (shared_.held[thread] != 0) TakeSlots(shared_.held[thread], want);
}

uint32_t SpanProtocol::NewSpan(unsigned thread) {
  Step();
  uint32_t index = 1;
  while (index <= SpanTable::kRecords && shared_.truth[index].is_span) ++index;
  if (index > SpanTable::kRecords) index = 0;
  Saw(index);
  if (index == 0) return 0;
  Truth& truth = shared_.truth[index];
  if (truth.was_span) ++events_.record_used_again;
  truth.is_span = truth.was_span = true;
  At(index).ownership.Begin(scenario_.slots);
  BecomeHolder(index, thread);
  return index;
}

void SpanProtocol::BecomeHolder(uint32_t index, unsigned thread) {
  Require(shared_.truth[index].holder == kNobody, "a span has one holder");
  Require(shared_.truth[index].is_span, "what is held is a span");
  shared_.truth[index].holder = thread;
  shared_.held[thread] = index;
}

void SpanProtocol::TakeSlots(uint32_t index, uint32_t want) {
  Span& span = At(index);
  if (fault_ == Fault::kBitsBeforeCount) {
    const uint64_t mask = LowestSet(~span.bits->LoadRelaxed() & all_slots(), want);
    if (mask == 0) return;
    SetBits(index, mask);
    Require(span.ownership.Take(CountOf(mask)) == CountOf(mask), "the count covers what is taken");
    return;
  }
  const uint32_t k = span.ownership.Take(want);
  if (k == 0) return;
  KnowsOnly("took from the count", k << 8 | index);
  const uint64_t mask = LowestSet(~span.bits->LoadRelaxed() & all_slots(), k);
  Require(CountOf(mask) == k, "the count promises clear bits only");
  SetBits(index, mask);
}

void SpanProtocol::SetBits(uint32_t index, uint64_t mask) {
  const uint64_t before = At(index).bits->FetchOr(mask);
  Require((before & mask) == 0, "bits that are taken were clear");
  Truth& truth = shared_.truth[index];
  Require((truth.live & mask) == 0, "no slot is handed out twice");
  truth.live |= mask;
}

void SpanProtocol::Drop(unsigned thread) {
  const uint32_t index = shared_.held[thread];
  if (index == 0) return;
  Span& span = At(index);
  const Next next =
      fault_ == Fault::kDropByStore ? DropByStore(span) : span.ownership.Drop(scenario_.slots);
  shared_.held[thread] = 0;
  shared_.truth[index].holder = kNobody;
  if (next == Next::kRelease) ++events_.released_by_drop;
  FollowUp(next, index, thread);
}

void SpanProtocol::Return(unsigned thread, uint32_t want, bool from_high) {
  uint64_t mask = 0;
  const uint32_t index = PickLive(want, from_high, mask);
  if (index == 0) return;
  Span& span = At(index);
  const uint32_t k = CountOf(mask);
  Next next = Next::kNothing;
  if (fault_ == Fault::kCountBeforeBits) next = span.ownership.Return(k, scenario_.slots);
  const uint64_t before = span.bits->FetchAnd(~mask);
  Require((before & mask) == mask, "bits that are cleared were set");
  KnowsOnly("cleared bits", (uint64_t{k} << 8 | index) << 8 | static_cast<uint64_t>(next));
  if (fault_ == Fault::kDecisionApart) {
    next = ReturnApart(span, k);
  } else if (fault_ != Fault::kCountBeforeBits) {
    next = span.ownership.Return(k, scenario_.slots);
  }
  if (next == Next::kRelease) ++events_.released_by_return;
  FollowUp(next, index, thread);
}

// Takes up to `want` slots of one span out of the program's hands.
uint32_t SpanProtocol::PickLive(uint32_t want, bool from_high, uint64_t& mask) {
  Step();
  uint32_t index = 0;
  for (uint32_t i = 1; i <= SpanTable::kRecords; ++i) {
    if (shared_.truth[i].live != 0 && (index == 0 || from_high)) index = i;
  }
  if (index != 0) mask = LowestSet(shared_.truth[index].live, want);
  shared_.truth[index].live &= ~mask;
  Saw(mask << 8 | index);
  return index;
}

void SpanProtocol::FollowUp(Next next, uint32_t index, unsigned thread) {
  Span& span = At(index);
  KnowsOnly("follows up", uint64_t{index} << 8 | static_cast<uint64_t>(next));
  switch (next) {
    case Next::kList:
      if (!shared_.list.Put(shared_.table, &span, true)) {
        ++events_.found_empty_when_listing;
        Release(index, thread);
      }
      return;
    case Next::kRelease:
      return Release(index, thread);
    case Next::kNothing:
      if (!span.ownership.is_listed_and_empty(scenario_.slots)) return;
      if (fault_ == Fault::kReapWithoutList) {
        span.ownership.PopToHeld();
        Release(index, thread);
      } else if (shared_.list.TakeIfEmpty(shared_.table, &span, kClass)) {
        ++events_.taken_from_list_when_empty;
        Release(index, thread);
      }
  }
}

void SpanProtocol::Release(uint32_t index, unsigned thread) {
  Truth& truth = shared_.truth[index];
  const uint32_t held = shared_.held[thread];
  KnowsOnly("releases", uint64_t{held} << 8 | index);
  BecomeHolder(index, thread);
  Require(truth.live == 0, "no slot of a released span is in the program's hands");
  At(index).ownership.End();
  shared_.held[thread] = held;
  truth.holder = kNobody;
  Step();
  truth.is_span = false;
}

Next SpanProtocol::ReturnApart(Span& span, uint32_t k) {
  Atomic<uint64_t>& word = RawWord(span);
  word.FetchAdd(k);
  const uint64_t seen = word.LoadAcquire();
  if ((seen & (kHeldBit | kListedBit)) != 0) return Next::kNothing;
  const bool is_empty = static_cast<uint32_t>(seen) == scenario_.slots;
  word.FetchOr(is_empty ? kHeldBit : kListedBit);
  return is_empty ? Next::kRelease : Next::kList;
}

Next SpanProtocol::DropByStore(Span& span) {
  Atomic<uint64_t>& word = RawWord(span);
  const auto free = static_cast<uint32_t>(word.LoadAcquire());
  if (free == scenario_.slots) return Next::kRelease;
  word.StoreRelease(free == 0 ? 0 : kListedBit | free);
  return free == 0 ? Next::kNothing : Next::kList;
}

void SpanProtocol::CheckAlways() {
  for (uint32_t i = 1; i <= SpanTable::kRecords; ++i) CheckSpan(i);
}

void SpanProtocol::CheckSpan(uint32_t index) {
  const Span& span = At(index);
  const Truth& truth = shared_.truth[index];
  const uint64_t bits = span.bits->LoadRelaxed();
  const uint32_t free = span.ownership.free_count();
  const bool is_held = span.ownership.is_held();
  const bool is_listed = span.ownership.is_listed();
  Require(truth.is_span || truth.live == 0, "a record without pages has no slots");
  Require((truth.live & ~bits) == 0, "slots in the program's hands have their bits set");
  Require(span.link.LoadRelaxed() == 0 || truth.is_span, "no released record is in a list");
  // What a broken variant is caught at must be harm done, not a rule of the right one.
  if (fault_ != Fault::kNone) return;
  Require(free + CountOf(bits) <= scenario_.slots, "the count promises clear bits only");
  Require(!(is_held && is_listed), "no span is held and listed");
  Require(is_held || is_listed || free == 0, "no span with free slots is lost");
  Require(truth.holder == kNobody || is_held || free == 0, "who holds a span is in its word");
}

void SpanProtocol::CheckAtEnd() {
  uint32_t linked = 0;
  for (uint32_t i = 1; i <= SpanTable::kRecords; ++i) {
    const Span& span = At(i);
    const Truth& truth = shared_.truth[i];
    const uint32_t free = span.ownership.free_count();
    const bool is_listed = span.ownership.is_listed();
    if (!truth.is_span) {
      Require(free == 0 && !is_listed && !span.ownership.is_held(), "released records are blank");
      continue;
    }
    Require(span.bits->LoadRelaxed() == truth.live, "the bits are the slots in use");
    Require(is_listed || truth.holder != kNobody || CountOf(truth.live) == scenario_.slots,
            "no span with free slots is lost");
    Require(free + CountOf(truth.live) == scenario_.slots, "count and bits agree in the end");
    Require(span.ownership.is_held() == (truth.holder != kNobody), "every held span has a holder");
    Require(is_listed == (span.link.LoadRelaxed() != 0), "listed spans are in the list");
    Require(!is_listed || free < scenario_.slots, "no empty span is kept in the list");
    linked += is_listed ? 1 : 0;
  }
  uint32_t found = 0;
  while (shared_.list.Take(shared_.table) != nullptr) ++found;
  Require(found == linked, "the list holds what is listed, once");
}

}  // namespace spanheap::model
