// SPDX-License-Identifier: MIT
//
// Threads that do something once and then sleep in a system call until the end of the scope.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace spanheap {

class Sleepers {
 public:
  // Returns once all of them have done it and sleep.
  template <class Body>
  Sleepers(unsigned count, Body body) {
    if (pipe(ends_) != 0) return;
    std::vector<std::atomic<pid_t>> done(count);
    for (std::atomic<pid_t>& id : done) {
      threads_.emplace_back([this, body, &id] {
        body();
        id = gettid();
        pollfd end{ends_[0], POLLIN, 0};
        poll(&end, 1, -1);
      });
    }
    for (const std::atomic<pid_t>& id : done) {
      while (id == 0 || !IsAsleep(id)) usleep(1000);
    }
  }
  ~Sleepers() {
    close(ends_[1]);
    for (std::thread& thread : threads_) thread.join();
    close(ends_[0]);
  }
  Sleepers(const Sleepers&) = delete;
  Sleepers& operator=(const Sleepers&) = delete;

 private:
  // The kernel's word for it: what follows the name in parentheses.
  static bool IsAsleep(pid_t id) {
    std::ifstream file("/proc/self/task/" + std::to_string(id) + "/stat");
    std::string text;
    std::getline(file, text);
    return text.find(") S ") != std::string::npos;
  }

  int ends_[2] = {-1, -1};
  std::vector<std::thread> threads_;
};

}  // namespace spanheap
