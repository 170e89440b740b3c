// SPDX-License-Identifier: MIT
//
// What the C++ face asks of the C interface, as only the fake can tell.
#include <algorithm>
#include <optional>

#include "faces/native/fake_gc.h"
#include "faces/native/native_fixture.h"

namespace spanheap {
namespace {

using NativeCalls = Native;

TEST_F(NativeCalls, ChangesGoThroughTheBarrier) {
  Node* const node = New<Node>();
  Node* const a = New<Node>();
  Node* const b = New<Node>();
  fake_gc::RecordStores(true);
  node->left = a;
  node->left = b;
  node->left = nullptr;
  fake_gc::RecordStores(false);
  using Stores = std::vector<std::pair<void*, void*>>;
  EXPECT_EQ(fake_gc::TakeStores(), (Stores{{nullptr, a}, {a, b}, {b, nullptr}}));
}

TEST_F(NativeCalls, BeginningOverAnOldValueTellsTheBarrier) {
  struct Holder {
    std::optional<Ptr<Node>> maybe;
  };
  auto* const holder = New<Holder>();
  Node* const old = New<Node>();
  holder->maybe.emplace(old);
  holder->maybe.reset();  // leaves the word as it is
  fake_gc::RecordStores(true);
  holder->maybe.emplace();
  fake_gc::RecordStores(false);
  const auto stores = fake_gc::TakeStores();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_EQ(stores[0].first, old);
}

// The words of `values` among those that the barrier was told to store.
std::size_t CountStored(const std::vector<void*>& values) {
  const auto stores = fake_gc::TakeStores();
  return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [&](void* value) {
    return std::any_of(stores.begin(), stores.end(),
                       [value](const auto& store) { return store.second == value; });
  }));
}

TEST_F(NativeCalls, WhatALambdaBeginsWithIsToldToTheBarrier) {
  Node* const one = New<Node>();
  Node* const other = New<Node>();
  const auto lambda = [one, other] { return one != other; };
  fake_gc::RecordStores(true);
  New<Conservative<decltype(lambda)>>(lambda);
  fake_gc::RecordStores(false);
  EXPECT_EQ(CountStored({one, other}), 2u);
}

TEST_F(NativeCalls, SoIsWhatACleanupIsGiven) {
  Node* const object = New<Node>();
  Node* const captured = New<Node>();
  Node* const argument = New<Node>();
  fake_gc::RecordStores(true);
  AddCleanup(object, [captured](Node* node) { node->left = captured; }, argument);
  fake_gc::RecordStores(false);
  EXPECT_EQ(CountStored({captured, argument}), 2u);
}

TEST_F(NativeCalls, RootsGoThroughTheBarrierToo) {
  Root<Node> root = New<Node>();
  Node* const old = root;
  fake_gc::RecordStores(true);
  root = nullptr;
  fake_gc::RecordStores(false);
  const auto stores = fake_gc::TakeStores();
  ASSERT_EQ(stores.size(), 1u);
  EXPECT_EQ(stores[0].first, old);
}

TEST_F(NativeCalls, AllocationFailureIsAnExceptionOrNull) {
  fake_gc::FailAfter(0);
  EXPECT_THROW(New<Node>(), std::bad_alloc);
  EXPECT_EQ(TryNew<Node>(), nullptr);
  EXPECT_THROW(NewArray<int>(3), std::bad_alloc);
  EXPECT_EQ(TryNewArray<int>(3), nullptr);
  fake_gc::FailAfter(SIZE_MAX);
  EXPECT_THROW(NewArray<Node>(SIZE_MAX / 8), std::bad_alloc);
}

TEST_F(NativeCalls, StacksAreSearched) {
  fake_gc::ScanStack(true);
  Node* volatile kept = New<Node>(New<Node>(), nullptr, 0);
  Collect();
  EXPECT_GE(fake_gc::Count(), 2u);
  EXPECT_EQ(kept->left->value, 0);
}

TEST_F(NativeCalls, BlockingRegionsNest) {
  const BlockingRegion outer;
  {
    const BlockingRegion inner;
    EXPECT_EQ(fake_gc::BlockingDepth(), 2);
  }
  EXPECT_EQ(fake_gc::BlockingDepth(), 1);
}

TEST_F(NativeCalls, ExternalBytesGoWithTheObject) {
  Root<Node> root = New<Node>();
  AdjustExternal(root, 1_MiB);
  AdjustExternal(root, -24);
  EXPECT_EQ(fake_gc::External(), 1_MiB - 24);
  root = nullptr;
  Collect();
  EXPECT_EQ(fake_gc::External(), 0);
}

}  // namespace
}  // namespace spanheap
