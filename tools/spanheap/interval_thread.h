// SPDX-License-Identifier: MIT
//
// IntervalThread: calls something at intervals on a thread of its own.
//
// Idea.    A call that takes more processor time than a tenth of the interval makes the next one
//          wait longer.
// Threads. Start and Finish: one thread.
// Tests.   tests/tools/view_test.py, trace_test.py.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace spanheap::tools {

class IntervalThread {
 public:
  IntervalThread() = default;
  ~IntervalThread() { Finish(); }
  IntervalThread(const IntervalThread&) = delete;
  IntervalThread& operator=(const IntervalThread&) = delete;

  void Start(std::chrono::milliseconds interval, std::function<void()> call);
  // On return there is no call, nor will there be one.
  void Finish();

 private:
  void Work(std::chrono::milliseconds interval, const std::function<void()>& call);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace spanheap::tools
