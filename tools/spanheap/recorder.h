// SPDX-License-Identifier: MIT
//
// Recorder: looks at a process from outside at intervals and writes what it sees to a file.
//
// Idea.    The file is whole after each moment; share/spanheap-record.schema.json describes it.
// Threads. One of its own between Start and Finish; the watched process does nothing for it.
// Fails.   std::system_error when the file cannot be created. One that cannot be written on gets no
//          more moments; a process that cannot be looked into (yet) gives none. Finish tells.
// Tests.   tests/tools/view_test.py.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "spanheap/growing_file.h"
#include "spanheap/interval_thread.h"

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
  // After Finish: why there are less than were seen; empty: there are all.
  const std::string& why_cut() const { return why_cut_; }

 private:
  // One moment; nothing where nothing can be seen.
  void Look();

  const unsigned interval_ms_;
  GrowingFile file_;
  pid_t pid_ = 0;
  double started_ = 0;  // seconds
  std::unique_ptr<look::Target> target_;
  std::string reason_ = "it ended before the first look";
  std::string why_cut_;
  IntervalThread thread_;
};

}  // namespace spanheap::tools
