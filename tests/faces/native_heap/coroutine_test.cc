// SPDX-License-Identifier: MIT
//
// Coroutines whose frames are collected: what they alone hold lives as long as they do.
#include <gtest/gtest.h>

#include <coroutine>
#include <exception>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

// Yields witnesses. A value of one word that may lie in collected objects.
class Generator {
 public:
  struct promise_type : CollectedFrame {
    Ptr<Witness> current;

    Generator get_return_object() {
      return Generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(Witness* value) noexcept {
      current = value;
      return {};
    }
    void return_void() noexcept { current = nullptr; }
    void unhandled_exception() { std::terminate(); }
  };

  Generator() = default;
  explicit Generator(std::coroutine_handle<promise_type> handle) : frame_(handle.address()) {}
  Witness* Next() {
    handle().resume();
    return current();
  }
  Witness* current() const { return handle().promise().current; }
  bool ended() const { return handle().done(); }
  void Destroy() { handle().destroy(); }
  void* frame() const { return frame_; }

 private:
  SH_LAYOUT(Generator, frame_);
  std::coroutine_handle<promise_type> handle() const {
    return std::coroutine_handle<promise_type>::from_address(frame_);
  }
  Ptr<void> frame_;
};

// The frame alone has the chain; each that was yielded is whole when it goes on.
Generator Chain(int length) {
  Ptr<Witness> head = NewWitness();
  Ptr<Witness> last;
  for (int i = 0; i < length; ++i) {
    last = NewWitness();
    last->next = head;
    head = last;
    co_yield last;
    for (const Witness* at = head; at != nullptr; at = at->next) EXPECT_TRUE(IsWhole(at));
  }
}

// Its frame alone knows of it, by a parameter that cannot be a Ptr.
struct Speaker {
  Witness witness;
  Generator Speak() {
    for (;;) {
      EXPECT_EQ(witness.self, ~reinterpret_cast<uintptr_t>(this));
      co_yield nullptr;
    }
  }
};
[[gnu::noinline]] Generator NewSpeech() {
  auto* const speaker = New<Speaker>();
  speaker->witness.self = ~reinterpret_cast<uintptr_t>(speaker);
  return speaker->Speak();
}

struct Held {
  Generator generator;
};
// Fifty new ones take the place of those that were there.
template <class Make>
void Renew(Vector<Ptr<Held>>& all, Make make) {
  all.clear();
  for (int i = 0; i < 50; ++i) {
    all.push_back(New<Held>());
    all.back()->generator = make();
  }
}

TEST(NativeCoroutineTest, AFrameKeepsWhomItIsAMemberOf) {
  Root<Vector<Ptr<Held>>> all = New<Vector<Ptr<Held>>>();
  const Cycles cycles;
  while (cycles.done() < 20) {
    Renew(*all, NewSpeech);
    Overwrite();
    for (const Ptr<Held>& each : *all) each->generator.Next();
  }
}

TEST(NativeCoroutineTest, AFrameKeepsWhatItHolds) {
  Root<Vector<Ptr<Held>>> all = New<Vector<Ptr<Held>>>();
  const Cycles cycles;
  while (cycles.done() < 20) {
    Renew(*all, [] { return Chain(20); });
    for (int step = 0; step < 20; ++step) {
      for (const Ptr<Held>& held : *all) ASSERT_TRUE(IsWhole(held->generator.Next()));
      Churn(200);
    }
    for (const Ptr<Held>& held : *all) EXPECT_EQ(held->generator.Next(), nullptr);
    for (const Ptr<Held>& held : *all) EXPECT_TRUE(held->generator.ended());
  }
}

TEST(NativeCoroutineTest, AForgottenFrameIsCollectedWithWhatItHolds) {
  WeakRoot<Witness> yielded;
  WeakRoot<char> frame;
  Root<void> kept;
  std::thread([&] {
    Generator generator = Chain(3);
    yielded = generator.Next();
    frame = static_cast<char*>(generator.frame());
    kept = generator.frame();
  }).join();
  CollectAndReuse();
  std::thread([&] {
    ASSERT_NE(yielded.get(), nullptr);
    EXPECT_TRUE(IsWhole(yielded.get()));
  }).join();
  kept = nullptr;
  EXPECT_TRUE(Eventually([&] { return frame.get() == nullptr && yielded.get() == nullptr; }));
}

// What the frame had is in this frame only, and its thread may have been scanned before.
TEST(NativeCoroutineTest, WhatIsTakenOutOfADestroyedFrameLives) {
  const Cycles cycles;
  while (cycles.done() < 20) {
    Generator generators[16];
    Witness* taken[16];
    for (Generator& generator : generators) {
      generator = Chain(1);
      generator.Next();
    }
    Churn(500);
    for (int i = 0; i < 16; ++i) {
      taken[i] = generators[i].current();
      generators[i].Destroy();
    }
    Churn(1000);
    for (const Witness* each : taken) ASSERT_TRUE(IsWhole(each));
  }
}

}  // namespace
}  // namespace spanheap
