// SPDX-License-Identifier: MIT
#include "os/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

namespace spanheap::os {
namespace {

TEST(OutputTest, WritesAFileAnew) {
  const std::string path = ::testing::TempDir() + "output_test_" + std::to_string(getpid());
  std::ofstream(path) << "what was there before and is longer";
  {
    const OutputFile file(path.c_str());
    ASSERT_TRUE(file.is_open());
    EXPECT_TRUE(WriteAll(file.descriptor(), "hello ", 6));
    EXPECT_TRUE(WriteAll(file.descriptor(), "world", 5));
  }
  std::ifstream back(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(back), {}), "hello world");
  unlink(path.c_str());
}

TEST(OutputTest, WritesMoreThanAPipeTakesAtOnce) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string text(1 << 20, 'x');
  size_t got = 0;
  std::thread reader([&] {
    char buffer[5000];
    for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
      got += static_cast<size_t>(n);
    }
  });
  EXPECT_TRUE(WriteAll(ends[1], text.data(), text.size()));
  close(ends[1]);
  reader.join();
  close(ends[0]);
  EXPECT_EQ(got, text.size());
}

TEST(OutputTest, FailuresAreToldAndErrnoIsKept) {
  errno = 21;
  EXPECT_FALSE(OutputFile("/no such folder/file").is_open());
  EXPECT_FALSE(WriteAll(-1, "x", 1));
  EXPECT_EQ(errno, 21);
}

}  // namespace
}  // namespace spanheap::os
