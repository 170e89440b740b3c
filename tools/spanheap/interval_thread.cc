// SPDX-License-Identifier: MIT
#include "spanheap/interval_thread.h"

#include <time.h>

#include <algorithm>
#include <utility>

namespace spanheap::tools {
namespace {

// Calls take at most one part in so many of a processor's time.
constexpr int kShare = 10;

using Clock = std::chrono::steady_clock;

// Of a processor, by this thread.
Clock::duration Used() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

void IntervalThread::Start(std::chrono::milliseconds interval, std::function<void()> call) {
  thread_ = std::thread([this, interval, call = std::move(call)] { Work(interval, call); });
}

void IntervalThread::Finish() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void IntervalThread::Work(std::chrono::milliseconds interval, const std::function<void()>& call) {
  std::unique_lock lock(mutex_);
  while (!is_over_) {
    lock.unlock();
    const auto begin = Clock::now();
    const auto used = Used();
    call();
    const auto taken = Used() - used;
    lock.lock();
    changed_.wait_until(lock, begin + std::max<Clock::duration>(interval, taken * kShare),
                        [this] { return is_over_; });
  }
}

}  // namespace spanheap::tools
