// SPDX-License-Identifier: MIT
#include "runtime/root_record.h"

#include <gtest/gtest.h>
#include <link.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "runtime/heap_fixture.h"
#include "runtime/heap_section.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

const sh_root_entry& Named(const std::string& name) {
  for (uint32_t i = 0; i < sh_root_record_1.entry_count; ++i) {
    if (name == sh_root_record_1.entries[i].name) return sh_root_record_1.entries[i];
  }
  ADD_FAILURE() << "there is no " << name;
  static const sh_root_entry none{};
  return none;
}

uint64_t Read(const volatile void* from, uint32_t size) {
  uint64_t value = 0;
  memcpy(&value, const_cast<const void*>(from), size);
  return value;
}

uint64_t Number(const std::string& name) {
  EXPECT_EQ(Named(name).kind, SH_ROOT_NUMBER) << name;
  return Named(name).where.number;
}
// The variable's value.
uint64_t Value(const std::string& name) {
  EXPECT_EQ(Named(name).kind, SH_ROOT_ADDRESS) << name;
  return Read(Named(name).where.address, Named(name).size);
}
// The field of the record at `record`, as a tool reads it.
uint64_t FieldOf(const void* record, const std::string& name, unsigned element = 0) {
  const sh_root_entry& entry = Named(name);
  EXPECT_EQ(entry.kind, SH_ROOT_FIELD) << name;
  EXPECT_LT(element, entry.count);
  return Read(static_cast<const char*>(record) + entry.where.number + element * entry.size,
              entry.size);
}
const char* Pointer(uint64_t value) { return reinterpret_cast<const char*>(value); }
uint64_t ValueOf(const void* p) { return AddressOf(p).value; }

class RootRecordTest : public HeapFixture {};

// The note's content as dl_iterate_phdr finds it in this program.
int FindNote(dl_phdr_info* info, size_t, void* found) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const char* at = Pointer(info->dlpi_addr + segment.p_vaddr);
    for (const char* end = at + segment.p_memsz; at < end;) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const char* owner = at + sizeof(*note);
      const char* content = owner + RoundUp(size_t{note->n_namesz}, 4);
      if (strcmp(owner, "spanheap") == 0) *static_cast<const char**>(found) = content;
      at = content + RoundUp(size_t{note->n_descsz}, 4);
    }
  }
  return 0;
}

TEST_F(RootRecordTest, IsFoundThroughItsNote) {
  const char* content = nullptr;
  dl_iterate_phdr(FindNote, &content);
  ASSERT_NE(content, nullptr);
  EXPECT_EQ(content + static_cast<int64_t>(Read(content, 8)),
            reinterpret_cast<const char*>(&sh_root_record_1));
  EXPECT_STREQ(sh_root_record_1.magic, SH_ROOT_MAGIC);
  EXPECT_EQ(sh_root_record_1.entry_size, sizeof(sh_root_entry));
}

TEST_F(RootRecordTest, NamesEachThingOnce) {
  std::set<std::string> names;
  for (uint32_t i = 0; i < sh_root_record_1.entry_count; ++i) {
    EXPECT_TRUE(names.insert(sh_root_record_1.entries[i].name).second);
  }
}

TEST_F(RootRecordTest, LeadsToTheTablesInUse) {
  const PageTables& tables = runtime.pages.tables();
  EXPECT_EQ(Value("started"), 1U);
  EXPECT_EQ(Value("pages.base"), tables.base.value);
  EXPECT_EQ(Value("pages.class_of"), ValueOf(tables.class_of));
  EXPECT_EQ(Value("pages.span_of"), ValueOf(tables.span_of));
  EXPECT_EQ(Value("spans"), ValueOf(&runtime.spans.table().At(0)));
  EXPECT_EQ(Value("spans.end"), runtime.spans.table().end());
  EXPECT_EQ(Value("threads.first"), ValueOf(this_thread.block));
  EXPECT_EQ(ValueOf(const_cast<const void*>(Named("threads.shared").where.address)),
            ValueOf(&runtime.threads.shared_block()));
}

TEST_F(RootRecordTest, CountersAreThoseOfTheReport) {
  const HeapSection section;  // for the lock of the page heap
  const PageHeapStats stats = runtime.pages.ReadStats();
  EXPECT_EQ(Value("pages.grown") * Number("page.size"), stats.grown);
  EXPECT_EQ(Value("pages.scavenged") * Number("page.size"), stats.released);
  EXPECT_EQ(Value("pages.table_bytes"), stats.metadata);
  EXPECT_EQ(Value("pages.reserved"), stats.reserved);
  EXPECT_EQ(Value("pages.os_releases"), stats.os_releases);
  EXPECT_EQ(Value("metadata.bytes"), runtime.metadata.mapped().value);
  EXPECT_EQ(Value("spans.mapped") + Value("bits.mapped"), runtime.spans.table().mapped().value);
  EXPECT_EQ(Value("spans.small_bytes"), runtime.spans.small_bytes());
  EXPECT_EQ(Value("spans.hole_bytes"), runtime.spans.hole_bytes());
  EXPECT_EQ(Value("kept.bytes"), runtime.spans.kept_run_bytes());
}

TEST_F(RootRecordTest, MetadataPiecesAddUp) {
  uint64_t sum = 0;
  for (uint64_t piece = Value("metadata.pieces"); piece != 0;) {
    sum += FieldOf(Pointer(piece), "piece.size");
    piece = FieldOf(Pointer(piece), "piece.next");
  }
  EXPECT_EQ(sum, runtime.metadata.mapped().value);
}

TEST_F(RootRecordTest, DescribesASpan) {
  void* const block = heap::Allocate(200);
  const Span& span = *runtime.spans.SpanOf(AddressOf(block));
  const char* record =
      Pointer(Value("spans") + runtime.spans.table().IndexOf(&span) * Number("span.record"));
  ASSERT_EQ(record, reinterpret_cast<const char*>(&span));
  EXPECT_EQ(FieldOf(record, "span.first"), span.first.value);
  EXPECT_EQ(FieldOf(record, "span.block_bytes"), span.block_bytes);
  EXPECT_EQ(FieldOf(record, "span.slots"), span.slots);
  EXPECT_EQ(FieldOf(record, "span.class"), span.malloc_class);
  EXPECT_EQ(FieldOf(record, "span.pages"), span.pages);
  EXPECT_EQ(FieldOf(record, "span.state"), Number("span.small"));
  EXPECT_EQ(FieldOf(record, "span.bits"), ValueOf(span.bits));
  EXPECT_EQ(FieldOf(record, "span.ownership") & 0xffffffff, span.ownership.free_count());
  heap::Free(block, "free");
}

TEST_F(RootRecordTest, DescribesTheBins) {
  void* const block = heap::Allocate(1000);
  heap::Free(block, "free");
  ThreadBlock& mine = *this_thread.block;
  const unsigned c = MallocClassFor(1000);
  const char* state = reinterpret_cast<const char*>(&mine) + Named("thread.classes").where.number +
                      c * Named("thread.classes").size;
  const uint64_t top = FieldOf(&mine, "thread.tops", c);
  EXPECT_EQ(Read(Pointer(top), 8), ValueOf(block));
  EXPECT_EQ((top - FieldOf(state, "state.bottom")) / 8, mine.depth(c));
  EXPECT_EQ(FieldOf(&mine, "thread.spans", c), ValueOf(mine.spans[c]));
  EXPECT_EQ(FieldOf(state, "state.taken"), mine.classes[c].taken.LoadAcquire());
  EXPECT_EQ(FieldOf(state, "state.returned"), mine.classes[c].returned.LoadAcquire());
  EXPECT_EQ(FieldOf(&mine, "thread.page_base"), mine.page_cache.base().value);
  EXPECT_EQ(FieldOf(&mine, "thread.page_free"), mine.page_cache.free_bits());
  EXPECT_EQ(FieldOf(&mine, "thread.section_depth"), 0U);
}

TEST_F(RootRecordTest, DescribesPagesAndClasses) {
  void* const block = heap::Allocate(100'000);
  const PageIndex page = runtime.pages.IndexOf(AddressOf(block));
  const char* chunk = Pointer(Value("pages.chunks") + ChunkOf(page).value * Number("chunk.record"));
  const unsigned in_chunk = PageInChunk(page);
  const auto bit = [&](const char* field) {
    return Read(chunk + Named(field).where.number + in_chunk / 64 * 8, 8) >> (in_chunk % 64) & 1;
  };
  EXPECT_EQ(bit("chunk.used"), 1U);
  EXPECT_EQ(bit("chunk.scavenged"), 0U);
  const uint64_t c = Read(Pointer(Value("pages.class_of") + page.value), 1);
  EXPECT_EQ(c, MallocClassFor(100'000));
  const char* geometry =
      reinterpret_cast<const char*>(const_cast<const void*>(Named("classes").where.address)) +
      c * Number("class.record");
  EXPECT_EQ(FieldOf(geometry, "class.block_bytes"), BlockBytes(static_cast<unsigned>(c)));
  EXPECT_GE(c, Number("class.first_run"));
  const char* range = Pointer(Value("grown.ranges"));
  EXPECT_LE(FieldOf(range, "grown.begin"), ChunkOf(page).value);
  EXPECT_GT(FieldOf(range + (Value("grown.count") - 1) * Number("grown.record"), "grown.end"),
            ChunkOf(page).value);
  heap::Free(block, "free");
}

TEST_F(RootRecordTest, DescribesTheShelf) {
  constexpr unsigned kMany = 20000;  // more than a bin holds
  std::vector<void*> blocks(kMany);
  for (void*& block : blocks) block = heap::Allocate(64);
  for (void* block : blocks) heap::Free(block, "free");
  const unsigned c = MallocClassFor(64);
  ASSERT_GT(runtime.spans.shelved(c), 0U);
  const char* shelf =
      static_cast<const char*>(const_cast<const void*>(Named("shelf.shelves").where.address)) +
      c * Number("shelf.record");
  uint64_t count = 0;
  for (uint64_t batch = FieldOf(shelf, "shelf.newest"); batch != 0;) {
    count += FieldOf(Pointer(batch), "batch.count");
    const uint64_t block = FieldOf(Pointer(batch), "batch.blocks");
    EXPECT_EQ(runtime.spans.SpanOf(Address(block))->malloc_class, c);
    batch = FieldOf(Pointer(batch), "batch.older");
  }
  EXPECT_EQ(count, runtime.spans.shelved(c));
}

TEST_F(RootRecordTest, DescribesLargeBlocksAndKeptRuns) {
  void* const block = heap::Allocate(40 << 20);
  ASSERT_EQ(Value("large.count"), 1U);
  const char* window = Pointer(Value("large.windows"));
  EXPECT_EQ(FieldOf(window, "window.start"), ValueOf(block));
  EXPECT_EQ(FieldOf(window, "window.ready"), size_t{40} << 20);
  EXPECT_EQ(FieldOf(window, "window.reserved"), runtime.large.reserved_bytes().value);
  heap::Free(block, "free");

  uint64_t kept = 0;
  const char* shelf =
      static_cast<const char*>(const_cast<const void*>(Named("kept.shelves").where.address));
  for (unsigned i = 0; i < Named("kept.shelves").count; ++i, shelf += Number("kept.record")) {
    kept += FieldOf(shelf, "kept.count") *
            BlockBytes(static_cast<unsigned>(Number("class.first_run")) + i);
  }
  EXPECT_EQ(kept, runtime.spans.kept_run_bytes());
}

}  // namespace
}  // namespace spanheap
