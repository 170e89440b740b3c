// SPDX-License-Identifier: MIT
//
// The process around the heap: what happens when the library is loaded, when the process forks and
// when it ends. No thread is started here, and nothing is allocated that would not be anyway.
//
// Threads. The constructor runs before the program's own and may find the heap in use already. The
//          destructor runs after the program's atexit calls; blocks may still be freed after it.
#include <cerrno>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/fatal.h"
#include "observe/heap_report.h"
#include "observe/report_json.h"
#include "observe/report_text.h"
#include "observe/text_sink.h"
#include "runtime/heap.h"
#include "runtime/options.h"

namespace {

namespace heap = spanheap::heap;
using spanheap::options;

// Early among constructors: fork handlers registered first are the last to run before a fork, when
// the other libraries' handlers have done their allocating.
constexpr int kEarly = 101;

[[gnu::constructor(kEarly)]] void AtLoad() {
  heap::Start();
  pthread_atfork(heap::BeforeFork, heap::AfterForkInParent, heap::AfterForkInChild);
}

void WriteJsonFile(const spanheap::HeapReport& report) {
  const int file =
      open(options.stats_json, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) {
    spanheap::WarnLine("cannot write the report to ", options.stats_json);
    return;
  }
  {
    spanheap::TextSink sink(file);
    spanheap::WriteReportJson(report, sink);
  }
  close(file);
}

[[gnu::destructor(kEarly)]] void AtExit() {
  if (options.stats_pid != 0 && options.stats_pid != static_cast<uint32_t>(getpid())) return;
  if (options.verify >= 3) heap::Verify();
  const bool as_text = options.stats == spanheap::StatsAt::kExit;
  const bool as_json = options.stats_json[0] != '\0';
  if (!as_text && !as_json) return;
  spanheap::HeapReport report;
  heap::ReadReport(report);
  if (as_json) WriteJsonFile(report);
  if (as_text) {
    spanheap::TextSink sink(STDERR_FILENO);
    spanheap::WriteReportText(report, "spanheap at exit", sink);
  }
}

}  // namespace
