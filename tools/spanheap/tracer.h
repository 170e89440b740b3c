// SPDX-License-Identifier: MIT
//
// Tracer: writes what a process's collector does as JSON that Perfetto and Chrome's tracing open:
// cycles, stops, marking, sweeping, assists, and the bytes that live.
//
// Idea.    The library keeps its last events in a ring; this reads the ring at intervals, from
//          outside. What happened before it was attached is there, too, as far as the ring goes.
//          The file is created with the first event, and whole after each look: where there is
//          none, what the path leads to is left alone.
// Threads. One of its own between Start and Finish.
// Fails.   std::system_error when the file cannot be created, or by Look written; after Start one
//          that cannot be written on gets no more events, and a process that cannot be looked into
//          (yet) gives none: Finish tells.
// Tests.   tests/tools/trace_test.py.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "spanheap/growing_file.h"
#include "spanheap/interval_thread.h"
#include "spanheap/look/event_reader.h"
#include "spanheap/look/target.h"

namespace spanheap::tools {

class Tracer {
 public:
  // Between looks. The library's ring holds more than happens meanwhile.
  static constexpr std::chrono::milliseconds kInterval{20};

  explicit Tracer(const std::string& path) : path_(path) {}
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Creates the file though there may be no event.
  void Create();
  // Looks at intervals.
  void Start(pid_t pid);
  // Looks once.
  void Look(const look::Target& target);
  // No more events. Why there are none; empty if there are some.
  std::string Finish();
  // After Finish: why there are less than were seen; empty: there are all.
  const std::string& why_cut() const { return why_cut_; }
  uint64_t lost() const { return events_ ? events_->lost() : 0; }

 private:
  void LookAgain();

  const std::string path_;
  std::optional<GrowingFile> file_;
  pid_t pid_ = 0;
  std::unique_ptr<look::Target> target_;
  std::unique_ptr<look::EventReader> events_;
  std::set<uint64_t> named_;  // threads that have a name in the file
  std::string reason_ = "it ended before the first look";
  std::string why_cut_;
  IntervalThread thread_;
};

}  // namespace spanheap::tools
