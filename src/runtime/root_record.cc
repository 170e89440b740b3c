// SPDX-License-Identifier: MIT
#include "runtime/root_record.h"

#include <cstddef>

#include "runtime/collected_heap.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

template <size_t kLength>
constexpr sh_root_entry Entry(const char (&name)[kLength], sh_root_kind kind) {
  static_assert(kLength <= sizeof(sh_root_entry::name));
  sh_root_entry entry{};
  for (size_t i = 0; i < kLength; ++i) entry.name[i] = name[i];
  entry.kind = kind;
  return entry;
}

// A variable of the library; of an array, its elements.
template <size_t kLength, class T>
constexpr sh_root_entry At(const char (&name)[kLength], const T* object) {
  sh_root_entry entry = Entry(name, SH_ROOT_ADDRESS);
  entry.where.address = object;
  entry.size = sizeof(T);  // NOLINT(bugprone-sizeof-expression): of a pointer, too
  entry.count = 1;
  return entry;
}
template <size_t kLength, class T, size_t kCount>
constexpr sh_root_entry At(const char (&name)[kLength], const T (*array)[kCount]) {
  sh_root_entry entry = At(name, &(*array)[0]);
  entry.count = kCount;
  return entry;
}

// A field of `size` bytes, `count` times, at an offset within its record.
template <size_t kLength>
constexpr sh_root_entry Field(const char (&name)[kLength], size_t offset, size_t size,
                              size_t count = 1) {
  sh_root_entry entry = Entry(name, SH_ROOT_FIELD);
  entry.where.number = offset;
  entry.size = static_cast<uint32_t>(size);
  entry.count = static_cast<uint16_t>(count);
  return entry;
}

template <size_t kLength>
constexpr sh_root_entry Number(const char (&name)[kLength], uint64_t number) {
  sh_root_entry entry = Entry(name, SH_ROOT_NUMBER);
  entry.where.number = number;
  return entry;
}

}  // namespace

// A pointer among fields is described as what it is, a word: its own size is meant.
// NOLINTBEGIN(bugprone-sizeof-expression, bugprone-macro-parentheses)
#define SPANHEAP_FIELD(name, type, member) \
  Field(name, offsetof(type, member), sizeof(static_cast<type*>(nullptr)->member))

#define SPANHEAP_COLLECTED(name, member) SPANHEAP_FIELD(name, CollectedHeap, collector.member)

// Pointers among these are variables that hold the address of a table.
constinit const sh_root_entry RootRecord::kEntries[] = {
    // ---- state and locks: all zero where `--stop` may look
    At("started", &runtime.started_),
    At("start.lock", &runtime.start_mutex_.word_),
    At("gate.closed", &runtime.gate.closed_),
    At("threads.lock", &runtime.threads.mutex_.word_),
    At("heap.lock", &runtime.pages.lock_.word_),
    // ---- geometry
    Number("page.size", kPageSize.value),
    Number("chunk.pages", kChunkPages.value),
    Number("arena.size", kArenaSize.value),
    Number("class.count", kMallocClassCount),
    Number("class.first_run", kFirstRunClass),
    Number("class.record", sizeof(ClassGeometry)),
    At("classes", kMallocClasses.data()),
    SPANHEAP_FIELD("class.block_bytes", ClassGeometry, block_bytes),
    SPANHEAP_FIELD("class.span_pages", ClassGeometry, span_pages),
    SPANHEAP_FIELD("class.slots", ClassGeometry, slots),
    // ---- pages: addresses and tables
    At("pages.base", &runtime.pages.space_.tables_.base),
    At("pages.linear_end", &runtime.pages.space_.linear_end_),
    At("pages.class_of", &runtime.pages.space_.tables_.class_of),
    At("pages.span_of", &runtime.pages.space_.tables_.span_of),
    At("pages.tables", &runtime.pages.space_.by_address_),
    At("pages.last_table", &runtime.pages.space_.records_.base_),
    At("pages.last_table_size", &runtime.pages.space_.records_.size_),
    At("arenas", &runtime.pages.space_.arenas_),
    At("arenas.count", &runtime.pages.space_.arena_count_),
    Number("arena.record", sizeof(PageSpace::Arena)),
    SPANHEAP_FIELD("arena.start", PageSpace::Arena, start),
    SPANHEAP_FIELD("arena.first_chunk", PageSpace::Arena, first_chunk),
    SPANHEAP_FIELD("arena.chunks", PageSpace::Arena, chunks),
    // ---- pages: the allocator
    At("pages.chunks", &runtime.pages.pages_.chunks_),
    Number("chunk.record", sizeof(PageChunk)),
    SPANHEAP_FIELD("chunk.used", PageChunk, used),
    SPANHEAP_FIELD("chunk.scavenged", PageChunk, scavenged),
    SPANHEAP_FIELD("chunk.zeroed", PageChunk, zeroed),
    At("grown.ranges", &runtime.pages.pages_.grown_.ranges_),
    At("grown.count", &runtime.pages.pages_.grown_.count_),
    Number("grown.record", sizeof(ChunkRange)),
    SPANHEAP_FIELD("grown.begin", ChunkRange, begin),
    SPANHEAP_FIELD("grown.end", ChunkRange, end),
    At("pages.grown", &runtime.pages.pages_.counts_.grown),
    At("pages.free", &runtime.pages.pages_.counts_.free),
    At("pages.scavenged", &runtime.pages.pages_.counts_.scavenged),
    At("pages.claimed", &runtime.pages.pages_.counts_.claimed),
    At("ahead.first", &runtime.pages.ahead_.taken_.first),
    At("ahead.pages", &runtime.pages.ahead_.taken_.count),
    At("summary.upper", &runtime.pages.space_.upper_),
    At("summary.leaves", &runtime.pages.space_.leaves_.base_),
    At("summary.levels", &runtime.pages.space_.shape_.levels),
    At("summary.entries", &runtime.pages.space_.shape_.entries),
    At("pages.table_bytes", &runtime.pages.metadata_),
    At("pages.reserved", &runtime.pages.reserved_),
    At("pages.peak", &runtime.pages.peak_grown_),
    At("pages.allocations", &runtime.pages.allocations_),
    At("pages.os_releases", &runtime.pages.os_releases_),
    // ---- the scavenger's view of chunks
    At("age.records", &runtime.pages.pages_.index_.records_),
    At("age.now", &runtime.pages.pages_.index_.generation_),
    Number("age.record", sizeof(ScavengeIndex::Record)),
    SPANHEAP_FIELD("age.used", ScavengeIndex::Record, used),
    SPANHEAP_FIELD("age.generation", ScavengeIndex::Record, generation),
    At("scavenge.in_use", &runtime.scavenger.goal_.in_use_),
    At("scavenge.peak", &runtime.scavenger.goal_.peak_),
    At("scavenge.floor", &runtime.scavenger.goal_.floor_),
    At("scavenge.swing", &runtime.scavenger.goal_.swing_),
    At("scavenge.credit_ns", &runtime.scavenger.budget_.balance_ns_),
    At("scavenge.released", &runtime.scavenger.released_by_),
    At("background.state", &runtime.background.state_),
    At("scavenge.spent_ns", &runtime.scavenger.budget_.spent_ns_),
    At("scavenge.mib_ns", &runtime.scavenger.budget_.cost_per_mib_ns_),
    // ---- spans
    At("spans", &runtime.spans.table_.spans_),
    At("spans.end", &runtime.spans.table_.records_.end_),
    At("spans.mapped", &runtime.spans.table_.records_.mapped_),
    At("spans.reserved", &runtime.spans.table_.records_.reserved_),
    At("bits", &runtime.spans.table_.bits_.cells_),
    At("bits.mapped", &runtime.spans.table_.bits_.mapped_),
    At("bits.reserved", &runtime.spans.table_.bits_.reserved_),
    Number("span.record", sizeof(Span)),
    SPANHEAP_FIELD("span.ownership", Span, ownership),
    SPANHEAP_FIELD("span.bits", Span, bits),
    SPANHEAP_FIELD("span.inline_bits", Span, inline_bits),
    SPANHEAP_FIELD("span.first", Span, first),
    SPANHEAP_FIELD("span.block_bytes", Span, block_bytes),
    SPANHEAP_FIELD("span.slots", Span, slots),
    SPANHEAP_FIELD("span.class", Span, malloc_class),
    SPANHEAP_FIELD("span.state", Span, state),
    SPANHEAP_FIELD("span.pages", Span, pages),
    Number("span.small", static_cast<uint64_t>(SpanState::kSmall)),
    Number("span.solo", static_cast<uint64_t>(SpanState::kSolo)),
    At("spans.small_bytes", &runtime.spans.small_bytes_),
    At("spans.solo_bytes", &runtime.spans.solo_bytes_),
    SPANHEAP_FIELD("span.holes", Span, holes),
    At("spans.hole_bytes", &runtime.spans.hole_bytes_),
    At("spans.os_page", &runtime.spans.os_page_),
    At("kept.bytes", &span_lists.runs.bytes_),
    At("kept.shelves", &span_lists.runs.shelves_),
    Number("kept.record", sizeof(RunCache::Shelf)),
    SPANHEAP_FIELD("kept.count", RunCache::Shelf, count),
    Field("kept.runs", offsetof(RunCache::Shelf, runs), sizeof(PageIndex), RunCache::kDepth),
    At("shelf.shelves", &runtime.spans.shelf_.shelves_),
    Number("shelf.record", sizeof(BatchShelf::Shelf)),
    SPANHEAP_FIELD("shelf.newest", BatchShelf::Shelf, newest),
    SPANHEAP_FIELD("batch.older", BatchShelf::Batch, older),
    SPANHEAP_FIELD("batch.count", BatchShelf::Batch, count),
    Field("batch.blocks", offsetof(BatchShelf::Batch, blocks), sizeof(void*),
          BatchShelf::kMaxBatch),
    // ---- records and large blocks
    At("metadata.bytes", &runtime.metadata.mapped_),
    At("metadata.pieces", &runtime.metadata.pieces_),
    SPANHEAP_FIELD("piece.next", MetadataArena::Piece, next),
    SPANHEAP_FIELD("piece.size", MetadataArena::Piece, size),
    At("large.windows", &runtime.large.windows_),
    At("large.count", &runtime.large.count_),
    At("large.bytes", &runtime.large.live_bytes_),
    At("large.reserved", &runtime.large.reserved_),
    At("large.waste", &runtime.large.waste_),
    Number("window.record", sizeof(LargeBlocks::Window)),
    SPANHEAP_FIELD("window.start", LargeBlocks::Window, start),
    SPANHEAP_FIELD("window.reserved", LargeBlocks::Window, reserved),
    SPANHEAP_FIELD("window.ready", LargeBlocks::Window, ready),
    // ---- threads
    At("threads.first", &runtime.threads.first_),
    At("threads.shared", &shared_block),
    At("ended.taken", &runtime.threads.totals_.taken),
    At("ended.returned", &runtime.threads.totals_.returned),
    At("ended.refills", &runtime.threads.totals_.refills),
    At("ended.flushes", &runtime.threads.totals_.flushes),
    Number("thread.record", sizeof(ThreadBlock)),
    Field("thread.tops", offsetof(ThreadBlock, bins.tops), sizeof(void**), kMallocClassCount),
    SPANHEAP_FIELD("thread.section_depth", ThreadBlock, state.section_depth),
    Field("thread.page_base", offsetof(ThreadBlock, page_cache) + offsetof(PageCache, base_),
          sizeof(PageIndex)),
    Field("thread.page_free", offsetof(ThreadBlock, page_cache) + offsetof(PageCache, free_),
          sizeof(uint64_t)),
    SPANHEAP_FIELD("thread.refills", ThreadBlock, refills),
    SPANHEAP_FIELD("thread.flushes", ThreadBlock, flushes),
    SPANHEAP_FIELD("thread.next", ThreadBlock, next),
    Field("thread.spans", offsetof(ThreadBlock, spans), sizeof(Span*), kSmallClasses + 1),
    SPANHEAP_FIELD("thread.orphaned", ThreadBlock, orphaned),
    Field("thread.classes", offsetof(ThreadBlock, classes), sizeof(ClassState), kMallocClassCount),
    SPANHEAP_FIELD("state.bottom", ClassState, bottom),
    SPANHEAP_FIELD("state.capacity", ClassState, capacity),
    SPANHEAP_FIELD("state.taken", ClassState, taken),
    SPANHEAP_FIELD("state.returned", ClassState, returned),
    SPANHEAP_FIELD("state.requests", ClassState, requests),
    SPANHEAP_FIELD("state.requested_bytes", ClassState, requested_bytes),
    SPANHEAP_FIELD("thread.id", ThreadBlock, thread_id),
    At("ended.requests", &runtime.threads.totals_.requests),
    At("ended.requested_bytes", &runtime.threads.totals_.requested_bytes),
    At("bootstrap.used", &bootstrap_arena.used_),
    // ---- the collected heap: where it is, and fields of it
    At("collected.heap", &CollectedHeap::the_heap_),
    SPANHEAP_COLLECTED("gc.records", store.records_.spans_),
    SPANHEAP_COLLECTED("gc.records_end", store.records_.end_),
    SPANHEAP_COLLECTED("gc.records_ready", store.records_.ready_),
    SPANHEAP_COLLECTED("gc.records_capacity", store.records_.capacity_),
    SPANHEAP_COLLECTED("gc.tables", store.tables_.covered_),
    SPANHEAP_COLLECTED("gc.tables_reserved", store.tables_.reserved_),
    SPANHEAP_COLLECTED("gc.tables_used", store.tables_.used_),
    SPANHEAP_COLLECTED("gc.marks", store.tables_.marks_),
    SPANHEAP_COLLECTED("gc.allocated", store.tables_.allocated_),
    SPANHEAP_COLLECTED("gc.pointers", store.tables_.pointers_),
    SPANHEAP_COLLECTED("gc.generation", store.generation_),
    SPANHEAP_COLLECTED("gc.pages", store.pages_in_use_),
    Number("gc.mark_record", sizeof(collected::MarkBlock)),
    Number("gc.allocated_record", sizeof(collected::AllocatedBlock)),
    Number("gc.allocated_in_marks", collected::MarkBlock::kAllocated * sizeof(uint64_t)),
    Number("gc.pointer_record", sizeof(collected::PointerBlock)),
    Number("gcspan.record", sizeof(collected::CollectedSpan)),
    SPANHEAP_FIELD("gcspan.first", collected::CollectedSpan, first),
    SPANHEAP_FIELD("gcspan.pages", collected::CollectedSpan, pages),
    SPANHEAP_FIELD("gcspan.swept", collected::CollectedSpan, swept),
    SPANHEAP_FIELD("gcspan.bytes", collected::CollectedSpan, bytes),
    SPANHEAP_FIELD("gcspan.kind", collected::CollectedSpan, kind),
    At("gckinds", collected::kSpanKinds.data()),
    Number("gckind.count", collected::kKindCount),
    Number("gckind.record", sizeof(collected::SpanKind)),
    Number("gckind.no_pointers", static_cast<uint64_t>(collected::Domain::kNoScan)),
    SPANHEAP_FIELD("gckind.block_bytes", collected::SpanKind, block_bytes),
    SPANHEAP_FIELD("gckind.slots", collected::SpanKind, slots),
    SPANHEAP_FIELD("gckind.domain", collected::SpanKind, domain),
    SPANHEAP_FIELD("gckind.words", collected::SpanKind, words),
    // what threads have claimed and not handed out
    Field("gc.thread_records", offsetof(CollectedHeap, records_), sizeof(CollectedHeap::records_)),
    SPANHEAP_FIELD("gcthread.older", collected::HeapThread, older),
    Field("gcthread.words", offsetof(collected::HeapThread, cache.words),
          sizeof(collected::ClaimedWord), collected::kKindCount),
    Field("gcthread.page_base",
          offsetof(collected::HeapThread, cache.pages) + offsetof(PageCache, base_),
          sizeof(PageIndex)),
    Field("gcthread.page_free",
          offsetof(collected::HeapThread, cache.pages) + offsetof(PageCache, free_),
          sizeof(uint64_t)),
    SPANHEAP_FIELD("claimed.free", collected::ClaimedWord, slots.free),
    // what the collector did last
    SPANHEAP_COLLECTED("gc.events", events.count_),
    SPANHEAP_COLLECTED("gc.event_ring", events.events_),
    Number("event.record", sizeof(collected::EventLog::Event)),
    Number("event.count", collected::EventLog::kCapacity),
    SPANHEAP_FIELD("event.tag", collected::EventLog::Event, tag),
    SPANHEAP_FIELD("event.begin_ns", collected::EventLog::Event, begin_ns),
    SPANHEAP_FIELD("event.length_ns", collected::EventLog::Event, length_ns),
    SPANHEAP_FIELD("event.value", collected::EventLog::Event, value),
    SPANHEAP_FIELD("event.thread", collected::EventLog::Event, thread),
    // its figures
    SPANHEAP_COLLECTED("gc.phase", state.phase),
    SPANHEAP_COLLECTED("gc.live_bytes", state.live),
    SPANHEAP_COLLECTED("gc.goal_bytes", state.goal),
    SPANHEAP_COLLECTED("gc.trigger_bytes", state.trigger),
    SPANHEAP_COLLECTED("gc.allocated_bytes", state.allocated_bytes),
    SPANHEAP_COLLECTED("gc.freed_bytes", store.freed_bytes_),
    SPANHEAP_COLLECTED("gc.external_bytes", specials.external_),
    SPANHEAP_COLLECTED("gc.cycles", cycles_),
    SPANHEAP_COLLECTED("gc.forced_cycles", totals.forced_cycles),
    SPANHEAP_COLLECTED("gc.unswept_spans", store.unswept_),
    Field("gc.thread_count", offsetof(CollectedHeap, mutators.count_),
          sizeof(CollectedHeap::mutators.count_)),
    SPANHEAP_COLLECTED("gc.stops", totals.stops),
    SPANHEAP_COLLECTED("gc.stop_total_ns", totals.stop_ns),
    SPANHEAP_COLLECTED("gc.stop_max_ns", totals.longest_stop_ns),
    SPANHEAP_COLLECTED("gc.assist_ns", totals.assist_ns),
    SPANHEAP_COLLECTED("gc.background_ns", totals.background_ns),
    Field("gc.stop_times", offsetof(CollectedHeap, collector.stop_times.counts_), sizeof(uint64_t),
          collected::TimeHistogram::kBuckets),
    Field("gc.assist_times", offsetof(CollectedHeap, collector.assist_times.counts_),
          sizeof(uint64_t), collected::TimeHistogram::kBuckets),
    SPANHEAP_COLLECTED("gc.marked_bytes", last_.value_.marked),
    SPANHEAP_COLLECTED("gc.marked_objects", last_.value_.marked_objects),
    SPANHEAP_COLLECTED("gc.last_scanned_heap", last_.value_.heap_scanned),
    SPANHEAP_COLLECTED("gc.last_scanned_roots", last_.value_.roots_scanned),
    SPANHEAP_COLLECTED("gc.last_stop1_ns", last_.value_.stop1_ns),
    SPANHEAP_COLLECTED("gc.last_mark_ns", last_.value_.mark_ns),
    SPANHEAP_COLLECTED("gc.last_stop2_ns", last_.value_.stop2_ns),
    SPANHEAP_COLLECTED("gc.last_assist_ns", last_.value_.assist_ns),
    SPANHEAP_COLLECTED("gc.last_background_ns", last_.value_.background_ns),
    // ---- limits: bytes; all ones: none
    At("gauge.counted", &runtime.pages.gauge_.counted_),
    At("gauge.ceiling", &runtime.pages.gauge_.ceiling_),
    At("gauge.target", &runtime.pages.gauge_.target_),
    At("gauge.limit", &runtime.pages.gauge_.limit_),
    // ---- options
    At("option.verify", &options.verify),
    At("option.sample", &options.sample),
    At("option.reserve", &options.reserve),
};
// NOLINTEND(bugprone-sizeof-expression, bugprone-macro-parentheses)
constinit const uint32_t RootRecord::kCount = sizeof(kEntries) / sizeof(kEntries[0]);

}  // namespace spanheap

extern "C" {
[[gnu::used]] constinit const sh_root_record sh_root_record_1 = {SH_ROOT_MAGIC,
                                                                 SH_ROOT_FORMAT,
                                                                 sizeof(sh_root_entry),
                                                                 spanheap::RootRecord::kCount,
                                                                 0,
                                                                 spanheap::RootRecord::kEntries,
                                                                 SPANHEAP_VERSION_TEXT};
}

// owner size, content size, type; owner; the distance from the content to the record.
asm(".pushsection .note.spanheap, \"a\", %note\n"
    ".balign 4\n"
    ".long 9\n"
    ".long 8\n"
    ".long 1\n"
    ".asciz \"spanheap\"\n"
    ".balign 4\n"
    ".quad sh_root_record_1 - .\n"
    ".popsection\n");
