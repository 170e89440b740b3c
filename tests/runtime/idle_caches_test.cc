// SPDX-License-Identifier: MIT
//
// IdleCaches: which threads count as idle, look by look. (That a trimmed thread goes on, and that
// memory goes back, is for tests/stress/background.cc.)
#include "runtime/idle_caches.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <time.h>

#include "heap_fixture.h"
#include "os/sleeper.h"
#include "runtime/heap_section.h"
#include "runtime/runtime.h"

namespace spanheap {
namespace {

// A thread that has used the heap and then sleeps, for long or for moments between two calls.
struct Sleeper {
  explicit Sleeper(bool is_busy) : busy(is_busy) {
    pthread_mutex_lock(&gate);
    pthread_create(&thread, nullptr, Run, this);
    while (block.LoadAcquire() == nullptr) Pause();
  }
  ~Sleeper() {
    end.StoreRelease(true);
    pthread_mutex_unlock(&gate);
    pthread_join(thread, nullptr);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  static void Pause() {
    const timespec moment{0, 50'000};
    nanosleep(&moment, nullptr);
  }
  static void* Run(void* argument) {
    auto& self = *static_cast<Sleeper*>(argument);
    heap::Free(heap::Allocate(100), "test");
    self.block.StoreRelease(this_thread.block);
    while (self.busy && !self.end.LoadAcquire()) {
      heap::Free(heap::Allocate(100), "test");
      Pause();
    }
    pthread_mutex_lock(&self.gate);
    pthread_mutex_unlock(&self.gate);
    return nullptr;
  }
  bool is_trimmed() const { return block.LoadAcquire()->idle.trimmed.LoadAcquire(); }
  uint64_t runs() const { return os::RunsOf(block.LoadAcquire()->idle.thread_id); }

  const bool busy;
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  Atomic<bool> end;
  Atomic<ThreadBlock*> block;
  pthread_t thread{};
};

class IdleCachesTest : public HeapFixture {
 protected:
  void SetUp() override {
    HeapFixture::SetUp();
    if (!os::HandlersBlockTheirSignals()) GTEST_SKIP() << "a handler leaves its signal open";
  }
  void LookAndTrim() {
    idle_.Look();
    const HeapSection section;
    while (idle_.has_more()) idle_.TrimNext();
  }

  IdleCaches idle_{runtime};
};

TEST_F(IdleCachesTest, AThreadThatSleepsIsTrimmedInTheThirdLookAtTheEarliest) {
  const Sleeper sleeper(false);
  LookAndTrim();
  LookAndTrim();
  EXPECT_FALSE(sleeper.is_trimmed());
  // It may not have been asleep yet; then it gets more time.
  for (int i = 0; i < 1000 && !sleeper.is_trimmed(); ++i, Sleeper::Pause()) LookAndTrim();
  EXPECT_TRUE(sleeper.is_trimmed());
}

TEST_F(IdleCachesTest, AThreadThatSleepsForMomentsIsLeftAlone) {
  const Sleeper sleeper(true);
  if (sleeper.runs() == 0) GTEST_SKIP() << "the kernel does not count how often threads run";
  for (uint32_t look = 0; look < 2 * IdleCaches::kIdleRounds; ++look) {
    const uint64_t before = sleeper.runs();
    LookAndTrim();
    while (sleeper.runs() < before + 300) Sleeper::Pause();
  }
  EXPECT_FALSE(sleeper.is_trimmed());
}

TEST_F(IdleCachesTest, WhoAsksForAllOfItWaitsForNothing) {
  const Sleeper sleeper(false);
  for (int i = 0; i < 1000 && !sleeper.is_trimmed(); ++i, Sleeper::Pause()) {
    idle_.LookAtAll();
    const HeapSection section;
    while (idle_.has_more()) idle_.TrimNext();
  }
  EXPECT_TRUE(sleeper.is_trimmed());
}

}  // namespace
}  // namespace spanheap
