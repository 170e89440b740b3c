// SPDX-License-Identifier: MIT
//
// Forks of handlers that interrupt a fork, at each of its stages.
#include "runtime/fork_turn.h"

#include <gtest/gtest.h>

#include <thread>

namespace spanheap {
namespace {

TEST(ForkTurn, OneForkAfterTheOther) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(ForkTurn::Begin());
    EXPECT_FALSE(ForkTurn::is_locked());
    ForkTurn::NoteLocked();
    EXPECT_TRUE(ForkTurn::is_locked());
    EXPECT_TRUE(ForkTurn::Unlock());
    EXPECT_FALSE(ForkTurn::is_locked());
    ForkTurn::End();
  }
}

// What a handler that forks does; whether its child has a heap that is all locked by its thread.
bool ForkInHandler() {
  EXPECT_FALSE(ForkTurn::Begin());
  const bool is_locked = ForkTurn::is_locked();
  EXPECT_FALSE(ForkTurn::Unlock());
  return is_locked;
}

TEST(ForkTurn, AHandlersForkLocksAndUnlocksNothing) {
  ASSERT_TRUE(ForkTurn::Begin());
  EXPECT_FALSE(ForkInHandler());
  ForkTurn::NoteLocked();
  EXPECT_TRUE(ForkInHandler());
  EXPECT_TRUE(ForkInHandler());
  EXPECT_TRUE(ForkTurn::Unlock());
  EXPECT_FALSE(ForkInHandler());
  ForkTurn::End();
}

TEST(ForkTurn, HandlersMayForkWithinHandlersForks) {
  ASSERT_TRUE(ForkTurn::Begin());
  ForkTurn::NoteLocked();
  EXPECT_FALSE(ForkTurn::Begin());
  EXPECT_TRUE(ForkInHandler());
  EXPECT_FALSE(ForkTurn::Unlock());
  EXPECT_TRUE(ForkTurn::is_locked());
  EXPECT_TRUE(ForkTurn::Unlock());
  ForkTurn::End();
}

TEST(ForkTurn, NobodyForksWhereItIsHeld) {
  {
    const ForkTurn::Held held;
    EXPECT_TRUE(held);
    EXPECT_FALSE(ForkInHandler());
    const ForkTurn::Held again;
    EXPECT_FALSE(again);
  }
  EXPECT_TRUE(ForkTurn::Begin());
  EXPECT_FALSE(ForkTurn::Held());
  ForkTurn::End();
}

TEST(ForkTurn, IsTheThreadsOwn) {
  ASSERT_TRUE(ForkTurn::Begin());
  std::thread([] {
    EXPECT_TRUE(ForkTurn::Begin());
    ForkTurn::End();
  }).join();
  ForkTurn::End();
}

}  // namespace
}  // namespace spanheap
