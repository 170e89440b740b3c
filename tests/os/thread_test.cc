// SPDX-License-Identifier: MIT
#include "os/thread.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace spanheap::os {
namespace {

TEST(ThreadIdTest, IsTheKernelsAndDiffersBetweenThreads) {
  EXPECT_EQ(ThreadId(), static_cast<uint32_t>(syscall(SYS_gettid)));
  uint32_t other = 0;
  std::thread([&other] { other = ThreadId(); }).join();
  EXPECT_NE(other, 0U);
  EXPECT_NE(other, ThreadId());
}

// What one thread's end did: a hook has no state but the value it is armed with.
struct Visits {
  ThreadExitHook* hook = nullptr;
  int count = 0;
  int wanted = 1;
  uint32_t thread = 0;
};

void Visit(void* value) {
  auto* const visits = static_cast<Visits*>(value);
  ++visits->count;
  visits->thread = ThreadId();
  EXPECT_TRUE(visits->count >= visits->wanted || visits->hook->Arm(value));
}

ThreadExitHook& TheHook() {
  static ThreadExitHook hook;
  static const bool created = hook.Create(Visit);
  EXPECT_TRUE(created);
  return hook;
}

TEST(ThreadExitHookTest, IsCalledInTheThreadThatEnds) {
  Visits visits{&TheHook()};
  uint32_t thread = 0;
  std::thread([&] {
    thread = ThreadId();
    EXPECT_TRUE(visits.hook->Arm(&visits));
  }).join();
  EXPECT_EQ(visits.count, 1);
  EXPECT_EQ(visits.thread, thread);
}

TEST(ThreadExitHookTest, MayArmAgainWhileItIsCalled) {
  Visits visits{&TheHook()};
  visits.wanted = 3;
  std::thread([&] { EXPECT_TRUE(visits.hook->Arm(&visits)); }).join();
  EXPECT_EQ(visits.count, 3);
}

TEST(ThreadExitHookTest, IsNotCalledWhenUnarmedOrDisarmed) {
  Visits visits{&TheHook()};
  std::thread([] {}).join();
  std::thread([&] {
    EXPECT_TRUE(visits.hook->Arm(&visits));
    visits.hook->Disarm();
  }).join();
  EXPECT_EQ(visits.count, 0);
}

TEST(ThreadExitHookTest, WorksWithAKeyOutsideTheThreadsOwnBlock) {
  // Libc has to allocate for the values of such keys.
  std::array<pthread_key_t, 40> keys;
  for (pthread_key_t& key : keys) ASSERT_EQ(pthread_key_create(&key, nullptr), 0);
  ThreadExitHook hook;
  ASSERT_TRUE(hook.Create(Visit));
  Visits visits{&hook};
  std::thread([&] { EXPECT_TRUE(hook.Arm(&visits)); }).join();
  EXPECT_EQ(visits.count, 1);
  for (const pthread_key_t key : keys) pthread_key_delete(key);
}

TEST(ThreadExitHookTest, AnUncreatedHookIsNotArmed) {
  ThreadExitHook hook;
  int value = 0;
  EXPECT_FALSE(hook.Arm(&value));
  hook.Disarm();
}

}  // namespace
}  // namespace spanheap::os
