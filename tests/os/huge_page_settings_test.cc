// SPDX-License-Identifier: MIT
#include "os/huge_page_settings.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/limits.h"
#include "os/own_groups.h"

namespace spanheap::os {
namespace {

using Use = HugePageSettings::Use;

Use ParseUse(const char* text) { return ParseHugePageUse(text, strlen(text)); }
bool HasPressure(const char* text) { return ParsePressure(text, strlen(text)); }

TEST(HugePageSettingsTest, TheWordInBracketsCounts) {
  EXPECT_EQ(ParseUse("[always] madvise never\n"), Use::kAlways);
  EXPECT_EQ(ParseUse("always [madvise] never\n"), Use::kOnAdvice);
  EXPECT_EQ(ParseUse("always madvise [never]\n"), Use::kNever);
}

TEST(HugePageSettingsTest, WhatIsNotUnderstoodMeansNone) {
  EXPECT_EQ(ParseUse(""), Use::kNever);
  EXPECT_EQ(ParseUse("always madvise never\n"), Use::kNever);
  EXPECT_EQ(ParseUse("[alw"), Use::kNever);
  EXPECT_EQ(ParseUse("[sometimes]"), Use::kNever);
}

TEST(HugePageSettingsTest, TheyAreReadWithoutTouchingErrno) {
  errno = 77;
  const HugePageSettings settings = ReadHugePageSettings();
  EXPECT_EQ(errno, 77);
  EXPECT_TRUE(settings.size.value == 0 || settings.size == 2_MiB || settings.size <= 4_MiB);
  EXPECT_TRUE(!settings.come_unasked() || settings.are_possible());
}

TEST(HugePageSettingsTest, AProcessThatForbidsThemHasNone) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) _exit(0);
    _exit(ReadHugePageSettings().are_possible() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(MemoryStateTest, PressureIsWhateverIsAboveZeroInTenSeconds) {
  EXPECT_FALSE(HasPressure("some avg10=0.00 avg60=3.10 avg300=0.00 total=99\nfull avg10=1.00\n"));
  EXPECT_TRUE(HasPressure("some avg10=0.01 avg60=0.00 avg300=0.00 total=99\n"));
  EXPECT_TRUE(HasPressure("some avg10=20.00 avg60=0.00"));
}

TEST(MemoryStateTest, AnUnknownPressureFileCountsAsNone) {
  EXPECT_FALSE(HasPressure(""));
  EXPECT_FALSE(HasPressure("some"));
  EXPECT_FALSE(HasPressure("none avg10=5.00"));
}

TEST(MemoryStateTest, FreeMemoryIsPartOfTheWhole) {
  errno = 78;
  const MemoryState state = ReadMemoryState();
  EXPECT_EQ(errno, 78);
  EXPECT_GT(state.total, 16_MiB);
  EXPECT_LT(state.free, state.total);
}

TEST(MemoryStateTest, WhatTheGroupsAllowCountsWhereItIsLess) {
  const MemoryState machine{16_GiB, 8_GiB, false};
  const MemoryState wide = WithinGroups(machine, {kUnlimited, kUnlimited, false});
  EXPECT_EQ(wide.total, 16_GiB);
  EXPECT_EQ(wide.free, 8_GiB);
  EXPECT_FALSE(wide.has_pressure);
  const MemoryState narrow = WithinGroups(machine, {2_GiB, 100_MiB, true});
  EXPECT_EQ(narrow.total, 2_GiB);
  EXPECT_EQ(narrow.free, 100_MiB);
  EXPECT_TRUE(narrow.has_pressure);
  EXPECT_EQ(WithinGroups(machine, {2_GiB, kUnlimited, false}).free, 8_GiB);
}

}  // namespace
}  // namespace spanheap::os
