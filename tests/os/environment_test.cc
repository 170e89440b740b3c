// SPDX-License-Identifier: MIT
#include "os/environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

namespace spanheap::os {
namespace {

std::string Read(const char* name) {
  char value[64];
  return ReadEnvironment(name, value, sizeof value) < 0 ? "(none)" : value;
}

TEST(EnvironmentTest, FindsWhatGetenvFinds) {
  setenv("SPANHEAP_TEST_A", "one=two", 1);
  setenv("SPANHEAP_TEST_EMPTY", "", 1);
  unsetenv("SPANHEAP_TEST_NONE");
  EXPECT_EQ(Read("SPANHEAP_TEST_A"), "one=two");
  EXPECT_EQ(Read("SPANHEAP_TEST_EMPTY"), "");
  EXPECT_EQ(Read("SPANHEAP_TEST_NONE"), "(none)");
}

TEST(EnvironmentTest, APrefixIsNotAName) {
  setenv("SPANHEAP_TEST_LONG", "x", 1);
  unsetenv("SPANHEAP_TEST_LO");
  unsetenv("SPANHEAP_TEST_LONGER");
  EXPECT_EQ(Read("SPANHEAP_TEST_LO"), "(none)");
  EXPECT_EQ(Read("SPANHEAP_TEST_LONGER"), "(none)");
}

TEST(EnvironmentTest, TooLongAValueIsCutAndItsLengthTold) {
  setenv("SPANHEAP_TEST_A", "0123456789", 1);
  char value[5];
  EXPECT_EQ(ReadEnvironment("SPANHEAP_TEST_A", value, sizeof value), 10);
  EXPECT_STREQ(value, "0123");
}

TEST(EnvironmentTest, ReadsTheKernelsCopyBeforeLibcHasOne) {
  char** const kept = environ;
  environ = nullptr;
  char path[4096];
  const long length = ReadEnvironment("PATH", path, sizeof path);
  environ = kept;
  ASSERT_NE(getenv("PATH"), nullptr);
  EXPECT_EQ(length, static_cast<long>(strlen(getenv("PATH"))));
  EXPECT_STREQ(path, getenv("PATH"));
}

TEST(EnvironmentTest, FindsVariablesAcrossPiecesOfAFile) {
  const std::string path = ::testing::TempDir() + "environment_test_" + std::to_string(getpid());
  const std::string filler = "FILLER=" + std::string(505, 'f');  // the next crosses a piece's end
  {
    std::ofstream file(path, std::ios::binary);
    file << filler << '\0' << "NAME=value" << '\0' << "LAST=cut off";
  }
  char value[64];
  EXPECT_EQ(ReadEnvironmentFile(path.c_str(), "NAME", value, sizeof value), 5);
  EXPECT_STREQ(value, "value");
  EXPECT_EQ(ReadEnvironmentFile(path.c_str(), "LAST", value, sizeof value), -1);
  EXPECT_EQ(ReadEnvironmentFile(path.c_str(), "NONE", value, sizeof value), -1);
  EXPECT_STREQ(value, "");
  unlink(path.c_str());
  EXPECT_EQ(ReadEnvironmentFile(path.c_str(), "NAME", value, sizeof value), -1);
}

}  // namespace
}  // namespace spanheap::os
