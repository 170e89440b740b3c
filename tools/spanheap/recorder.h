// SPDX-License-Identifier: MIT
//
// Recorder: looks at a process from outside at intervals and writes what it sees to a file.
//
// Idea.    The file is whole JSON after each moment: its end is written over by the next one. So it
//          can be read while the program runs, and after it has died in whatever way.
//          share/spanheap-record.schema.json describes it. A look that takes more than a tenth of
//          the interval makes the next one wait longer.
// Threads. One of its own between Start and Finish; the watched process does nothing for it.
// Fails.   std::system_error when the file cannot be written; a process that cannot be looked into
//          (yet) gives no moments, and Finish tells the last reason.
// Tests.   tests/tools/view_test.py.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace spanheap::look {
class Target;
}

namespace spanheap::tools {

class Recorder {
 public:
  // Creates the file. `interval_ms` is at least 1.
  Recorder(const std::string& path, unsigned interval_ms, const std::vector<std::string>& command);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void Start(pid_t pid);
  // No more moments. Why there are none; empty if there are some.
  std::string Finish();

 private:
  void Work();
  // One moment; false: nothing could be seen.
  bool Look();
  void Append(const std::string& moment);

  const unsigned interval_ms_;
  int file_ = -1;
  off_t end_ = 0;  // where the next moment goes
  size_t moments_ = 0;
  pid_t pid_ = 0;
  double started_ = 0;  // seconds
  std::unique_ptr<look::Target> target_;
  std::string reason_ = "it ended before the first look";
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace spanheap::tools
