// SPDX-License-Identifier: MIT
#include "os/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace spanheap::os {
namespace {

std::vector<std::string> LinesOf(const std::string& text) {
  const std::string path = testing::TempDir() + "line_reader_" + std::to_string(getpid());
  std::ofstream(path) << text;
  std::vector<std::string> lines;
  {
    LineReader reader(path.c_str());
    while (const char* line = reader.Next()) lines.emplace_back(line);
  }
  std::remove(path.c_str());
  return lines;
}

TEST(LineReaderTest, GivesEachLineAndTheOpenEndedLast) {
  EXPECT_EQ(LinesOf("one\n\nthree"), (std::vector<std::string>{"one", "", "three"}));
  EXPECT_EQ(LinesOf("one\n"), (std::vector<std::string>{"one"}));
  EXPECT_TRUE(LinesOf("").empty());
}

TEST(LineReaderTest, CutsALongLineAndGoesOnBehindIt) {
  const std::string is_long(5000, 'x');
  EXPECT_EQ(LinesOf(is_long + "\nnext\n"),
            (std::vector<std::string>{std::string(LineReader::kMaxLine, 'x'), "next"}));
}

TEST(LineReaderTest, LinesThatCrossItsBufferAreWhole) {
  std::string text;
  std::vector<std::string> wanted;
  for (int i = 0; i < 500; ++i) {
    wanted.push_back("line number " + std::to_string(i * 7919));
    text += wanted.back() + "\n";
  }
  EXPECT_EQ(LinesOf(text), wanted);
}

TEST(LineReaderTest, AFileThatIsNotThereHasNoLines) {
  LineReader reader("/nonexistent/file");
  EXPECT_EQ(reader.Next(), nullptr);
}

}  // namespace
}  // namespace spanheap::os
