// SPDX-License-Identifier: MIT
//
// TheMemory() against the kernel: what is readable, zero, resident, one mapping, and what is left
// alone when a call is refused.
#include "os/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/bits.h"

namespace spanheap::os {
namespace {

char* At(Address a) { return PointerTo<char>(a); }

bool IsZero(Address start, Bytes size) {
  const char* const p = At(start);
  for (size_t i = 0; i < size.value; ++i) {
    if (p[i] != 0) return false;
  }
  return true;
}

// Mappings of the process that touch [start, start + size), with their permissions.
std::vector<std::string> MappingsIn(Address start, Bytes size) {
  std::vector<std::string> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t low = 0;
    uintptr_t high = 0;
    char permissions[5] = {};
    if (sscanf(line.c_str(), "%lx-%lx %4s", &low, &high, permissions) != 3) continue;
    if (low < (start + size).value && high > start.value) found.emplace_back(permissions);
  }
  return found;
}

// Whether the mapping that begins at `start` is left out of core files.
bool IsLeftOutOfCores(Address start) {
  std::ifstream maps("/proc/self/smaps");
  bool is_there = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t low = 0;
    uintptr_t high = 0;
    if (sscanf(line.c_str(), "%lx-%lx ", &low, &high) == 2) is_there = low == start.value;
    if (is_there && line.starts_with("VmFlags:")) return line.find(" dd") != std::string::npos;
  }
  ADD_FAILURE() << "no mapping begins there";
  return false;
}

size_t ResidentPages(Address start, Bytes size) {
  std::vector<unsigned char> resident(size.value / PageSize().value);
  if (mincore(At(start), size.value, resident.data()) != 0) return ~size_t{0};
  size_t n = 0;
  for (const unsigned char c : resident) n += c & 1U;
  return n;
}

class MemoryTest : public ::testing::Test {
 protected:
  static constexpr Bytes kSize = 16_MiB;

  void SetUp() override {
    base_ = memory_.Reserve(kSize, 2_MiB, "spanheap test");
    ASSERT_NE(base_.value, 0U);
  }
  void TearDown() override {
    RefuseMemoryAfterForTest(0);
    memory_.Unreserve(base_, kSize);
    EXPECT_TRUE(MappingsIn(base_, kSize).empty());
  }

  Memory& memory_ = TheMemory();
  Address base_;
};

TEST_F(MemoryTest, CoreFilesHoldWhatIsReadyOnly) {
  const Address middle = base_ + 4_MiB;
  EXPECT_TRUE(IsLeftOutOfCores(base_));
  ASSERT_TRUE(memory_.MakeReady(middle, 4_MiB));
  EXPECT_FALSE(IsLeftOutOfCores(middle));
  EXPECT_TRUE(IsLeftOutOfCores(base_));
  ASSERT_TRUE(memory_.Resize(middle, 4_MiB, 8_MiB, Address()) == middle);
  EXPECT_EQ(MappingsIn(middle, 8_MiB).size(), 1U);
  ASSERT_TRUE(memory_.MakeInaccessible(middle, 8_MiB));
  EXPECT_TRUE(IsLeftOutOfCores(base_));
}

TEST_F(MemoryTest, ReservesAtEveryAlignment) {
  for (Bytes alignment = 1_B; alignment <= 1_GiB; alignment = alignment * 2) {
    const Address a = memory_.Reserve(1_MiB, alignment, nullptr);
    ASSERT_NE(a.value, 0U) << alignment.value;
    EXPECT_EQ(a.value % alignment.value, 0U);
    EXPECT_EQ(MappingsIn(a, 1_MiB).at(0), "---p");
    memory_.Unreserve(a, 1_MiB);
  }
}

TEST_F(MemoryTest, ReservesATerabyteWithoutUsingMemory) {
  const Address a = memory_.Reserve(1024_GiB, 64_MiB, "spanheap test");
  ASSERT_NE(a.value, 0U);
  memory_.Unreserve(a, 1024_GiB);
}

TEST_F(MemoryTest, AlignmentLeavesNothingMappedBeside) {
  // Nothing of the reservations that are trimmed or given up may stay behind.
  const auto mapped_kilobytes = [] {
    std::ifstream statm("/proc/self/statm");
    size_t pages = 0;
    statm >> pages;
    return pages * PageSize().value >> 10;
  };
  const size_t before = mapped_kilobytes();
  std::vector<Address> taken;
  for (int i = 0; i < 16; ++i) taken.push_back(memory_.Reserve(1_MiB, 1_GiB, nullptr));
  EXPECT_LT(mapped_kilobytes() - before, 17U << 10);
  for (const Address a : taken) memory_.Unreserve(a, 1_MiB);
}

TEST_F(MemoryTest, ReadiedMemoryIsZeroAndWritable) {
  ASSERT_TRUE(memory_.MakeReady(base_ + 1_MiB, 1_MiB));
  EXPECT_TRUE(IsZero(base_ + 1_MiB, 1_MiB));
  memset(At(base_ + 1_MiB), 0x5a, (1_MiB).value);
  EXPECT_EQ(At(base_)[(2_MiB).value - 1], 0x5a);
}

TEST_F(MemoryTest, ReservedMemoryCannotBeRead) {
  EXPECT_DEATH(_exit(*static_cast<volatile char*>(At(base_))), "");
}

TEST_F(MemoryTest, ReadiedNeighboursBecomeOneMapping) {
  for (size_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(memory_.MakeReady(base_ + 1_MiB * i, 1_MiB));
    At(base_ + 1_MiB * i)[0] = 1;
  }
  EXPECT_EQ(MappingsIn(base_, 8_MiB), std::vector<std::string>{"rw-p"});
  EXPECT_EQ(MappingsIn(base_, kSize).size(), 2U);
}

TEST_F(MemoryTest, ReleasedMemoryIsNotResidentAndReadsAsZero) {
  ASSERT_TRUE(memory_.MakeReady(base_, 4_MiB));
  memset(At(base_), 1, (4_MiB).value);
  EXPECT_EQ(ResidentPages(base_, 4_MiB), 4_MiB / PageSize());
  EXPECT_TRUE(memory_.Release(base_ + 1_MiB, 2_MiB));
  EXPECT_EQ(ResidentPages(base_ + 1_MiB, 2_MiB), 0U);
  EXPECT_TRUE(IsZero(base_ + 1_MiB, 2_MiB));
  EXPECT_EQ(At(base_)[0], 1);
  EXPECT_EQ(At(base_ + 3_MiB)[0], 1);
}

TEST_F(MemoryTest, LockedMemoryIsNotReleased) {
  ASSERT_TRUE(memory_.MakeReady(base_, 1_MiB));
  memset(At(base_), 1, (1_MiB).value);
  // By number: sanitizers make nothing of libc's call.
  if (syscall(SYS_mlock, At(base_), PageSize().value) != 0) {
    GTEST_SKIP() << "this user may not lock memory";
  }
  errno = 77;
  EXPECT_FALSE(memory_.Release(base_, 1_MiB));
  EXPECT_EQ(errno, 77);
  EXPECT_EQ(At(base_)[0], 1);
}

TEST_F(MemoryTest, LazyReleaseLeavesTheRangeUsable) {
  ASSERT_TRUE(memory_.MakeReady(base_, 1_MiB));
  memset(At(base_), 1, (1_MiB).value);
  EXPECT_TRUE(memory_.ReleaseLazily(base_, 1_MiB));
  memset(At(base_), 2, (1_MiB).value);
  EXPECT_EQ(At(base_)[12345], 2);
}

TEST_F(MemoryTest, InaccessibleMemoryComesBackAsZero) {
  ASSERT_TRUE(memory_.MakeReady(base_, 4_MiB));
  memset(At(base_), 1, (4_MiB).value);
  ASSERT_TRUE(memory_.MakeInaccessible(base_ + 1_MiB, 1_MiB));
  EXPECT_EQ(MappingsIn(base_ + 1_MiB, 1_MiB), std::vector<std::string>{"---p"});
  ASSERT_TRUE(memory_.MakeReady(base_ + 1_MiB, 1_MiB));
  EXPECT_TRUE(IsZero(base_ + 1_MiB, 1_MiB));
  EXPECT_EQ(At(base_ + 2_MiB)[0], 1);
}

TEST_F(MemoryTest, ResizesInPlace) {
  ASSERT_TRUE(memory_.MakeReady(base_, 1_MiB));
  memset(At(base_), 1, (1_MiB).value);
  EXPECT_EQ(memory_.Resize(base_, 1_MiB, 3_MiB, Address()), base_);
  EXPECT_EQ(At(base_)[100], 1);
  EXPECT_TRUE(IsZero(base_ + 1_MiB, 2_MiB));
  memset(At(base_), 2, (3_MiB).value);
  EXPECT_EQ(memory_.Resize(base_, 3_MiB, 2_MiB, Address()), base_);
  EXPECT_EQ(MappingsIn(base_ + 2_MiB, 1_MiB), std::vector<std::string>{"---p"});
  EXPECT_EQ(At(base_)[(2_MiB).value - 1], 2);
}

TEST_F(MemoryTest, MovesAndLeavesTheSourceReserved) {
  for (const Bytes new_size : {1_MiB, 2_MiB, 5_MiB}) {
    const Address target = base_ + 8_MiB;
    ASSERT_TRUE(memory_.MakeReady(base_, 2_MiB));
    memset(At(base_), 3, (2_MiB).value);
    ASSERT_EQ(memory_.Resize(base_, 2_MiB, new_size, target), target);
    const Bytes kept = std::min(new_size, 2_MiB);
    EXPECT_EQ(At(target)[0], 3);
    EXPECT_EQ(At(target)[kept.value - 1], 3);
    EXPECT_TRUE(IsZero(target + kept, new_size - kept));
    EXPECT_EQ(MappingsIn(base_, 2_MiB), std::vector<std::string>{"---p"});
    ASSERT_TRUE(memory_.MakeReady(base_, 2_MiB));
    EXPECT_TRUE(IsZero(base_, 2_MiB));
    ASSERT_TRUE(memory_.MakeInaccessible(base_, 2_MiB));
    ASSERT_TRUE(memory_.MakeInaccessible(target, new_size));
  }
}

TEST_F(MemoryTest, AMoveThatIsRefusedChangesNothing) {
  ASSERT_TRUE(memory_.MakeReady(base_, 2_MiB));
  At(base_)[PageSize().value] = 4;
  munmap(At(base_), PageSize().value);  // nothing is there to be moved
  errno = 66;
  EXPECT_EQ(memory_.Resize(base_, 2_MiB, 4_MiB, base_ + 8_MiB).value, 0U);
  EXPECT_EQ(errno, 66);
  EXPECT_EQ(At(base_)[PageSize().value], 4);
  EXPECT_EQ(MappingsIn(base_ + 8_MiB, 4_MiB), std::vector<std::string>{"---p"});
}

size_t DataBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    size_t kilobytes = 0;
    if (word == "VmData:" && status >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

// The target stays reserved, or another thread's mapping might land in it.
TEST_F(MemoryTest, AMoveThatALimitRefusesChangesNothing) {
  for (const bool is_split : {false, true}) {
    ASSERT_TRUE(memory_.MakeReady(base_, 2_MiB));
    memset(At(base_), 5, (2_MiB).value);
    if (is_split) madvise(At(base_ + 1_MiB), (1_MiB).value, MADV_DONTFORK);
    rlimit before{};
    getrlimit(RLIMIT_DATA, &before);
    const rlimit tight{DataBytes() + (1_MiB).value, before.rlim_max};
    setrlimit(RLIMIT_DATA, &tight);
    const Address moved = memory_.Resize(base_, 2_MiB, 2_MiB, base_ + 8_MiB);
    setrlimit(RLIMIT_DATA, &before);
    EXPECT_EQ(moved.value, 0U);
    EXPECT_EQ(At(base_)[0], 5);
    EXPECT_EQ(At(base_)[(2_MiB).value - 1], 5);
    EXPECT_EQ(MappingsIn(base_ + 8_MiB, 2_MiB), std::vector<std::string>{"---p"});
  }
}

TEST_F(MemoryTest, RefusalKeepsErrno) {
  errno = 55;
  EXPECT_EQ(memory_.Reserve(Bytes(size_t{1} << 60), 1_GiB, "x").value, 0U);
  EXPECT_EQ(memory_.Reserve(Bytes(~size_t{0} & ~size_t{0xffff}), 1_GiB, "x").value, 0U);
  EXPECT_EQ(errno, 55);
}

TEST_F(MemoryTest, RefusesFromTheNthCallOn) {
  RefuseMemoryAfterForTest(3);
  EXPECT_TRUE(memory_.MakeReady(base_, 1_MiB));
  EXPECT_EQ(memory_.Resize(base_, 1_MiB, 2_MiB, Address()), base_);
  EXPECT_FALSE(memory_.MakeReady(base_ + 2_MiB, 1_MiB));
  EXPECT_EQ(memory_.Reserve(1_MiB, 1_MiB, nullptr).value, 0U);
  EXPECT_EQ(memory_.Resize(base_, 2_MiB, 1_MiB, Address()).value, 0U);
  EXPECT_TRUE(memory_.Release(base_, 2_MiB));  // giving back is never refused
  RefuseMemoryAfterForTest(0);
  EXPECT_TRUE(memory_.MakeReady(base_ + 2_MiB, 1_MiB));
}

TEST_F(MemoryTest, RefusesTheNthCallAlone) {
  RefuseMemoryOnceForTest(2);
  EXPECT_TRUE(memory_.MakeReady(base_, 1_MiB));
  EXPECT_TRUE(IsRefusalDueForTest());
  EXPECT_FALSE(memory_.MakeReady(base_ + 1_MiB, 1_MiB));
  EXPECT_FALSE(IsRefusalDueForTest());
  EXPECT_TRUE(memory_.MakeReady(base_ + 1_MiB, 1_MiB));
}

TEST_F(MemoryTest, CountsWhatIsResident) {
  ASSERT_TRUE(memory_.MakeReady(base_, 8_MiB));
  EXPECT_EQ(memory_.ResidentIn(base_, 8_MiB), Bytes(0));
  memset(At(base_ + 1_MiB), 1, (1_MiB).value);
  EXPECT_GE(memory_.ResidentIn(base_, 8_MiB), 1_MiB);
  EXPECT_EQ(memory_.ResidentIn(base_ + 1_MiB, 1_MiB), 1_MiB);
  EXPECT_EQ(memory_.ResidentIn(base_ + 4_MiB, 4_MiB), Bytes(0));
}

TEST_F(MemoryTest, AFirstTouchMakesThePageResidentAndZero) {
  ASSERT_TRUE(memory_.MakeReady(base_, 2_MiB));
  EXPECT_GT(memory_.TouchFirst_ns(base_), 0U);
  EXPECT_GE(memory_.ResidentIn(base_, 2_MiB), PageSize());
  EXPECT_TRUE(IsZero(base_, 2_MiB));
}

TEST_F(MemoryTest, AdviceIsTakenBeforeAndAfterMemoryIsReady) {
  if (!ReadHugePageSettings().are_possible()) GTEST_SKIP() << "this system has no huge pages";
  errno = 44;
  EXPECT_TRUE(memory_.AdviseHuge(base_, 4_MiB));
  ASSERT_TRUE(memory_.MakeReady(base_, 8_MiB));
  EXPECT_TRUE(memory_.AdviseHuge(base_ + 4_MiB, 4_MiB));
  EXPECT_TRUE(memory_.AdviseOrdinary(base_, 2_MiB));
  At(base_)[0] = 1;
  EXPECT_EQ(memory_.ResidentIn(base_, 2_MiB), PageSize());
  EXPECT_EQ(errno, 44);
}

TEST_F(MemoryTest, ARefusedCollapseKeepsErrnoAndContent) {
  ASSERT_TRUE(memory_.MakeReady(base_, 1_MiB));
  At(base_)[5] = 6;
  errno = 45;
  memory_.Collapse(base_, 1_MiB);  // less than a huge page: nothing to gather
  EXPECT_EQ(errno, 45);
  EXPECT_EQ(At(base_)[5], 6);
}

using MemoryDeathTest = MemoryTest;

TEST_F(MemoryDeathTest, DiesOnRangesOffTheOsPage) {
  EXPECT_DEATH(memory_.MakeReady(base_ + 1_B, 1_MiB), "internal error");
  EXPECT_DEATH(memory_.MakeReady(base_, 100_B), "internal error");
  EXPECT_DEATH(memory_.MakeReady(Address(), 1_MiB), "internal error");
  EXPECT_DEATH(memory_.Reserve(1_MiB, 3_MiB, nullptr), "internal error");
}

TEST(PageSizeTest, IsTheKernels) {
  EXPECT_EQ(PageSize().value, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
}

TEST(PageSizeTest, HugePageSizeIsTheKernelsOrZero) {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
  size_t expected = 0;
  if (!(file >> expected)) GTEST_SKIP() << "this kernel makes no huge pages";
  if (expected > (4_MiB).value) expected = 0;
  EXPECT_EQ(HugePageSize().value, expected);
}

}  // namespace
}  // namespace spanheap::os
