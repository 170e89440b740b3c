// SPDX-License-Identifier: MIT
//
// Who keeps an object: each kind of root is found, with its address and its thread.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "faces/native_heap/cycles.h"
#include "spanheap/gc.h"

namespace spanheap {
namespace {

std::string Hex(const void* p) {
  char text[32];
  snprintf(text, sizeof text, "0x%" PRIxPTR, reinterpret_cast<uintptr_t>(p));
  return text;
}
bool Says(const std::string& line, const std::string& part) {
  return line.find(part) != std::string::npos;
}

// A weak pointer to an object that a root, or a chain of `length` below it, leads to.
[[gnu::noinline]] WeakRoot<Witness> HangIn(Root<Witness>& root, int length) {
  Witness* at = NewWitness();
  root = at;
  for (int i = 0; i < length; ++i) {
    at->next = NewWitness();
    at = at->next;
  }
  return at;
}

TEST(WhoKeepsTest, ARootAndTheObjectsOnTheWay) {
  Root<Witness> root;
  const WeakRoot<Witness> weak = HangIn(root, 2);
  Overwrite();
  const std::string line = WhoKeeps(weak);
  EXPECT_TRUE(Says(line, "is kept by")) << line;
  EXPECT_TRUE(Says(line, "by " + Hex(root.get()) + " (")) << line;
  EXPECT_TRUE(Says(line, "by the root at 0x")) << line;
}

// Its registers are gone when it returns.
[[gnu::noinline]] void HoldANewOne(Witness* volatile& held, WeakRoot<Witness>& weak) {
  held = NewWitness();
  weak = static_cast<Witness*>(held);
}

TEST(WhoKeepsTest, AWordOnTheStackOfAThread) {
  WeakRoot<Witness> weak;
  std::atomic<int> thread_id = 0;
  std::atomic<const void*> place = nullptr;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    Witness* volatile held = nullptr;
    HoldANewOne(held, weak);
    Overwrite();  // registers, too
    place = const_cast<Witness**>(&held);
    thread_id = gettid();
    while (!stop) usleep(100);
    KeepAlive(held);
  });
  while (thread_id == 0) usleep(100);
  Overwrite();
  const std::string line = WhoKeeps(weak);
  stop = true;
  other.join();
  EXPECT_TRUE(Says(line, "stack of thread " + std::to_string(thread_id))) << line;
  EXPECT_TRUE(Says(line, "the word at 0x")) << line;
}

TEST(WhoKeepsTest, ARange) {
  const std::unique_ptr<void*[]> words = std::make_unique<void*[]>(2);
  ASSERT_EQ(sh_gc_add_range(words.get(), words.get() + 2), 0);
  const WeakRoot<Witness> weak = [&]() __attribute__((noinline)) {
    Witness* const object = NewWitness();
    sh_gc_store(&words[1], object);
    return WeakRoot<Witness>(object);
  }();
  Overwrite();
  const std::string line = WhoKeeps(weak);
  EXPECT_TRUE(Says(line, "the word at " + Hex(&words[1]) + " of a range")) << line;
  sh_gc_remove_range(words.get(), words.get() + 2);
}

TEST(WhoKeepsTest, NobodyAndNothing) {
  EXPECT_TRUE(Eventually([weak = [] {
    Root<Witness> root;
    return HangIn(root, 0);
  }()] { return Says(WhoKeeps(weak), "no object is there"); }));
  char text[8] = "xxxxxxx";
  EXPECT_EQ(sh_gc_who_keeps(~uintptr_t{16}, text, sizeof text), 0);
  EXPECT_STREQ(text, "no obje");
  EXPECT_EQ(sh_gc_who_keeps(~uintptr_t{16}, nullptr, 0), 0);
}

TEST(WhoKeepsTest, ManyMayAsk) {
  Root<Witness> root;
  const WeakRoot<Witness> weak = HangIn(root, 1);
  std::atomic<int> right = 0;
  std::thread askers[4];
  for (std::thread& asker : askers) {
    asker = std::thread([&] { right += Says(WhoKeeps(weak), "by the root at 0x") ? 1 : 0; });
  }
  const BlockingRegion waiting;
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(right, 4);
}

}  // namespace
}  // namespace spanheap
