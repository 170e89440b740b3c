// SPDX-License-Identifier: MIT
#include "os/service_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/atomic.h"
#include "os/futex.h"
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

struct Policy {
  Atomic<uint32_t> done;
  int of_thread = -1;
};
void LookAtPolicy(void* argument) {
  auto& policy = *static_cast<Policy*>(argument);
  policy.of_thread = sched_getscheduler(0);
  policy.done.StoreRelease(1);
  FutexWakeAll(policy.done);
}

// A process may enter them, and may not be allowed to leave them.
TEST(ServiceThreadTest, InheritsPoliciesThatAreNotOfRealTime) {
  static Policy policy;
  static ServiceThread thread{LookAtPolicy, &policy, "tested"};
  const sched_param none{};
  ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
  ASSERT_TRUE(Start(thread));
  sched_setscheduler(0, SCHED_OTHER, &none);
  while (policy.done.LoadAcquire() == 0) FutexWait(policy.done, 0);
  EXPECT_EQ(policy.of_thread, SCHED_BATCH);
}

TEST(ServiceThreadTest, AProcessThatHasHadAThreadDoesNotCountAsOne) {
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr), 0);
  pthread_join(thread, nullptr);
  EXPECT_FALSE(HasOneThread());
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
}

TEST(ServiceThreadTest, OneThreadIsTheFirst) {
  static Atomic<uint32_t> seen;
  static ServiceThread other{[](void*) {
                               seen.StoreRelease(IsFirstThread() ? 1 : 2);
                               FutexWakeAll(seen);
                             },
                             nullptr, "tested"};
  EXPECT_TRUE(IsFirstThread());
  ASSERT_TRUE(Start(other));
  while (seen.LoadAcquire() == 0) FutexWait(seen, 0);
  EXPECT_EQ(seen.LoadAcquire(), 2U);
}

TEST(ServiceThreadTest, ThreadsAreReadFromWhatTheSystemWrites) {
  const std::string rest = " 1 2 3 4 -1 5 6 7 8 9 10 11 12 13 20 0";  // up to the 19th word
  ThreadsLeft left;
  ASSERT_TRUE(ReadThreads(("7 (name) S" + rest + " 14 0 99\n").c_str(), left));
  EXPECT_EQ(left.count, 14U);
  EXPECT_FALSE(left.has_first_ended);
  ASSERT_TRUE(ReadThreads(("7 (a) Z 1 (b\n) Z" + rest + " 2 0 99\n").c_str(), left));
  EXPECT_EQ(left.count, 1U);
  EXPECT_TRUE(left.has_first_ended);
  for (const std::string& text :
       {"7 (name) S" + rest + " 1", "7 (name) S" + rest + " ", "7 (name) S" + rest,
        std::string("7 (name) S 1 2 "), std::string("7 (name"), std::string()}) {
    EXPECT_FALSE(ReadThreads(text.c_str(), left)) << text;
  }
}

}  // namespace
}  // namespace spanheap::os
