// SPDX-License-Identifier: MIT
//
// Threads that do something once and then sleep in a system call until the end of the scope.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace spanheap {

class Sleepers {
 public:
  // Returns once all of them have done it.
  template <class Body>
  Sleepers(unsigned count, Body body) {
    if (pipe(ends_) != 0) return;
    std::atomic<unsigned> done{0};
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this, body, &done] {
        body();
        ++done;
        pollfd end{ends_[0], POLLIN, 0};
        poll(&end, 1, -1);
      });
    }
    while (done != count) std::this_thread::yield();
    usleep(50'000);  // into their system call
  }
  ~Sleepers() {
    close(ends_[1]);
    for (std::thread& thread : threads_) thread.join();
    close(ends_[0]);
  }
  Sleepers(const Sleepers&) = delete;
  Sleepers& operator=(const Sleepers&) = delete;

 private:
  int ends_[2] = {-1, -1};
  std::vector<std::thread> threads_;
};

}  // namespace spanheap
