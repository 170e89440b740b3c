// SPDX-License-Identifier: MIT
#include "os/limits.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "os/clock.h"

namespace spanheap::os {
namespace {

// Runs `body` in a child process; true if it returned true there.
template <class Body>
bool HoldsInChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(LimitsTest, ReadsTheLimitsOfTheProcess) {
  EXPECT_TRUE(HoldsInChild([] {
    const rlimit data{size_t{3} << 40, RLIM_INFINITY};
    const rlimit locked{1 << 16, 1 << 16};
    setrlimit(RLIMIT_DATA, &data);
    setrlimit(RLIMIT_MEMLOCK, &locked);
    const MemoryLimits limits = ReadMemoryLimits();
    return limits.data == 1024_GiB * 3 && limits.locked == 64_KiB;
  }));
}

TEST(LimitsTest, MoreThanCanBeAddressedIsUnlimited) {
  EXPECT_TRUE(HoldsInChild([] {
    rlimit limit{};
    getrlimit(RLIMIT_DATA, &limit);
    limit.rlim_cur = RLIM_INFINITY - 1;
    setrlimit(RLIMIT_DATA, &limit);
    return ReadMemoryLimits().data == kUnlimited;
  }));
}

TEST(LimitsTest, NoLimitIsUnlimited) {
  rlimit now{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &now), 0);
  if (now.rlim_cur != RLIM_INFINITY) GTEST_SKIP() << "this shell limits address space";
  EXPECT_EQ(ReadMemoryLimits().address_space, kUnlimited);
}

TEST(LimitsTest, ReadsTheOvercommitPolicy) {
  std::ifstream file("/proc/sys/vm/overcommit_memory");
  int policy = -1;
  file >> policy;
  EXPECT_EQ(IsOvercommitStrict(), policy == 2);
}

TEST(LimitsTest, KnowsWhatTheKernelWouldRefuseToMap) {
  const auto maps = [](Bytes size) {
    void* const at =
        mmap(nullptr, size.value, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    munmap(at, size.value);
    return true;
  };
  EXPECT_FALSE(IsObviousOvercommit(1_MiB));
  if (IsOvercommitStrict()) GTEST_SKIP() << "each page is charged for here";
  EXPECT_EQ(IsObviousOvercommit(1024_GiB * 64), !maps(1024_GiB * 64));
}

TEST(LimitsTest, CountsTheProcessorsItMayUse) {
  EXPECT_TRUE(HoldsInChild([] {
    cpu_set_t all;
    CPU_ZERO(&all);
    if (sched_getaffinity(0, sizeof all, &all) != 0) return false;
    if (ProcessorCount() != static_cast<unsigned>(CPU_COUNT(&all))) return false;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
      if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
    }
    return sched_setaffinity(0, sizeof one, &one) == 0 && ProcessorCount() == 1;
  }));
}

TEST(LimitsTest, TestsAreNotSecureProcesses) { EXPECT_FALSE(IsSecureProcess()); }

TEST(LimitsTest, MembarrierWorksInChildrenToo) {
  if (!CanMembarrier()) GTEST_SKIP() << "the kernel refuses it";
  Membarrier();
  EXPECT_TRUE(HoldsInChild([] {
    Membarrier();
    return true;
  }));
}

TEST(LimitsTest, SmallFilesAreReadWholeOrNotAtAll) {
  const std::string path = ::testing::TempDir() + "limits_test_" + std::to_string(getpid());
  std::ofstream(path) << "hello";
  char buffer[16];
  EXPECT_EQ(ReadSmallFile(path.c_str(), buffer, sizeof buffer), 5);
  EXPECT_EQ(std::string(buffer, 5), "hello");
  EXPECT_EQ(ReadSmallFile(path.c_str(), buffer, 2), 2);
  unlink(path.c_str());
  errno = 33;
  EXPECT_EQ(ReadSmallFile(path.c_str(), buffer, sizeof buffer), -1);
  EXPECT_EQ(ReadSmallFile("/", buffer, sizeof buffer), -1);
  EXPECT_EQ(errno, 33);
}

TEST(ClockTest, GoesForward) {
  const uint64_t before = MonotonicNow_ns();
  usleep(2000);
  EXPECT_GE(MonotonicNow_ns() - before, 2'000'000U);
}

}  // namespace
}  // namespace spanheap::os
