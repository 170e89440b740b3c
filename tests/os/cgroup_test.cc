// SPDX-License-Identifier: MIT
//
// The limits of control groups, read from trees of files shaped as the kernel shows them.
#include "os/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "os/limits.h"

namespace spanheap::os {
namespace {

namespace fs = std::filesystem;

class CgroupTest : public testing::Test {
 protected:
  CgroupTest() : root_(testing::TempDir() + "cgroup_" + std::to_string(getpid())) {}
  ~CgroupTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const fs::path at = root_ + path;
    fs::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }
  void Stand(const std::string& groups, const std::string& mounts) const {
    Write("/proc/self/cgroup", groups);
    Write("/proc/self/mountinfo", mounts);
  }
  Bytes Limit() const {
    CgroupMemory memory;
    memory.Find(root_.c_str());
    return memory.Read();
  }

  GroupState State() const {
    CgroupMemory memory;
    memory.Find(root_.c_str());
    return memory.ReadState();
  }

  const std::string root_;
};

constexpr char kV2Mount[] = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
constexpr char kV1Mount[] =
    "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "32 23 0:28 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n";

TEST_F(CgroupTest, Version2TakesTheLeastOfTheGroupAndAllAboveIt) {
  Stand("0::/a/b/c\n", kV2Mount);
  EXPECT_EQ(Limit(), kUnlimited);
  Write("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
  EXPECT_EQ(Limit(), kUnlimited);
  Write("/sys/fs/cgroup/a/memory.max", "1000000\n");
  EXPECT_EQ(Limit(), Bytes(1000000));
  Write("/sys/fs/cgroup/a/b/memory.max", "400000\n");
  EXPECT_EQ(Limit(), Bytes(400000));
  Write("/sys/fs/cgroup/a/b/c/memory.max", "700000\n");
  EXPECT_EQ(Limit(), Bytes(400000));
}

TEST_F(CgroupTest, RoomIsUpToTheNearestLimitOfAllLevels) {
  Stand("0::/a/b\n", kV2Mount);
  EXPECT_EQ(State().room, kUnlimited);
  Write("/sys/fs/cgroup/a/memory.max", "1000000\n");
  Write("/sys/fs/cgroup/a/memory.current", "900000\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "500000\n");
  Write("/sys/fs/cgroup/a/b/memory.current", "100000\n");
  EXPECT_EQ(State().limit, Bytes(500000));
  EXPECT_EQ(State().room, Bytes(100000)) << "others use the group above";
  Write("/sys/fs/cgroup/a/b/memory.current", "600000\n");
  EXPECT_EQ(State().room, Bytes(0)) << "a limit may be lowered below what is used";
}

TEST_F(CgroupTest, PressureIsThatOfTheGroupItself) {
  Stand("0::/a/b\n", kV2Mount);
  EXPECT_FALSE(State().has_pressure);
  Write("/sys/fs/cgroup/a/b/memory.pressure", "some avg10=0.00 avg60=3.00 avg300=0.00 total=9\n");
  EXPECT_FALSE(State().has_pressure);
  Write("/sys/fs/cgroup/a/b/memory.pressure", "some avg10=0.20 avg60=3.00 avg300=0.00 total=9\n");
  EXPECT_TRUE(State().has_pressure);
}

TEST_F(CgroupTest, Version1HasRoomToo) {
  Stand("4:memory:/a\n", kV1Mount);
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000\n");
  Write("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(State().room, Bytes(2000));
}

TEST_F(CgroupTest, Version1TakesTheLeastOfTheGroupAndAllAboveIt) {
  Stand("5:cpu:/other\n4:hugetlb,memory:/a/b\n0::/\n", kV1Mount);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), kUnlimited);
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912\n");
  EXPECT_EQ(Limit(), 512_MiB);
  Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), 512_MiB);
  Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "268435456\n");
  EXPECT_EQ(Limit(), 256_MiB);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n");
  EXPECT_EQ(Limit(), 1_MiB);
}

TEST_F(CgroupTest, WhereBothVersionsAreMountedTheLesserLimitHolds) {
  Stand("4:memory:/old\n0::/new\n",
        std::string(kV1Mount) + "33 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  Write("/sys/fs/cgroup/memory/old/memory.limit_in_bytes", "3000000");
  Write("/sys/fs/cgroup/unified/new/memory.max", "2000000");
  EXPECT_EQ(Limit(), Bytes(2000000));
}

// In a container the mount shows the container's own part of the hierarchy.
TEST_F(CgroupTest, APathOfTheMountsRootIsCutOff) {
  Stand("4:memory:/docker/x/job\n",
        "32 23 0:28 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "5000000");
  EXPECT_EQ(Limit(), Bytes(5000000));
  Write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4000000");
  EXPECT_EQ(Limit(), Bytes(4000000));
}

TEST_F(CgroupTest, AGroupOutsideOfTheMountCountsAsTheMountItself) {
  Stand("0::/../../elsewhere\n", kV2Mount);
  Write("/sys/fs/cgroup/memory.max", "6000000");
  EXPECT_EQ(Limit(), Bytes(6000000));
  Stand("0::/docker/xy\n", "30 23 0:26 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(Limit(), Bytes(6000000));
}

TEST_F(CgroupTest, BlanksInAMountPointAreRead) {
  Stand("0::/a\n", "30 23 0:26 / /sys/fs/my\\040group rw - cgroup2 cgroup2 rw\n");
  Write("/sys/fs/my group/a/memory.max", "7000000");
  EXPECT_EQ(Limit(), Bytes(7000000));
}

TEST_F(CgroupTest, WithoutFilesOrWithBrokenOnesThereIsNoLimit) {
  EXPECT_EQ(Limit(), kUnlimited);
  Stand("", "");
  EXPECT_EQ(Limit(), kUnlimited);
  Stand("nonsense\n0:\n", "1 2\n3 4 5 6 7 8\n");
  EXPECT_EQ(Limit(), kUnlimited);
  Stand("0::/" + std::string(600, 'x') + "\n", kV2Mount);
  EXPECT_EQ(Limit(), kUnlimited);
  Stand("0::/a\n", kV2Mount);
  Write("/sys/fs/cgroup/a/memory.max", "99999999999999999999999999\n");
  EXPECT_EQ(Limit(), kUnlimited);
}

TEST_F(CgroupTest, AChangedLimitIsSeenByTheNextRead) {
  Stand("0::/a\n", kV2Mount);
  Write("/sys/fs/cgroup/a/memory.max", "100");
  CgroupMemory memory;
  memory.Find(root_.c_str());
  EXPECT_EQ(memory.Read(), Bytes(100));
  Write("/sys/fs/cgroup/a/memory.max", "200");
  EXPECT_EQ(memory.Read(), Bytes(200));
}

TEST(PhysicalMemoryTest, IsThatOfTheMachine) {
  const auto pages = static_cast<size_t>(sysconf(_SC_PHYS_PAGES));
  EXPECT_EQ(PhysicalMemory().value, pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace spanheap::os
