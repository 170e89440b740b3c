// SPDX-License-Identifier: MIT
//
// The signal that stops threads: SIGURG, another one if the program has that, and none at all.
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>

#include "spanheap/gc_c.h"

namespace {

void OfTheProgram(int) {}

sh_layout number = {8, SH_SCAN_NONE, 0, nullptr, nullptr, nullptr, "number", 0, 0};

bool IsOfTheProgram(int of) {
  struct sigaction action = {};
  return sigaction(of, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == &OfTheProgram;
}

// Each in a process in which the heap has not begun.

TEST(StopSignalTest, ASignalOfTheProgramsStaysItsOwn) {
  signal(SIGURG, OfTheProgram);
  signal(SIGRTMAX, OfTheProgram);
  EXPECT_NE(sh_gc_new(&number, 1), nullptr);
  sh_gc_collect();
  EXPECT_TRUE(IsOfTheProgram(SIGURG) && IsOfTheProgram(SIGRTMAX));
  EXPECT_FALSE(IsOfTheProgram(SIGRTMAX - 1));
}

TEST(StopSignalTest, WithoutOneTheHeapDoesNotBegin) {
  const auto begin = [] {
    signal(SIGURG, OfTheProgram);
    for (int each = SIGRTMIN; each <= SIGRTMAX; ++each) signal(each, OfTheProgram);
    for (int i = 0; i < 2; ++i) {
      errno = 0;
      if (sh_gc_new(&number, 1) != nullptr || errno != ENOMEM) _exit(1);
      errno = 0;
      if (sh_gc_attach() != -1 || errno != ENOMEM) _exit(2);
    }
    _exit(0);
  };
  EXPECT_EXIT(begin(), testing::ExitedWithCode(0),
              "^spanheap\\[[0-9]+\\]: no collected heap: the program has handlers for SIGURG and "
              "all real-time signals, and it needs one of them\n$");
}

TEST(StopSignalTest, TooMuchSaysSo) {
  errno = 0;
  EXPECT_EQ(sh_gc_new(&number, SIZE_MAX), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

}  // namespace
