// SPDX-License-Identifier: MIT
//
// What cannot be is refused, not followed. Whole cores are damaged by damaged_core_test.py.
#include "spanheap/look/damage.h"

#include <gtest/gtest.h>

#include <string>

#include "spanheap/look/heap_map.h"
#include "spanheap/look/root_reader.h"
#include "spanheap/look/table_reader.h"

namespace spanheap::look {
namespace {

// All of it can be read, and all of it is zero.
class ZeroMemory final : public Memory {
 public:
  size_t ReadMany(std::span<const MemoryPiece>) const override { return 0; }
  uint64_t size_limit() const override { return 1000; }
};

TEST(RootFieldTest, LiesWithinItsRecordOrThrows) {
  const std::string record = "12345678abcdefgh";
  const RootField field = {8, 1, 8};
  EXPECT_EQ(field.In(record, 7), uint64_t{'h'});
  EXPECT_THROW(field.In(record, 8), Damaged);
  EXPECT_THROW((RootField{17, 0, 1}.In(record)), Damaged);
  EXPECT_THROW((RootField{12, 8, 1}.In(record)), Damaged);
  EXPECT_THROW((RootField{1 << 20, 4, 1}.In(record)), Damaged);
  EXPECT_EQ(RootField().In(record), 0U) << "what the library does not tell is 0";
  EXPECT_THROW((RootField{8, 16, 1}.PartOf(record, 0)), Damaged);
}

TEST(TableReaderTest, ReadsNoMoreInAllThanCanBeThere) {
  const ZeroMemory memory;
  TableReader tables(memory);
  EXPECT_EQ(tables.Read(8, 10, 60, "things")[59], std::string(10, '\0'));
  EXPECT_THROW(tables.Read(8, 10, 60, "things"), Damaged);
  EXPECT_THROW(tables.Read(8, uint64_t{1} << 40, uint64_t{1} << 40, "things"), Damaged);
  tables.Charge(400, 1, "things");
  EXPECT_THROW(tables.Charge(1, 1, "things"), Damaged);
}

TEST(TrailTest, DoesNotFollowACircle) {
  Trail trail;
  trail.Step(8, "things");
  trail.Step(16, "things");
  EXPECT_THROW(trail.Step(8, "things"), Damaged);
}

HeapImage ImageOfOneChunk() {
  HeapImage image;
  image.page_size = 8192;
  image.chunk_pages = 64;
  image.first_run_class = 1;
  image.classes.resize(1);
  image.arenas = {{1 << 20, 1, 1}};
  ChunkImage chunk;
  chunk.number = 1;
  chunk.used.resize(1);
  chunk.scavenged.resize(1);
  chunk.class_of.resize(64);
  image.chunks = {chunk};
  return image;
}

TEST(HeapMapTest, IsNotBusyForEverWithPagesThatAreNotThere) {
  HeapImage image = ImageOfOneChunk();
  SpanImage span;
  span.is_solo = true;
  for (const uint32_t first : {64U, 0U, ~0U}) {
    span.first_page = first;
    span.pages = ~uint32_t{0};
    image.spans = {span};
    EXPECT_THROW(HeapMap{image}, Damaged) << first;
  }
}

TEST(HeapImageTest, KnowsWhatItsArenasHold) {
  const HeapImage image = ImageOfOneChunk();
  EXPECT_TRUE(image.Holds(64, 64));
  EXPECT_TRUE(image.Holds(127, 1));
  for (const auto& [first, pages] :
       {std::pair{63U, 1U}, {64U, 65U}, {127U, 2U}, {128U, 1U}, {64U, ~0U}, {64U, 0U}}) {
    EXPECT_FALSE(image.Holds(first, pages)) << first << "+" << pages;
  }
}

TEST(HeapImageTest, HolesNeedPagesOfTheSystem) {
  HeapImage image = ImageOfOneChunk();
  SpanImage span;
  span.pages = 64;
  span.holes = 1;
  EXPECT_EQ(image.HoleBytesOf(span), 0U);
}

}  // namespace
}  // namespace spanheap::look
