// SPDX-License-Identifier: MIT
#include "os/own_groups.h"

#include <gtest/gtest.h>

namespace spanheap::os {
namespace {

TEST(OwnGroupsTest, AreThoseThatOneFindsOneself) {
  CgroupMemory own;
  own.Find();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ReadGroupLimit(), own.Read());
    EXPECT_EQ(ReadGroupState().limit, own.Read());
    ForgetGroupsInChild();
  }
}

}  // namespace
}  // namespace spanheap::os
