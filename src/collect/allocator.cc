// SPDX-License-Identifier: MIT
#include "collect/allocator.h"

#include <cstring>

#include "base/check.h"
#include "base/count_ones.h"

namespace spanheap::collected {
namespace {

// More than any heap has address space for, and a number of pages that is a number of pages.
constexpr size_t kMaxObject = size_t{1} << 44;
static_assert(BytesOf(PagesFor(Bytes(kMaxObject))).value == kMaxObject);

Domain DomainFor(const sh_layout& layout, size_t bytes) {
  if (layout.kind == SH_SCAN_NONE || layout.size == 0) return Domain::kNoScan;
  return layout.kind == SH_SCAN_PRECISE && bytes <= kMaxBitsBytes ? Domain::kBits : Domain::kTyped;
}

}  // namespace

bool Allocator::Plan(sh_layout& layout, size_t count, Request& request) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(layout.size, count, &bytes) || bytes > kMaxObject) return false;
  if (bytes == 0) bytes = 1;
  const Domain domain = DomainFor(layout, bytes);
  // The smallest class has room for nothing but its allocated bits.
  if (domain != Domain::kNoScan && bytes < 16) bytes = 16;
  request.layout = &layout;
  request.bytes = bytes;
  request.count = static_cast<uint32_t>(count);
  const Domain large = domain == Domain::kNoScan ? domain : Domain::kTyped;
  request.kind = bytes <= kMaxSmallBytes ? KindFor(ClassFor(static_cast<uint32_t>(bytes)), domain)
                                         : KindFor(0, large);
  return true;
}

void Allocator::Describe(ClaimedWord& word, char* at, uint32_t slot, const Request& request) {
  const Domain domain = kSpanKinds[request.kind].domain;
  if (domain == Domain::kBits) {
    DescribeBits(word, at, *request.layout, request.count);
    return;
  }
  if (word.needs_zero) memset(at, 0, word.slots.slot_bytes);
  if (domain != Domain::kTyped) return;
  word.span->type_ids[slot].StoreRelease(layouts_.IdOf(*request.layout));
}

// ---- tiny objects

void* Allocator::TryNewTiny(AllocationCache& cache, size_t bytes) {
  const size_t alignment = bytes >= 8 ? 8 : bytes % 4 == 0 ? 4 : bytes % 2 == 0 ? 2 : 1;
  const size_t offset = RoundUp(cache.tiny_used, alignment);
  char* block = cache.tiny;
  if (block == nullptr || offset + bytes > 16) return nullptr;
  cache.tiny_used = static_cast<uint32_t>(offset + bytes);
  return block + offset;
}

void Allocator::BeginTiny(AllocationCache& cache, char* block, size_t bytes) {
  if (cache.tiny != nullptr && bytes >= cache.tiny_used) return;  // the old one has more room
  cache.tiny_used = static_cast<uint32_t>(bytes);
  cache.tiny = block;
}

// ---- claiming words

void Allocator::TellPlace(const Request& request) {
  constexpr size_t kLeast = 16;
  sh_layout& layout = *request.layout;
  const bool is_inlined = kSpanKinds[request.kind].domain != Domain::kTyped &&
                          request.bytes >= kLeast && request.bytes <= kMaxBitsBytes;
  if (request.count != 1 || !is_inlined) return;
  const auto place = static_cast<uint32_t>(request.kind * sizeof(ClaimedWord));
  // Relaxed: says nothing else. Once: all threads that make such objects read it.
  if (__atomic_load_n(&layout.place, __ATOMIC_RELAXED) == place) return;
  __atomic_store_n(&layout.place, place, __ATOMIC_RELAXED);
}

size_t Allocator::Claim(AllocationCache& cache, const Request& request) {
  const uint8_t kind = request.kind;
  ClaimedWord& word = cache.words[kind];
  const SpanKind& shape = kSpanKinds[kind];
  word.slots.pointer_bits =
      shape.domain == Domain::kBits ? BitsOf(*request.layout, request.count, shape.block_bytes) : 0;
  unsigned from = word.word + 1U;
  for (;;) {
    if (word.span == nullptr) {
      word.span = store_.TakeSpan(kind, cache.pages);
      if (word.span == nullptr) return 0;
      from = 0;
    } else {
      store_.EnsureSwept(word.span);
    }
    if (ClaimFrom(word, kind, from)) break;
    store_.Release(word.span);
    word.span = nullptr;
  }
  const auto slots = uint64_t{CountOnes(word.free())};
  const size_t bytes = slots * word.slots.slot_bytes;
  state_.live.FetchAddRelaxed(bytes);  // relaxed: counters
  state_.allocated_bytes.FetchAddRelaxed(bytes);
  state_.allocated_objects.FetchAddRelaxed(slots);
  return bytes;
}

bool Allocator::ClaimFrom(ClaimedWord& word, uint8_t kind, unsigned from) {
  const SpanKind& shape = kSpanKinds[kind];
  CollectedSpan& span = *word.span;
  Atomic<uint64_t>* allocated = store_.tables().allocated(span.first.value, shape);
  for (unsigned i = 0; i < shape.words; ++i) {
    const unsigned w = (from + i) % shape.words;
    const uint64_t mask = ~allocated[w].LoadAcquire();
    if (mask == 0) continue;
    word.word = static_cast<uint16_t>(w);
    word.slots.slot_bytes = shape.block_bytes;
    word.slots.start =
        PointerTo<char>(store_.pages().AddressOf(span.first)) + size_t{w} * 64 * shape.block_bytes;
    word.page_bits = store_.tables().pointers(span.first.value);
    word.needs_zero = span.needs_zero && shape.block_bytes > kMaxBitsBytes;
    Prepare(word, mask);
    allocated[w].FetchOr(mask);
    if (state_.is_marking()) {
      // Relaxed: a counter.
      state_.black.FetchAddRelaxed(Blacken(word, mask));
    }
    word.SetFree(mask);
    return true;
  }
  return false;
}

// Whoever comes upon a slot of the word before it is handed out finds nothing to scan in it.
void Allocator::Prepare(ClaimedWord& word, uint64_t mask) {
  CollectedSpan& span = *word.span;
  if (span.type_ids != nullptr) {
    for (uint64_t rest = mask; rest != 0; rest &= rest - 1) {
      const unsigned bit = static_cast<unsigned>(std::countr_zero(rest));
      span.type_ids[word.word * 64U + bit].StoreRelease(0);
    }
  }
  const uint32_t bytes = word.slots.slot_bytes;
  const bool clears = span.needs_zero && bytes <= kMaxBitsBytes;
  const bool has_bits = kSpanKinds[span.kind].domain == Domain::kBits;
  if (!clears && !has_bits) return;
  for (uint64_t rest = mask; rest != 0;) {
    const auto from = static_cast<unsigned>(std::countr_zero(rest));
    const auto run = static_cast<unsigned>(std::countr_one(rest >> from));
    char* const first = word.slots.start + size_t{from} * bytes;
    if (clears) memset(first, 0, size_t{run} * bytes);
    if (has_bits) FillPointerBits(word.page_bits, first, bytes, run, word.slots.pointer_bits);
    rest &= ~BitRange(from, run);
  }
}

uint64_t Allocator::Blacken(const ClaimedWord& word, uint64_t mask) {
  const CollectedSpan& span = *word.span;
  const SpanKind& shape = kSpanKinds[span.kind];
  const SideTables& tables = store_.tables();
  if (shape.domain == Domain::kBits) {
    tables.scanned(span.first.value, shape)[word.word].FetchOr(mask);
  }
  const uint64_t before = tables.marks(span.first.value)[word.word].FetchOr(mask);
  return uint64_t{CountOnes(mask & ~before)} * word.slots.slot_bytes;
}

void Allocator::MarkClaimed(AllocationCache& cache) {
  cache.tiny = nullptr;
  uint64_t bytes = 0;
  for (ClaimedWord& word : cache.words) {
    const uint64_t mask = word.free();
    if (mask != 0) bytes += Blacken(word, mask);
  }
  state_.held.FetchAddRelaxed(bytes);  // relaxed: a counter
}

void Allocator::Release(AllocationCache& cache) {
  cache.tiny = nullptr;
  for (ClaimedWord& word : cache.words) {
    if (word.span == nullptr) continue;
    store_.EnsureSwept(word.span);
    const uint64_t mask = word.free();
    // While marking the slots are black: the next cycle finds them unmarked.
    if (mask != 0 && !state_.is_marking()) {
      const SpanKind& shape = kSpanKinds[word.span->kind];
      store_.tables().allocated(word.span->first.value, shape)[word.word].FetchAnd(~mask);
      if (store_.keeps_marks()) store_.Unmark(*word.span, word.word, mask);
      word.span->needs_zero = true;
    }
    word.SetFree(0);
    store_.Release(word.span);
    word.span = nullptr;
  }
  store_.pages().Flush(cache.pages);
}

// ---- large objects

char* Allocator::BeginLarge(const Request& request, bool& zeroed) {
  const Domain domain = kSpanKinds[request.kind].domain;
  const CollectedSpan* span = store_.TakeLarge(Bytes(request.bytes), domain, zeroed);
  if (span == nullptr) return nullptr;
  const size_t bytes = BytesOf(span->pages).value;
  if (state_.is_marking()) {
    store_.tables().marks(span->first.value)[0].FetchOr(1);
    state_.black.FetchAddRelaxed(bytes);  // relaxed: counters
  }
  state_.live.FetchAddRelaxed(bytes);
  state_.allocated_bytes.FetchAddRelaxed(bytes);
  state_.allocated_objects.FetchAddRelaxed(1);
  return PointerTo<char>(store_.pages().AddressOf(span->first));
}

void Allocator::FinishLarge(char* at, const Request& request, bool zeroed) {
  CollectedSpan& span = store_.SpanOfPage(store_.pages().IndexOf(AddressOf(at)));
  if (!zeroed) memset(at, 0, BytesOf(span.pages).value);
  if (kSpanKinds[request.kind].domain != Domain::kTyped) return;
  span.type_id.StoreRelease(layouts_.IdOf(*request.layout));
}

}  // namespace spanheap::collected
