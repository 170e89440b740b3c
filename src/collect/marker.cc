// SPDX-License-Identifier: MIT
#include "collect/marker.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/count_ones.h"
#include "collect/pointer_bits.h"
#include "collect/visitor.h"

namespace spanheap::collected {
namespace {

// Sanitizers cannot know that a stopped or running thread's words may be read.
SPANHEAP_NO_SANITIZE SPANHEAP_ALWAYS_INLINE uintptr_t LoadWord(uintptr_t at) {
  return __atomic_load_n(reinterpret_cast<const uintptr_t*>(at), __ATOMIC_RELAXED);
}

// Pointer bits of a slot: one bit per word, 64 at most.
uint64_t PointerBitsOf(const Atomic<uint64_t>* page, unsigned first, unsigned words) {
  const unsigned shift = first % 64;
  // Relaxed: another slot's bits may change meanwhile, this one's were there before it was found.
  uint64_t bits = page[first / 64].LoadRelaxed() >> shift;
  if (shift + words > 64) bits |= page[first / 64 + 1].LoadRelaxed() << (64 - shift);
  return bits & LowBits(words);
}

// Of the `wanted` objects those that nobody has scanned yet. Two contexts at once may overlook each
// other, and both scan an object; that is rarer than an atomic exchange is dear.
uint64_t NoteTaken(Atomic<uint64_t>& scanned, uint64_t wanted) {
  // Relaxed: a hint; no object depends on it.
  const uint64_t before = scanned.LoadRelaxed();
  scanned.StoreRelaxed(before | wanted);
  return wanted & ~before;
}

}  // namespace

// ---- finding and marking

// What the word points to goes into the window, and what has been there longest is marked.
// Inlined also where nothing is instrumented: AddressSanitizer would mark the end of a variable's
// life there and never take the mark away.
SPANHEAP_NO_SANITIZE SPANHEAP_ALWAYS_INLINE void Marker::Notice(uintptr_t word) {
  window_.Add(word);
  if (window_.is_full()) MarkWaiting(MarkWindow::kWaiting);
}

void Marker::NoticeAll(const uintptr_t* words, unsigned count) {
  for (unsigned done = 0; done < count;) {
    done += window_.AddSome(words + done, count - done);
    if (window_.is_full()) MarkWaiting(MarkWindow::kWaiting);
  }
}

void Marker::Shade(uintptr_t word) { Notice(word); }

// Marks what the window's bits stand for, but for the newest `keep`.
void Marker::MarkWaiting(uint32_t keep) {
  MarkBit unmarked[MarkWindow::kMost];
  const unsigned count = window_.TakeUnmarked(keep, unmarked);
  for (unsigned i = 0; i < count; ++i) MarkNew(unmarked[i]);
}

// All of them; false: none waited.
bool Marker::EmptyWindow() {
  if (window_.is_empty()) return false;
  MarkWaiting(0);
  return true;
}

SPANHEAP_NO_SANITIZE void Marker::ShadeRange(uintptr_t low, uintptr_t high) {
  for (uintptr_t at = RoundUp(low, 8); at + 8 <= high; at += 8) Notice(LoadWord(at));
}

// True if the page is this context's to queue. A mark set before an owner other than 0 is seen is
// seen by the scanner, who makes it 0 before it looks: mark, look, exchange and scan are
// sequential. The store may write over a "more" that somebody has put there meanwhile: then the
// page is queued more than once, who comes second finds 0, and looks at all marks.
bool Marker::TakeOwnership(ObjectRef object) {
  return store_.tables().WithOwner(object.page, object.shape(), [](auto& owner) {
    const auto seen = owner.LoadSequential();
    if ((seen & kMany) != 0) return false;
    if (seen != 0) return owner.raw().fetch_or(kMany, std::memory_order_seq_cst) == 0;
    owner.StoreRelaxed(kOne);  // relaxed: who takes the entry sees it with the entry
    return true;
  });
}

void Marker::QueueSpan(ObjectRef object) {
  if (TakeOwnership(object)) PushSpan(EntryOf(object));
}

void Marker::PushSpan(uintptr_t entry) {
  if (tail_ - head_ == kRing) SpillRing();
  ring_[tail_++ % kRing] = entry;
}

void Marker::QueueObject(uintptr_t at) {
  if (objects_ == nullptr || objects_->is_full()) {
    std::swap(objects_, spare_);
    if (objects_ != nullptr && objects_->is_full()) {
      queue_.PutObjects(objects_);
      objects_ = nullptr;
    }
    if (objects_ == nullptr) objects_ = queue_.NewBatch();
  }
  SPANHEAP_CHECK(objects_ != nullptr && "memory for grey objects");
  objects_->entries[objects_->count++] = at;
}

void Marker::MarkNew(MarkBit bit) {
  const MarkBits& bits = window_.bits();
  const ObjectRef object = bits.ObjectOf(bit);
  if (!object || !finder_.IsAllocated(object)) return;
  const uint64_t mask = MarkBits::MaskOf(bit);
  if ((bits.WordOf(bit).raw().fetch_or(mask, std::memory_order_seq_cst) & mask) != 0) return;
  const SpanKind& shape = object.shape();
  ++counts_.marked_objects;
  if (shape.domain == Domain::kBits) {
    counts_.marked_bytes += shape.block_bytes;
    QueueSpan(object);
    return;
  }
  counts_.marked_bytes +=
      IsLargeKind(object.kind) ? BytesOf(finder_.SpanOf(object).pages).value : shape.block_bytes;
  if (shape.domain == Domain::kTyped) QueueObject(finder_.BaseOf(object).value);
}

// ---- what was stored into since the last mark

uint64_t Marker::ScanNoted(uint32_t job) {
  const uint32_t first = job * kChunksPerJob;
  const uint32_t end = std::min(first + kChunksPerJob, store_.tables().chunk_end());
  for (uint32_t chunk = first; chunk < end; ++chunk) {
    store_.tables().ForEachNoted(chunk, [&](uint32_t page) { ScanAgain(page); });
  }
  return uint64_t{kChunksPerJob} * kChunkPages.value;
}

// A page that somebody has queued by now is queued twice: no harm.
void Marker::ScanAgain(uint32_t page) {
  const SideTables& tables = store_.tables();
  const uint8_t kind = tables.kind_of(page).LoadAcquire();
  const SpanKind& shape = kSpanKinds[kind];
  if (shape.domain != Domain::kBits) {
    tables.note_of(page).StoreRelease(0);
    if (shape.domain == Domain::kTyped) QueueMarkedOn(page, kind);
    return;
  }
  // Nobody scans a page that is noted and not only queued: nobody notes what is taken back here.
  for (unsigned w = 0; w < shape.words; ++w) {
    tables.scanned(page, shape)[w].FetchAnd(~tables.marks(page)[w].LoadAcquire());
  }
  if (shape.owner_word != 0) tables.note_of(page).StoreSequential(0);
  PushSpan(uintptr_t{page} << 16 | kNoSlot);
}

// Of large objects the slice; the first one stands for all of them.
void Marker::QueueMarkedOn(uint32_t page, uint8_t kind) {
  const uint32_t first = store_.SpanOfPage(PageIndex(page)).first.value;
  const uintptr_t start = store_.pages().AddressOf(PageIndex(first)).value;
  const size_t from = size_t{page - first} << kPageShift;
  const Atomic<uint64_t>* marks = store_.tables().marks(first);
  const uint32_t size = kSpanKinds[kind].block_bytes;
  const size_t low = IsLargeKind(kind) ? 0 : from / size;
  const size_t high = IsLargeKind(kind) ? 0 : (from + kPageSize.value - 1) / size;
  for (size_t slot = low; slot <= high && slot < kSpanKinds[kind].slots; ++slot) {
    if ((marks[slot / 64].LoadAcquire() >> (slot % 64) & 1) == 0) continue;
    const uintptr_t at = start + (IsLargeKind(kind) ? RoundDown(from, kSlice) : slot * size);
    if (objects_ != nullptr && !objects_->is_empty() &&
        objects_->entries[objects_->count - 1] == at)
      continue;
    QueueObject(at);
  }
}

// ---- passing on

// The newer half of the ring: what is older keeps its turn.
void Marker::SpillRing() {
  WorkBatch* batch = queue_.NewBatch();
  SPANHEAP_CHECK(batch != nullptr && "memory for grey spans");
  tail_ -= kRing / 2;
  while (batch->count < kRing / 2) {
    batch->entries[batch->count] = ring_[(tail_ + batch->count) % kRing];
    ++batch->count;
  }
  queue_.PutSpans(batch);
}

void Marker::PassOn() {
  EmptyWindow();
  if (tail_ != head_) {
    WorkBatch* batch = queue_.NewBatch();
    SPANHEAP_CHECK(batch != nullptr && "memory for grey spans");
    while (head_ != tail_ && !batch->is_full()) {
      batch->entries[batch->count++] = ring_[head_++ % kRing];
    }
    queue_.PutSpans(batch);
    if (tail_ != head_) PassOn();
  }
  for (WorkBatch** batch : {&objects_, &spare_}) {
    if (*batch == nullptr) continue;
    if ((*batch)->is_empty()) {
      queue_.FreeBatch(*batch);
    } else {
      queue_.PutObjects(*batch);
    }
    *batch = nullptr;
  }
}

void Marker::Share() {
  constexpr uint32_t kEnough = 8;
  if (!queue_.is_empty()) return;
  if (spare_ != nullptr && !spare_->is_empty()) {
    queue_.PutObjects(spare_);
    spare_ = nullptr;
  } else if (objects_ != nullptr && objects_->count >= kEnough) {
    WorkBatch* half = queue_.NewBatch();
    if (half == nullptr) return;
    const uint32_t n = objects_->count / 2;
    std::copy_n(objects_->entries, n, half->entries);
    std::copy(objects_->entries + n, objects_->entries + objects_->count, objects_->entries);
    half->count = n;
    objects_->count -= n;
    queue_.PutObjects(half);
  }
  if (tail_ - head_ < kEnough) return;
  WorkBatch* batch = queue_.NewBatch();
  if (batch == nullptr) return;
  for (uint32_t n = (tail_ - head_) / 2; n > 0; --n) {
    batch->entries[batch->count++] = ring_[head_++ % kRing];
  }
  queue_.PutSpans(batch);
}

bool Marker::is_empty() const {
  return window_.is_empty() && head_ == tail_ && (objects_ == nullptr || objects_->is_empty()) &&
         (spare_ == nullptr || spare_->is_empty());
}

MarkCounts Marker::TakeCounts() {
  const MarkCounts counts = counts_;
  counts_ = MarkCounts();
  return counts;
}

// ---- taking

uint64_t Marker::Drain(uint64_t budget, ShouldStop should_stop, void* context) {
  // Who may have to stop looks oftener: some ten microseconds of work.
  const unsigned between_looks = should_stop != nullptr ? 4 : 16;
  const uint64_t begin = drained_;
  for (unsigned n = 0; drained_ - begin < budget; ++n) {
    if (n % between_looks == between_looks - 1) {
      if (should_stop != nullptr && should_stop(context)) break;
      Share();
    }
    if (!TakeOne()) break;
  }
  return drained_ - begin;
}

// Own before shared; single objects before spans, so that spans gather marks.
bool Marker::TakeOne() {
  uintptr_t at = 0;
  if (TakeObject(at)) {
    ScanQueued(at);
    return true;
  }
  if (head_ == tail_ && EmptyWindow()) return true;
  if (head_ == tail_) RefillRing();
  if (head_ == tail_) return false;
  if (head_ % kPagesTogether == 0) PreparePages();
  if (tail_ - head_ > kBitsAhead) PrepareBits(ring_[(head_ + kBitsAhead) % kRing]);
  if (tail_ - head_ > kObjectsAhead) PrepareObjects(ring_[(head_ + kObjectsAhead) % kRing]);
  ScanSpan(ring_[head_++ % kRing]);
  return true;
}

bool Marker::TakeObject(uintptr_t& at) {
  if (objects_ == nullptr || objects_->is_empty()) {
    std::swap(objects_, spare_);
    if (objects_ == nullptr || objects_->is_empty()) {
      if (head_ != tail_) return false;  // spans of its own come first
      WorkBatch* batch = queue_.TakeObjects();
      if (batch == nullptr) return false;
      if (objects_ != nullptr) queue_.FreeBatch(objects_);
      objects_ = batch;
    }
  }
  at = objects_->entries[--objects_->count];
  return true;
}

void Marker::RefillRing() {
  WorkBatch* batch = queue_.TakeSpans();
  if (batch == nullptr) return;
  for (uint32_t i = 0; i < batch->count; ++i) ring_[tail_++ % kRing] = batch->entries[i];
  queue_.FreeBatch(batch);
}

// ---- scanning

void Marker::PrepareBits(uintptr_t entry) const {
  const auto page = static_cast<uint32_t>(entry >> 16);
  const SideTables& tables = store_.tables();
  __builtin_prefetch(tables.marks(page));
  // Relaxed: a hint.
  __builtin_prefetch(tables.scanned(page, kSpanKinds[tables.kind_of(page).LoadRelaxed()]));
  __builtin_prefetch(tables.pointers(page));
  __builtin_prefetch(tables.pointers(page) + kCacheLine / 8);
}

// A line in each page of the system's: the processor looks up where they are.
void Marker::PreparePages() const {
  constexpr size_t kSmallestPage = 4096;
  if (tail_ - head_ < kObjectsAhead + 2 * kPagesTogether) return;
  const uint32_t first = head_ + kObjectsAhead + kPagesTogether;
  for (uint32_t i = first; i < first + kPagesTogether; ++i) {
    const auto page = static_cast<uint32_t>(ring_[i % kRing] >> 16);
    const char* const at = PointerTo<char>(store_.pages().AddressOf(PageIndex(page)));
    for (size_t n = 0; n < kPageSize.value; n += kSmallestPage) __builtin_prefetch(at + n);
  }
}

// Each marked object's first line.
void Marker::PrepareObjects(uintptr_t entry) const {
  const auto page = static_cast<uint32_t>(entry >> 16);
  const SideTables& tables = store_.tables();
  // Relaxed from here on: hints.
  const SpanKind& shape = kSpanKinds[tables.kind_of(page).LoadRelaxed()];
  const char* at = PointerTo<char>(store_.pages().AddressOf(PageIndex(page)));
  for (unsigned w = 0; w < shape.words; ++w, at += size_t{64} * shape.block_bytes) {
    uint64_t todo =
        tables.marks(page)[w].LoadRelaxed() & ~tables.scanned(page, shape)[w].LoadRelaxed();
    for (; todo != 0; todo &= todo - 1) {
      __builtin_prefetch(at + static_cast<size_t>(std::countr_zero(todo)) * shape.block_bytes);
    }
  }
}

// A job that has not come yet will queue the page: who scans it before would write what has been
// scanned while the job takes it back. Sequential: the job's entry sees marks that were set before
// the page's owner became 0. Where the note is the owner, nobody but the job queues the page.
bool Marker::IsLeftToJob(uint32_t page, const SpanKind& shape) const {
  return shape.owner_word != 0 && store_.tables().note_of(page).LoadSequential() != 0 &&
         queue_.noted_jobs_left.LoadSequential() != 0;
}

void Marker::ScanSpan(uintptr_t entry) {
  const auto page = static_cast<uint32_t>(entry >> 16);
  const SideTables& tables = store_.tables();
  const SpanKind& shape = kSpanKinds[tables.kind_of(page).LoadAcquire()];
  SPANHEAP_DCHECK(shape.domain == Domain::kBits);
  const auto slot = static_cast<uint32_t>(entry & kNoSlot);
  const uint64_t owner = tables.WithOwner(page, shape, [](auto& of) -> uint64_t {
    return of.raw().exchange(0, std::memory_order_seq_cst);
  });
  if (IsLeftToJob(page, shape)) return;
  ++counts_.visits;
  if (owner == kOne && slot != kNoSlot) {
    const uint64_t bit = uint64_t{1} << (slot % 64);
    if (NoteTaken(tables.scanned(page, shape)[slot / 64], bit) != 0) ScanOne(page, slot, shape);
    return;
  }
  ScanMarked(page, shape);
}

// Takes all marks that nobody has taken, and then the page's objects one by one or by a kernel.
void Marker::ScanMarked(uint32_t page, const SpanKind& shape) {
  const Atomic<uint64_t>* marks = store_.tables().marks(page);
  Atomic<uint64_t>* scanned = store_.tables().scanned(page, shape);
  uint64_t objects[MarkBlock::kScanned + 1] = {};
  unsigned count = 0;
  for (unsigned w = 0; w < shape.words; ++w) {
    const uint64_t todo = marks[w].LoadSequential() & ~scanned[w].LoadRelaxed();  // as below
    if (todo == 0) continue;
    objects[w] = NoteTaken(scanned[w], todo);
    count += CountOnes(objects[w]);
  }
  if (const ScanKernel kernel = KernelFor(processor_, count, shape.slots, shape.block_bytes / 8)) {
    ScanByKernel(page, shape, objects, kernel);
    NoteScanned(uint64_t{count} * shape.block_bytes);
    return;
  }
  for (unsigned w = 0; w < shape.words; ++w) {
    for (uint64_t todo = objects[w]; todo != 0; todo &= todo - 1) {
      ScanOne(page, w * 64 + static_cast<uint32_t>(std::countr_zero(todo)), shape);
    }
  }
}

void Marker::ScanByKernel(uint32_t page, const SpanKind& shape, const uint64_t* objects,
                          ScanKernel kernel) {
  constexpr unsigned kWords = sizeof(PointerBlock) / 8;
  uint64_t pointers[kWords + 1];
  const Atomic<uint64_t>* bits = store_.tables().pointers(page);
  // Relaxed: as for one object; bits of slots that are not scanned do not matter.
  for (unsigned w = 0; w < kWords; ++w) pointers[w] = bits[w].LoadRelaxed();
  pointers[kWords] = 0;
  const auto start = store_.pages().AddressOf(PageIndex(page)).value;
  const PageToScan what{objects, pointers, reinterpret_cast<const uintptr_t*>(start),
                        shape.block_bytes / 8};
  uintptr_t found[kMaxWords + kSlack];
  for (unsigned quarter = 0; quarter < kQuarters; ++quarter) {
    const unsigned count = kernel(what, quarter, found);
    NoticeAll(found, count);
  }
}

SPANHEAP_NO_SANITIZE void Marker::ScanOne(uint32_t page, uint32_t slot, const SpanKind& shape) {
  const unsigned words = shape.block_bytes / 8;
  const uintptr_t start = store_.pages().AddressOf(PageIndex(page)).value;
  const uintptr_t base = start + uintptr_t{slot} * shape.block_bytes;
  uint64_t bits = PointerBitsOf(store_.tables().pointers(page), slot * words, words);
  NoteScanned(shape.block_bytes);
  for (; bits != 0; bits &= bits - 1) {
    Notice(LoadWord(base + uintptr_t{8} * static_cast<unsigned>(std::countr_zero(bits))));
  }
}

// An object's start, or the start of a slice of a large one.
void Marker::ScanQueued(uintptr_t at) {
  const ObjectRef object = finder_.Find(at);
  if (!object) return;
  const uintptr_t base = finder_.BaseOf(object).value;
  const uintptr_t end = base + finder_.SizeOf(object);
  const uintptr_t slice_end = std::min(end, at + kSlice);
  if (at == base) {
    for (uintptr_t next = slice_end; next < end; next += kSlice) QueueObject(next);
  }
  NoteScanned(slice_end - at);
  ScanTyped(object, at, slice_end);
}

void Marker::ScanTyped(ObjectRef object, uintptr_t from, uintptr_t to) {
  const CollectedSpan& span = finder_.SpanOf(object);
  const uint32_t id = span.type_ids != nullptr ? span.type_ids[object.slot].LoadAcquire()
                                               : span.type_id.LoadAcquire();
  if (id == 0) return;
  const sh_layout& layout = layouts_.At(id);
  const uintptr_t base = finder_.BaseOf(object).value;
  if (layout.kind == SH_SCAN_PRECISE) {
    ScanPrecise(layout, base, from, to);
  } else if (layout.kind == SH_SCAN_CONSERVATIVE) {
    ShadeRange(from, to);
  } else if (layout.kind == SH_SCAN_TRACED) {
    sh_visitor visitor{this, nullptr};
    // Elements that begin in this slice; what is left over at a slot's end is no element.
    uintptr_t at = base + DivideUp(from - base, layout.size) * layout.size;
    const uintptr_t end = base + finder_.SizeOf(object);
    for (; at < to && at + layout.size <= end; at += layout.size) {
      layout.trace(reinterpret_cast<const void*>(at), &visitor);
    }
  }
}

// The words from `at` on that `bits` names.
SPANHEAP_NO_SANITIZE SPANHEAP_ALWAYS_INLINE void Marker::ScanWords(uintptr_t at, uint64_t bits) {
  for (; bits != 0; bits &= bits - 1) {
    Notice(LoadWord(at + uintptr_t{8} * static_cast<unsigned>(std::countr_zero(bits))));
  }
}

// The same bits for each 64 words.
SPANHEAP_NO_SANITIZE void Marker::ScanRepeated(uint64_t bits, uintptr_t from, uintptr_t to) {
  constexpr uintptr_t kBytes = 64 * sizeof(uintptr_t);
  for (; to - from >= kBytes; from += kBytes) ScanWords(from, bits);
  ScanWords(from, bits & LowBits(static_cast<unsigned>((to - from) / 8)));
}

// The element's bits over and over; slots are zero behind the last element.
SPANHEAP_NO_SANITIZE void Marker::ScanPrecise(const sh_layout& layout, uintptr_t base,
                                              uintptr_t from, uintptr_t to) {
  const size_t words = layout.size / 8;
  size_t word = (from - base) / 8 % words;
  if (64 % words == 0) {
    const uint64_t bits = RepeatBits(layout.pointer_bits[0], static_cast<unsigned>(words), 64);
    return ScanRepeated(std::rotr(bits, static_cast<int>(word)), from, to);
  }
  for (uintptr_t at = from; at + 8 <= to;) {
    const size_t run = std::min({size_t{64} - word % 64, words - word, (to - at) / 8});
    ScanWords(at,
              layout.pointer_bits[word / 64] >> (word % 64) & LowBits(static_cast<unsigned>(run)));
    at += 8 * run;
    word = word + run == words ? 0 : word + run;
  }
}

void Marker::ShadeContents(ObjectRef object) {
  const uintptr_t base = finder_.BaseOf(object).value;
  if (object.shape().domain == Domain::kBits) {
    ScanOne(object.page, object.slot, object.shape());
  } else if (object.shape().domain == Domain::kTyped) {
    QueueObject(base);  // scanned when its turn comes, in slices; it is not marked by that
  }
}

}  // namespace spanheap::collected
