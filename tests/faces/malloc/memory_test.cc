// SPDX-License-Identifier: MIT
//
// spanheap/memory.h over libspanheap-embed: the program's own malloc stays libc's.
#include "spanheap/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory_resource>
#include <string>
#include <vector>

namespace spanheap {
namespace {

struct alignas(256) Wide {
  char data[300];
};

bool IsAligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

TEST(MemoryResource, ContainersLiveInThisHeap) {
  std::pmr::vector<std::pmr::string> texts(heap_resource());
  for (int i = 0; i < 5000; ++i) texts.emplace_back(std::string(static_cast<size_t>(i % 700), 'x'));
  EXPECT_EQ(sh_owns(texts.data()), 1);
  EXPECT_EQ(sh_owns(texts[699].data()), 1);
  EXPECT_EQ(texts[699], std::string(699, 'x').c_str());
}

TEST(MemoryResource, GivesWideAlignments) {
  for (size_t alignment = 1; alignment <= size_t{1} << 21; alignment *= 2) {
    void* p = heap_resource()->allocate(1000, alignment);
    EXPECT_TRUE(IsAligned(p, alignment));
    heap_resource()->deallocate(p, 1000, alignment);
  }
}

TEST(MemoryResource, AllAreEqualAndNoOther) {
  MemoryResource other;
  EXPECT_TRUE(heap_resource()->is_equal(other));
  EXPECT_TRUE(other.is_equal(*heap_resource()));
  EXPECT_FALSE(heap_resource()->is_equal(*std::pmr::new_delete_resource()));
}

TEST(MemoryResource, ThrowsWhereThereIsNone) {
  EXPECT_THROW(static_cast<void>(heap_resource()->allocate(size_t{1} << 61, 16)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(heap_resource()->allocate(size_t{1} << 61, 64)), std::bad_alloc);
}

TEST(Allocator, HasNoStateAndServesContainers) {
  static_assert(sizeof(std::vector<int, Allocator<int>>) == sizeof(std::vector<int>));
  std::vector<int, Allocator<int>> numbers(1000, 7);
  std::list<Wide, Allocator<Wide>> wide(10);
  std::map<int, int, std::less<>, Allocator<std::pair<const int, int>>> map;
  for (int i = 0; i < 1000; ++i) map[i] = i;
  EXPECT_EQ(sh_owns(numbers.data()), 1);
  for (const Wide& each : wide) EXPECT_TRUE(IsAligned(&each, 256));
  EXPECT_EQ(sh_owns(&map[500]), 1);
  EXPECT_TRUE(Allocator<int>() == Allocator<Wide>());
}

TEST(Allocator, RefusesCountsThatOverflow) {
  Allocator<Wide> allocator;
  EXPECT_THROW(static_cast<void>(allocator.allocate(SIZE_MAX / 16)), std::bad_alloc);
}

TEST(Allocator, EveryBlockComesBack) {
  const uint64_t before = sh_verify();
  {
    std::pmr::list<int> numbers(heap_resource());
    for (int i = 0; i < 10000; ++i) numbers.push_back(i);
    EXPECT_EQ(sh_verify(), before + 10000);
  }
  EXPECT_EQ(sh_verify(), before);
}

}  // namespace
}  // namespace spanheap
