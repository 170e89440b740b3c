// SPDX-License-Identifier: MIT
#include "faces/embed/core_choice.h"

#include <gtest/gtest.h>

namespace spanheap::face {
namespace {

struct Table : CoreTable {
  explicit Table(uint32_t live, uint32_t its_number = kCoreNumber) {
    number = its_number;
    is_live.StoreRelease(live);
  }
};

TEST(CoreChoice, ACopyThatNobodyIsBesideTakesItsOwn) {
  Table own(0);
  EXPECT_EQ(&CoreChoice(own).table(), &own);
  CoreChoice choice(own);
  choice.See(own);
  EXPECT_EQ(&choice.table(), &own);
  EXPECT_FALSE(choice.has_stranger());
}

TEST(CoreChoice, TheFirstLoadedIsTakenWhileNoneIsLive) {
  Table first(0);
  Table own(0);
  CoreChoice choice(own);
  choice.See(first);
  choice.See(own);
  EXPECT_EQ(&choice.table(), &first);
}

TEST(CoreChoice, ALiveOneIsTakenBeforeThoseLoadedEarlier) {
  Table own(0);
  Table live(1);
  Table also_live(1);
  CoreChoice choice(own);
  for (CoreTable* table : {static_cast<CoreTable*>(&own), static_cast<CoreTable*>(&live),
                           static_cast<CoreTable*>(&also_live)}) {
    choice.See(*table);
  }
  EXPECT_EQ(&choice.table(), &live);
}

TEST(CoreChoice, ATableOfAnotherNumberIsNeverTakenAndIsRemembered) {
  Table stranger(1, kCoreNumber + 1);
  Table own(0);
  CoreChoice choice(own);
  choice.See(stranger);
  choice.See(own);
  EXPECT_EQ(&choice.table(), &own);
  EXPECT_TRUE(choice.has_stranger());
}

}  // namespace
}  // namespace spanheap::face
