// SPDX-License-Identifier: MIT
#include "os/loaded_symbols.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <vector>

namespace spanheap::os {
namespace {

TEST(LoadedSymbols, AFunctionOfALibraryIsFound) {
  EXPECT_EQ(FindLoaded("pthread_self"), reinterpret_cast<void*>(&pthread_self));
}

TEST(LoadedSymbols, WhatNobodyDefinesIsNotFound) {
  EXPECT_EQ(FindLoaded("spanheap_no_such_name"), nullptr);
  EXPECT_EQ(FindLoaded(""), nullptr);
}

bool Note(void* address, void* list) {
  static_cast<std::vector<void*>*>(list)->push_back(address);
  return true;
}

TEST(LoadedSymbols, FunctionsAndVariablesAreKeptApart) {
  std::vector<void*> functions;
  std::vector<void*> variables;
  ForEachLoaded("environ", LoadedKind::kFunction, Note, &functions);
  ForEachLoaded("environ", LoadedKind::kVariable, Note, &variables);
  EXPECT_TRUE(functions.empty());
  EXPECT_FALSE(variables.empty());
}

TEST(LoadedSymbols, TheCallWhileNothingIsLoadedMayLookUp) {
  void* found = nullptr;
  WhileNothingIsLoaded([](void* out) { *static_cast<void**>(out) = FindLoaded("pthread_self"); },
                       static_cast<void*>(&found));
  EXPECT_EQ(found, reinterpret_cast<void*>(&pthread_self));
}

}  // namespace
}  // namespace spanheap::os
