// SPDX-License-Identifier: MIT
//
// Where a C++ program has the only pointer to an object, beyond registers and frames (those are in
// tests/mutators/hiding_places_test.cc): each test holds objects in one such place while cycles
// run, and would find them gone.
#include <gtest/gtest.h>

#include <array>
#include <exception>
#include <optional>
#include <thread>
#include <variant>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

struct CollectsAtEnd {
  ~CollectsAtEnd() { CollectAndReuse(); }
};
struct Failure {
  Root<Witness> node;
};
[[gnu::noinline]] void Throw() {
  const CollectsAtEnd at_end;  // while the exception is on its way
  throw Failure{NewWitness()};
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
    first = NewWitness();
    CollectAndReuse();
    second = NewWitness();
    CollectAndReuse();
    EXPECT_TRUE(IsWhole(first) && IsWhole(second));
    if (fails) throw Failure{first};
  }
  Ptr<Witness> first, second;
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
  std::array<Ptr<Witness>, 2> pointers;
  Vector<Ptr<Witness>> vectors[2];
  List<Ptr<Witness>> lists[2];
  HashMap<int, Ptr<Witness>> maps[2];
  String strings[2];
};

void Fill(Places& places) {
  places.pointers[0] = NewWitness();
  for (int i = 0; i < 50; ++i) {
    places.vectors[0].push_back(NewWitness());
    places.lists[0].push_back(NewWitness());
    places.maps[0][i] = NewWitness();
    places.strings[0] += "abc";
  }
}
// One after the other, so that each is at times the only one that a cycle has still to see.
void Move(Places& places, int from) {
  const int to = 1 - from;
  places.pointers[to] = std::move(places.pointers[from]);
  places.pointers[from] = nullptr;
  places.vectors[to] = std::move(places.vectors[from]);
  places.lists[to] = std::move(places.lists[from]);
  places.maps[to] = std::move(places.maps[from]);
  places.strings[to] = std::move(places.strings[from]);
  places.strings[from] = String();
}
[[nodiscard]] bool AllAreWhole(const Places& places, int at) {
  bool whole = IsWhole(places.pointers[at]) && places.vectors[at].size() == 50 &&
               places.lists[at].size() == 50 && places.maps[at].size() == 50 &&
               places.strings[at].size() == 150;
  for (const Ptr<Witness>& each : places.vectors[at]) whole = whole && IsWhole(each);
  for (const Ptr<Witness>& each : places.lists[at]) whole = whole && IsWhole(each);
  for (const auto& entry : places.maps[at]) whole = whole && IsWhole(entry.value);
  for (std::size_t i = 0; i < places.strings[at].size(); ++i) {
    whole = whole && places.strings[at][i] == "abc"[i % 3];
  }
  return whole;
}

TEST(NativeHidingPlacesTest, WhatWasMoved) {
  Root<Places> places = New<Places>();
  Fill(*places);
  const Cycles cycles;
  for (int from = 0; cycles.done() < 20; from = 1 - from) {
    Move(*places, from);
    EXPECT_TRUE(places->vectors[from].empty() && places->lists[from].empty() &&
                places->maps[from].empty());
    Churn(500);
    ASSERT_TRUE(AllAreWhole(*places, 1 - from));
  }
}

// A value that was read from an object just before something else began in its place: only this
// frame has it, and its thread may have been scanned already.
struct Optional {
  std::optional<Ptr<Witness>> place;
  void Begin(Witness* node) { place.emplace(node); }
  Witness* Read() const { return place->get(); }
};
struct Variant {
  std::variant<Ptr<Witness>, Ptr<Places>> place;
  void Begin(Witness* node) { place.emplace<Ptr<Witness>>(node); }
  Witness* Read() const { return std::get<Ptr<Witness>>(place); }
};

template <class Holder>
void TakeOutWhileCyclesRun() {
  constexpr std::size_t kHolders = 30'000;
  constexpr std::size_t kTaken = 64;
  Root<Vector<Ptr<Holder>>> holders = New<Vector<Ptr<Holder>>>();
  for (std::size_t i = 0; i < kHolders; ++i) {
    holders->push_back(New<Holder>());
    holders->back()->Begin(NewWitness());
  }
  const Cycles cycles;
  for (std::size_t at = 0; cycles.done() < 20;) {
    std::array<Witness*, kTaken> taken;
    for (Witness*& node : taken) {
      Holder& holder = *(*holders)[at = (at + 7919) % kHolders];
      node = holder.Read();
      holder.Begin(NewWitness());
    }
    Churn(2000);
    for (const Witness* node : taken) ASSERT_TRUE(IsWhole(node));
  }
}

TEST(NativeHidingPlacesTest, AnOptionalThatIsUsedAgain) { TakeOutWhileCyclesRun<Optional>(); }
TEST(NativeHidingPlacesTest, AVariantThatIsUsedAgain) { TakeOutWhileCyclesRun<Variant>(); }

thread_local ThreadRoot<Witness> of_this_thread;

TEST(NativeHidingPlacesTest, AThreadLocalHandle) {
  std::thread([] {
    of_this_thread = NewWitness();
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
  Root<Vector<Ptr<Witness>>> vector = New<Vector<Ptr<Witness>>>();
  for (int i = 0; i < 64; ++i) vector->push_back(NewWitness());
  Ptr<Witness>* const begin = vector->begin();
  Ptr<Witness>* const end = vector->end();
  vector = nullptr;
  CollectAndReuse();
  for (Ptr<Witness>* at = begin; at != end; ++at) EXPECT_TRUE(IsWhole(*at));
  KeepAlive(begin);
}

}  // namespace
}  // namespace spanheap
