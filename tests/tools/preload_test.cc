// SPDX-License-Identifier: MIT
#include "spanheap/preload.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace spanheap::tools {
namespace {

TEST(PrependPreload, PutsTheLibraryFirstAndKeepsTheOthersInOrder) {
  EXPECT_EQ(PrependPreload("/l.so", ""), "/l.so");
  EXPECT_EQ(PrependPreload("/l.so", "/a.so:/b.so"), "/l.so:/a.so:/b.so");
  EXPECT_EQ(PrependPreload("/l.so", " /a.so  /b.so: "), "/l.so:/a.so:/b.so");
}

TEST(PrependPreload, NamesTheLibraryOnce) {
  EXPECT_EQ(PrependPreload("/l.so", "/a.so:/l.so"), "/l.so:/a.so");
}

TEST(AppendOptions, LetsLaterOnesWin) {
  EXPECT_EQ(AppendOptions("", {"a=1", "b=2"}), "a=1\nb=2");
  EXPECT_EQ(AppendOptions("b=1 # or", {"b=2"}), "b=1 # or\nb=2");
  EXPECT_EQ(AppendOptions("b=1", {}), "b=1");
}

TEST(Environment, ReplacesAndAddsButLosesNothing) {
  setenv("SPANHEAP_TEST_A", "old", 1);
  setenv("SPANHEAP_TEST_AB", "stays", 1);
  const auto result = Environment({"SPANHEAP_TEST_A=new", "SPANHEAP_TEST_C=added"});
  const auto has = [&](const char* entry) {
    return std::count(result.begin(), result.end(), entry);
  };
  EXPECT_EQ(has("SPANHEAP_TEST_A=new"), 1);
  EXPECT_EQ(has("SPANHEAP_TEST_A=old"), 0);
  EXPECT_EQ(has("SPANHEAP_TEST_AB=stays"), 1);
  EXPECT_EQ(has("SPANHEAP_TEST_C=added"), 1);
}

TEST(ValueOfOptionTest, IsWhatTheLibraryWouldTake) {
  EXPECT_EQ(ValueOfOption("", "a"), "");
  EXPECT_EQ(ValueOfOption("a=1", "a"), "1");
  EXPECT_EQ(ValueOfOption("a=1,b=2\na=3\t", "a"), "3");
  EXPECT_EQ(ValueOfOption("a=1 # a=2\nb=1", "a"), "1");
  EXPECT_EQ(ValueOfOption("# a=2\n", "a"), "");
  EXPECT_EQ(ValueOfOption("a=1,a=", "a"), "");
  EXPECT_EQ(ValueOfOption("aa=1,xa=2", "a"), "");
  EXPECT_EQ(ValueOfOption("a=1=2", "a"), "1=2");
}

class FindLibraryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "real.so") << "x";
    std::ofstream(folder_ / "with space.so") << "x";
  }
  void TearDown() override {
    std::filesystem::remove_all(folder_);
    unsetenv("SPANHEAP_LIBRARY");
  }
  std::string Find(const std::string& name) {
    setenv("SPANHEAP_LIBRARY", (folder_ / name).c_str(), 1);
    return FindLibrary();
  }
  const std::filesystem::path folder_ = std::filesystem::canonical(testing::TempDir()) /
                                        ("spanheap_preload_test_" + std::to_string(getpid()));
};

TEST_F(FindLibraryTest, ResolvesLinksToTheNameTheKernelShows) {
  std::filesystem::create_symlink("real.so", folder_ / "link.so");
  EXPECT_EQ(Find("link.so"), (folder_ / "real.so").string());
}

TEST_F(FindLibraryTest, RefusesWhatThePreloadListCannotHold) {
  EXPECT_THROW(Find("with space.so"), std::runtime_error);
}

TEST_F(FindLibraryTest, SaysWhichFileIsMissing) {
  try {
    Find("missing.so");
    FAIL() << "found a file that is not there";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("missing.so"), std::string::npos);
  }
}

}  // namespace
}  // namespace spanheap::tools
