// SPDX-License-Identifier: MIT
//
// Where a C++ program has the only pointer to an object, beyond registers and frames (those are in
// tests/mutators/hiding_places_test.cc): each test holds objects in one such place while cycles
// run, and would find them gone.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>
#include <variant>

#include "spanheap/gc.h"

namespace spanheap {
namespace {

struct Node {
  uintptr_t self = 0;  // inverted, so that it keeps nothing
  Ptr<Node> next;
};
bool IsWhole(const Node* node) { return node->self == ~reinterpret_cast<uintptr_t>(node); }

[[gnu::noinline]] Node* NewNode() {
  Node* const node = New<Node>();
  node->self = ~reinterpret_cast<uintptr_t>(node);
  return node;
}

// What frames below have left, and slots of what died.
[[gnu::noinline]] void Overwrite() {
  volatile char space[8 << 10];
  for (volatile char& each : space) each = 0;
  for (int i = 0; i < 2000; ++i) NewNode();
}
void CollectAndReuse() {
  Overwrite();
  Collect();
  Overwrite();
}

// Cycles as long as this lives: half of them at least end while the program is at work.
class Cycles {
 public:
  Cycles() : thread_([this] { Run(); }) {}
  ~Cycles() {
    stop_ = true;
    const BlockingRegion waiting;
    thread_.join();
  }
  int done() const { return done_; }

 private:
  void Run() {
    for (; !stop_; ++done_) Collect();
  }
  std::atomic<bool> stop_ = false;
  std::atomic<int> done_ = 0;
  std::thread thread_;
};

struct CollectsAtEnd {
  ~CollectsAtEnd() { CollectAndReuse(); }
};
struct Failure {
  Root<Node> node;
};
[[gnu::noinline]] void Throw() {
  const CollectsAtEnd at_end;  // while the exception is on its way
  throw Failure{NewNode()};
}

TEST(NativeHidingPlacesTest, AnExceptionInFlight) {
  std::exception_ptr kept;
  try {
    Throw();
  } catch (const Failure& failure) {
    EXPECT_TRUE(IsWhole(failure.node));
    kept = std::current_exception();
  }
  CollectAndReuse();
  try {
    std::rethrow_exception(kept);
  } catch (const Failure& failure) {
    EXPECT_TRUE(IsWhole(failure.node));
  }
}

struct HalfBuilt {
  explicit HalfBuilt(bool fails) {
    first = NewNode();
    CollectAndReuse();
    second = NewNode();
    CollectAndReuse();
    EXPECT_TRUE(IsWhole(first) && IsWhole(second));
    if (fails) throw Failure{first};
  }
  Ptr<Node> first, second;
  SH_LAYOUT(HalfBuilt, first, second);
};

TEST(NativeHidingPlacesTest, AHalfBuiltObject) {
  const HalfBuilt* const whole = New<HalfBuilt>(false);
  CollectAndReuse();
  EXPECT_TRUE(IsWhole(whole->first) && IsWhole(whole->second));
  try {
    New<HalfBuilt>(true);
    FAIL();
  } catch (const Failure& failure) {
    CollectAndReuse();
    EXPECT_TRUE(IsWhole(failure.node));
  }
}

struct Places {
  std::array<Ptr<Node>, 2> pointers;
  Vector<Ptr<Node>> vectors[2];
};

TEST(NativeHidingPlacesTest, WhatWasMoved) {
  Root<Places> places = New<Places>();
  for (int i = 0; i < 50; ++i) places->vectors[0].push_back(NewNode());
  places->pointers[0] = NewNode();
  const Cycles cycles;
  for (int from = 0; cycles.done() < 20; from = 1 - from) {
    places->pointers[1 - from] = std::move(places->pointers[from]);
    places->pointers[from] = nullptr;
    places->vectors[1 - from] = std::move(places->vectors[from]);
    EXPECT_TRUE(places->vectors[from].empty());
    for (int i = 0; i < 500; ++i) NewNode();
    ASSERT_TRUE(IsWhole(places->pointers[1 - from]));
    ASSERT_EQ(places->vectors[1 - from].size(), 50u);
    for (const Ptr<Node>& node : places->vectors[1 - from]) ASSERT_TRUE(IsWhole(node));
  }
}

// A value that was read from an object just before something else began in its place: only this
// frame has it, and its thread may have been scanned already.
struct Optional {
  std::optional<Ptr<Node>> place;
  void Begin(Node* node) { place.emplace(node); }
  Node* Read() const { return place->get(); }
};
struct Variant {
  std::variant<Ptr<Node>, Ptr<Places>> place;
  void Begin(Node* node) { place.emplace<Ptr<Node>>(node); }
  Node* Read() const { return std::get<Ptr<Node>>(place); }
};

template <class Holder>
void TakeOutWhileCyclesRun() {
  constexpr std::size_t kHolders = 30'000;
  constexpr std::size_t kTaken = 64;
  Root<Vector<Ptr<Holder>>> holders = New<Vector<Ptr<Holder>>>();
  for (std::size_t i = 0; i < kHolders; ++i) {
    holders->push_back(New<Holder>());
    holders->back()->Begin(NewNode());
  }
  const Cycles cycles;
  for (std::size_t at = 0; cycles.done() < 20;) {
    std::array<Node*, kTaken> taken;
    for (Node*& node : taken) {
      Holder& holder = *(*holders)[at = (at + 7919) % kHolders];
      node = holder.Read();
      holder.Begin(NewNode());
    }
    for (int i = 0; i < 2000; ++i) NewNode();
    for (const Node* node : taken) ASSERT_TRUE(IsWhole(node));
  }
}

TEST(NativeHidingPlacesTest, AnOptionalThatIsUsedAgain) { TakeOutWhileCyclesRun<Optional>(); }
TEST(NativeHidingPlacesTest, AVariantThatIsUsedAgain) { TakeOutWhileCyclesRun<Variant>(); }

thread_local ThreadRoot<Node> of_this_thread;

TEST(NativeHidingPlacesTest, AThreadLocalHandle) {
  std::thread([] {
    of_this_thread = NewNode();
    CollectAndReuse();
    EXPECT_TRUE(IsWhole(of_this_thread));
  }).join();
}

TEST(NativeHidingPlacesTest, AnAddressInsideAnObjectUpToItsLastByte) {
  constexpr std::size_t kBytes = 1000;
  for (const std::size_t offset : {std::size_t{1}, std::size_t{500}, kBytes - 1}) {
    Root<char> inside;
    std::thread([&] {
      char* const bytes = NewArray<char>(kBytes);
      bytes[0] = 1;
      inside = bytes + offset;
    }).join();
    CollectAndReuse();
    EXPECT_EQ(inside.get()[-static_cast<std::ptrdiff_t>(offset)], 1);
  }
}

// Beside its end, containers keep their beginning.
TEST(NativeHidingPlacesTest, AnEndBesideItsBeginning) {
  Root<Vector<Ptr<Node>>> vector = New<Vector<Ptr<Node>>>();
  for (int i = 0; i < 64; ++i) vector->push_back(NewNode());
  Ptr<Node>* const begin = vector->begin();
  Ptr<Node>* const end = vector->end();
  vector = nullptr;
  CollectAndReuse();
  for (Ptr<Node>* at = begin; at != end; ++at) EXPECT_TRUE(IsWhole(*at));
  KeepAlive(begin);
}

}  // namespace
}  // namespace spanheap
