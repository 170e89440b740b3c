// SPDX-License-Identifier: MIT
#include "os/service_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/auxv.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/atomic.h"
#include "os/futex.h"
#include "os/sleeper.h"
#include "os/system_text.h"

namespace spanheap::os {
namespace {

struct Seen {
  Atomic<uint32_t> done;
  char name[16] = {};
  bool blocks_all = true;
};

void Look(void* argument) {
  auto& seen = *static_cast<Seen*>(argument);
  pthread_getname_np(pthread_self(), seen.name, sizeof seen.name);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGPROF, SIGALRM}) {
    seen.blocks_all = seen.blocks_all && sigismember(&mask, signal) == 1;
  }
  seen.done.StoreRelease(1);
  FutexWakeAll(seen.done);
}

TEST(ServiceThreadTest, HasItsNameAndHearsNoSignal) {
  static Seen seen;
  static ServiceThread thread{Look, &seen, "tested"};
  ASSERT_TRUE(Start(thread));
  while (seen.done.LoadAcquire() == 0) FutexWait(seen.done, 0);
  EXPECT_STREQ(seen.name, "tested");
  EXPECT_TRUE(seen.blocks_all);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

TEST(ServiceThreadTest, SystemCodeIsThatOfLibcAndTheDynamicLinker) {
  const auto code = [](auto* function) { return reinterpret_cast<const void*>(function); };
  EXPECT_TRUE(IsSystemCode(code(&getenv)));
  EXPECT_TRUE(IsSystemCode(reinterpret_cast<const void*>(getauxval(AT_BASE))));
  EXPECT_FALSE(IsSystemCode(code(&Look)));
  alignas(16) static char made_at_run_time[16];
  EXPECT_FALSE(IsSystemCode(made_at_run_time));
}

// What serves where the dynamic linker does not tell.
TEST(ServiceThreadTest, MappingsTellTheSameOfSystemCode) {
  const auto code = [](auto* function) { return reinterpret_cast<const void*>(function); };
  EXPECT_TRUE(IsInSystemText(code(&getenv)));
  EXPECT_TRUE(IsInSystemText(code(&qsort)));
  EXPECT_FALSE(IsInSystemText(code(&Look)));
  EXPECT_FALSE(IsInSystemText(code(&IsInSystemText)));
  alignas(16) static char made_at_run_time[16];
  EXPECT_FALSE(IsInSystemText(made_at_run_time));
  // The linker's entry, by way of its code.
  const auto base = getauxval(AT_BASE);
  bool any = false;
  for (uintptr_t at = base; at < base + (1 << 20); at += 4096) {
    const auto* pc = reinterpret_cast<const void*>(at);
    any = any || IsInSystemText(pc);
    EXPECT_TRUE(!IsInSystemText(pc) || IsSystemCode(pc)) << at - base;
  }
  EXPECT_TRUE(any);
}

TEST(ServiceThreadTest, KnowsWhatWasBlockedWhereItWasStarted) {
  static Seen seen;
  static ServiceThread thread{Look, &seen, "tested"};
  const uint64_t before = BlockedSignals();
  SetBlockedSignals(before | uint64_t{1} << (SIGUSR2 - 1));
  ASSERT_TRUE(Start(thread));
  EXPECT_EQ(thread.blocked, BlockedSignals());
  SetBlockedSignals(before);
  EXPECT_NE(thread.blocked, before);
  while (seen.done.LoadAcquire() == 0) FutexWait(seen.done, 0);
}

void Sleep(void* gate) {
  auto& word = *static_cast<Atomic<uint32_t>*>(gate);
  while (word.LoadAcquire() == 0) FutexWait(word, 0);
}

TEST(ServiceThreadTest, CountsThreadsAndSeesThatTheFirstHasNotEnded) {
  static Atomic<uint32_t> gate;
  static ServiceThread sleepers[3] = {
      {Sleep, &gate, "one"}, {Sleep, &gate, "two"}, {Sleep, &gate, "three"}};
  ThreadsLeft before;
  ASSERT_TRUE(CountThreads(before));
  EXPECT_FALSE(before.has_first_ended);
  for (ServiceThread& sleeper : sleepers) ASSERT_TRUE(Start(sleeper));
  ThreadsLeft with;
  ASSERT_TRUE(CountThreads(with));
  EXPECT_GE(with.count, 4U);                // those of earlier tests may end meanwhile
  EXPECT_LE(with.count, before.count + 4);  // with the first one begins a sanitizer's own
  gate.StoreRelease(1);
  FutexWakeAll(gate);
  EXPECT_TRUE(IsFirstThread());
}

}  // namespace
}  // namespace spanheap::os
