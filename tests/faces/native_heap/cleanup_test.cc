// SPDX-License-Identifier: MIT
//
// Cleanups that would keep their own object alive are refused.
#include <gtest/gtest.h>

#include <cerrno>
#include <stdexcept>

#include "spanheap/gc.h"

namespace spanheap {
namespace {

struct Pair {
  Ptr<Pair> next;
  int values[2] = {};
};

void Nothing(void*) {}

TEST(CleanupTest, AClosureInItsObjectIsRefused) {
  auto* const pair = New<Pair>();
  for (void* closure : {static_cast<void*>(pair), static_cast<void*>(&pair->values[1])}) {
    errno = 0;
    EXPECT_EQ(sh_gc_add_cleanup(pair, Nothing, closure).id, 0U);
    EXPECT_EQ(errno, EINVAL);
  }
  int local = 0;
  EXPECT_EQ(sh_gc_add_cleanup(&local, Nothing, nullptr).id, 0U);
  EXPECT_EQ(errno, EINVAL);
  for (void* closure :
       {static_cast<void*>(nullptr), static_cast<void*>(&local), static_cast<void*>(New<Pair>())}) {
    const sh_gc_cleanup added = sh_gc_add_cleanup(pair, Nothing, closure);
    EXPECT_NE(added.id, 0U);
    EXPECT_EQ(sh_gc_stop_cleanup(added), 1);
  }
}

TEST(CleanupTest, AnArgumentThatPointsIntoItsObjectIsRefused) {
  Root<Pair> pair = New<Pair>();
  EXPECT_THROW(AddCleanup(pair, [](Pair*) {}, pair.get()), std::invalid_argument);
  EXPECT_THROW(AddCleanup(pair, [](int, int*) {}, 1, &pair->values[1]), std::invalid_argument);
  EXPECT_THROW(
      AddCleanup(pair, [](const Ptr<Pair>&) {}, Ptr<Pair>(pair.get())), std::invalid_argument);
  EXPECT_TRUE(AddCleanup(pair, [](Pair*, void (*)(void*)) {}, New<Pair>(), &Nothing).Stop());
}

}  // namespace
}  // namespace spanheap
