// SPDX-License-Identifier: MIT
#include "spanheap/interval_thread.h"

#include <algorithm>
#include <utility>

namespace spanheap::tools {
namespace {

// A call takes at most one part in so many of the time.
constexpr int kShare = 10;

using Clock = std::chrono::steady_clock;

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
    call();
    const auto taken = Clock::now() - begin;
    lock.lock();
    changed_.wait_until(lock, begin + std::max<Clock::duration>(interval, taken * kShare),
                        [this] { return is_over_; });
  }
}

}  // namespace spanheap::tools
