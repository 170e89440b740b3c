// SPDX-License-Identifier: MIT
//
// The parts of looking from outside, on this very process and on images made by
// hand. The whole is tested by explain_test.py.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "spanheap/look/account.h"
#include "spanheap/look/build_id.h"
#include "spanheap/look/core_file.h"
#include "spanheap/look/process_memory.h"
#include "spanheap/look/root_reader.h"

namespace spanheap::look {
namespace {

constexpr uint64_t kPage = 8192;

Mapping Named(const std::string& name, const std::string& permissions) {
  Mapping mapping;
  mapping.start = 0x1000;
  mapping.end = 0x9000;
  mapping.permissions = permissions;
  mapping.name = name;
  return mapping;
}

TEST(Mappings, AreToldApart) {
  EXPECT_EQ(KindOf(Named("[stack]", "rw-p"), {}), MappingKind::kStack);
  EXPECT_EQ(KindOf(Named("", "rw-p"), {0x8ff0}), MappingKind::kStack);
  EXPECT_EQ(KindOf(Named("", "rw-p"), {0x9000}), MappingKind::kAnonymous);
  EXPECT_EQ(KindOf(Named("/lib/libc.so.6", "r-xp"), {}), MappingKind::kCode);
  EXPECT_EQ(KindOf(Named("/lib/libc.so.6", "rw-p"), {}), MappingKind::kFile);
  EXPECT_EQ(KindOf(Named("/dev/shm/x", "rw-s"), {}), MappingKind::kShared);
  EXPECT_EQ(KindOf(Named("[heap]", "rw-p"), {}), MappingKind::kBreak);
  EXPECT_EQ(KindOf(Named("[vdso]", "r-xp"), {}), MappingKind::kKernel);
}

TEST(Mappings, OfThisProcessHoldItsStack) {
  const auto mappings = ReadMappings(getpid());
  const auto here = reinterpret_cast<uint64_t>(&mappings);
  const auto stack = std::find_if(mappings.begin(), mappings.end(), [here](const Mapping& m) {
    return m.start <= here && here < m.end;
  });
  ASSERT_NE(stack, mappings.end());
  EXPECT_EQ(stack->name, "[stack]");
  EXPECT_GT(stack->resident, 0U);
}

TEST(ResidencyTest, CountsTouchedPagesOnly) {
  const auto os_page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t size = 16 * os_page;
  void* const p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(p, MAP_FAILED);
  madvise(p, size, MADV_NOHUGEPAGE);
  auto* const bytes = static_cast<volatile char*>(p);
  bytes[2 * os_page] = 1;
  bytes[3 * os_page] = 1;
  bytes[9 * os_page] = 1;
  const auto start = reinterpret_cast<uint64_t>(p);
  const Residency residency(getpid(), {{start, start + size}});
  ASSERT_TRUE(residency.is_known());
  EXPECT_EQ(residency.BytesIn(start, start + size), 3 * os_page);
  EXPECT_EQ(residency.BytesIn(start + 3 * os_page, start + 9 * os_page), os_page);
  EXPECT_EQ(residency.BytesIn(start + 4 * os_page, start + 9 * os_page), 0U);
  munmap(p, size);
}

// More than the kernel tells in one of its steps, and more than it is asked for in one call.
TEST(ResidencyTest, CountsEachOfManyPagesOnce) {
  const auto os_page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  for (const uint64_t count : {512, 513, 600, 1500, 4096, 4097, 5000}) {
    const uint64_t size = 4 * count * os_page;
    void* const p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(p, MAP_FAILED);
    madvise(p, size, MADV_NOHUGEPAGE);
    for (uint64_t i = 0; i < count; ++i) static_cast<volatile char*>(p)[2 * i * os_page] = 1;
    const auto start = reinterpret_cast<uint64_t>(p);
    const Residency residency(getpid(), {{start, start + size}});
    EXPECT_EQ(residency.BytesIn(start, start + size), count * os_page);
    for (uint64_t i = 0; i < 4 * count; ++i) {
      const uint64_t at = start + i * os_page;
      ASSERT_EQ(residency.BytesIn(at, at + os_page), i < 2 * count && i % 2 == 0 ? os_page : 0);
    }
    munmap(p, size);
  }
}

TEST(ProcessMemoryTest, ReadsAllPiecesButThoseThatAreNowhere) {
  const uint64_t numbers[] = {11, 22};
  const auto address = reinterpret_cast<uint64_t>(numbers);
  const ProcessMemory memory(getpid(), address);
  uint64_t first = 1;
  uint64_t nowhere = 1;
  uint64_t second = 1;
  const MemoryPiece pieces[] = {{address, &first, 8}, {8, &nowhere, 8}, {address + 8, &second, 8}};
  EXPECT_EQ(memory.ReadMany(pieces), 1U);
  EXPECT_EQ(first, 11U);
  EXPECT_EQ(nowhere, 0U);
  EXPECT_EQ(second, 22U);
}

TEST(RootReaderTest, SaysThatThisProgramHasNoHeapOfOurs) {
  const uint64_t probe = 0;
  const ProcessMemory memory(getpid(), reinterpret_cast<uint64_t>(&probe));
  EXPECT_THROW(RootReader(memory, ReadMappingsOnly(getpid()), "this"), std::runtime_error);
}

TEST(CoreFileTest, RefusesWhatIsNone) {
  const std::string path = testing::TempDir() + "look_test_" + std::to_string(getpid());
  std::ofstream(path) << "no core";
  EXPECT_THROW(CoreFile{path}, std::runtime_error);
  unlink(path.c_str());
  EXPECT_THROW(CoreFile("/proc/self/exe"), std::runtime_error);
}

// What a core file says of its own size is not believed.
TEST(CoreFileTest, RefusesNumbersThatLeadOutOfIt) {
  const std::string path = testing::TempDir() + "look_test_core_" + std::to_string(getpid());
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_type = ET_CORE;
  header.e_phoff = sizeof(header);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  const auto refuses = [&] {
    std::ofstream(path)
        .write(reinterpret_cast<char*>(&header), sizeof header)
        .write(reinterpret_cast<char*>(&segment), sizeof segment);
    try {
      const CoreFile core(path);
      return false;
    } catch (const std::runtime_error& error) {
      return std::string(error.what()).find("cut short") != std::string::npos;
    }
  };
  EXPECT_FALSE(refuses());
  for (const uint64_t offset : {~uint64_t{0}, ~uint64_t{0} - 100, uint64_t{1} << 40}) {
    segment.p_offset = offset;
    segment.p_filesz = 1000;
    EXPECT_TRUE(refuses()) << offset;
  }
  segment = {};
  header.e_phoff = ~uint64_t{0} - 10;
  EXPECT_TRUE(refuses());
  unlink(path.c_str());
}

TEST(BuildIdTest, IsFoundInThisProgramOrNowhere) {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string program{std::istreambuf_iterator<char>(file), {}};
  const std::string id = BuildIdOf(program);
  EXPECT_EQ(BuildIdOf(program.substr(0, 4096)), id);
  for (size_t size = 0; size < 4096; size += 7) {
    const std::string of_part = BuildIdOf(program.substr(0, size));
    EXPECT_TRUE(of_part.empty() || of_part == id) << size;
  }
}

// A heap of one chunk at 1 MiB: a span of four 2 KiB slots on page 0, a run on
// pages 2 and 3, page 4 free, the others released.
HeapImage SmallImage() {
  HeapImage image;
  image.page_size = kPage;
  image.chunk_pages = 64;
  image.first_run_class = 2;
  image.os_page = 4096;
  image.classes = {{0, 0, 0}, {2048, 1, 4}, {16384, 2, 1}};
  image.arenas = {{1 << 20, 1, 1}};
  ChunkImage chunk;
  chunk.number = 1;
  chunk.used = {0b1101};
  chunk.scavenged = {~uint64_t{0b11101}};
  chunk.class_of.resize(64);
  chunk.class_of[0] = 1;
  chunk.class_of[2] = 2;
  image.chunks = {chunk};
  SpanImage span;
  span.first_page = 64;
  span.pages = 1;
  span.block_bytes = 2048;
  span.slots = 4;
  span.malloc_class = 1;
  image.spans = {span};
  image.bits = {0b0111};
  image.threads.resize(1);
  image.threads[0].bins.resize(3);
  image.counters.grown = 64 * kPage;
  image.shelf.resize(3);
  image.requests_of_ended.resize(3);
  return image;
}

TEST(AccountTest, PutsEachByteIntoOneCategory) {
  HeapImage image = SmallImage();
  image.threads[0].bins[1].blocks = {(1 << 20) + 2048};
  const HeapMap map(image);
  const Account account = MakeAccount(image, map, Residency());
  EXPECT_EQ(account.Of(Category::kLive).mapped, 2 * 2048 + 2 * kPage);
  EXPECT_EQ(account.Of(Category::kThreadCache).mapped, 2048U);
  EXPECT_EQ(account.Of(Category::kFreeInSpans).mapped, 2048U);
  EXPECT_EQ(account.Of(Category::kFreePages).mapped, kPage);
  EXPECT_EQ(account.Of(Category::kReleased).mapped, 60 * kPage);
  EXPECT_EQ(account.MappedSum(), account.mapped);
  EXPECT_EQ(account.unreconciled, 0U);
  EXPECT_EQ(account.live_blocks, 3U);
}

TEST(AccountTest, RunsAndShelvesThatWaitAreNotLive) {
  HeapImage image = SmallImage();
  image.threads[0].bins[2].blocks = {(1 << 20) + 2 * kPage};
  image.shelf[1] = {1 << 20};
  const HeapMap map(image);
  const Account account = MakeAccount(image, map, Residency());
  EXPECT_EQ(account.Of(Category::kThreadCache).mapped, 2 * kPage);
  EXPECT_EQ(account.Of(Category::kCentralCache).mapped, 2048U);
  EXPECT_EQ(account.Of(Category::kLive).mapped, 2 * 2048U);
  EXPECT_EQ(account.unreconciled, 0U);
}

TEST(AccountTest, HolesCountAsReleased) {
  HeapImage image = SmallImage();
  image.bits = {0b0011};
  image.spans[0].holes = 0b10;
  image.counters.hole_bytes = 4096;
  const Account account = MakeAccount(image, HeapMap(image), Residency());
  EXPECT_EQ(account.Of(Category::kFreeInSpans).mapped, 0U);
  EXPECT_EQ(account.Of(Category::kReleased).mapped, 60 * kPage + 4096);
  EXPECT_EQ(account.unreconciled, 0U);
}

TEST(AccountTest, PagesTouchedAheadOfNeedAreInACache) {
  HeapImage image = SmallImage();
  image.chunks[0].used[0] |= 0b11 << 5;
  image.chunks[0].scavenged[0] &= ~uint64_t{0b11 << 5};
  image.ahead = {64 + 5, 2};
  const Account account = MakeAccount(image, HeapMap(image), Residency());
  EXPECT_EQ(account.Of(Category::kPageCache).mapped, 2 * kPage);
  EXPECT_EQ(account.unreconciled, 0U);
}

TEST(AccountTest, ContradictionsAreCounted) {
  HeapImage twice = SmallImage();
  twice.threads[0].bins[1].blocks = {1 << 20, 1 << 20};
  EXPECT_EQ(MakeAccount(twice, HeapMap(twice), Residency()).unreconciled, 2048U);
  HeapImage free_block = SmallImage();
  free_block.threads[0].bins[1].blocks = {(1 << 20) + 3 * 2048};
  EXPECT_EQ(MakeAccount(free_block, HeapMap(free_block), Residency()).unreconciled, 2048U);
  HeapImage nobodys = SmallImage();
  nobodys.chunks[0].used[0] |= 1 << 5;
  nobodys.chunks[0].scavenged[0] &= ~uint64_t{1 << 5};
  EXPECT_EQ(MakeAccount(nobodys, HeapMap(nobodys), Residency()).unreconciled, kPage);
}

}  // namespace
}  // namespace spanheap::look
