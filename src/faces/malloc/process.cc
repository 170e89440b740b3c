// SPDX-License-Identifier: MIT
//
// The process around the heap: what happens when the library is loaded, when the process forks and
// when it ends. No thread is started here, and nothing is allocated that would not be anyway.
//
// Threads. The constructor runs before the program's own and may find the heap in use already. The
//          destructor runs after the program's exit handlers and the destructors of most libraries:
//          nearly all that will ever be freed has been freed by then.
#include "base/fatal.h"
#include "faces/malloc/heap_choice.h"
#include "os/fork_handlers.h"
#include "runtime/exit_report.h"
#include "runtime/heap.h"

namespace {

namespace heap = spanheap::heap;

// Early among constructors: fork handlers registered first are the last to run before a fork, when
// the other libraries' handlers have done their allocating.
constexpr int kEarly = 101;

[[gnu::constructor(kEarly)]] void AtLoad() {
  if (!spanheap::face::ChooseHeap()) return;
  heap::Start();
  if (!spanheap::os::AddForkHandlers(heap::BeforeFork, heap::AfterForkInParent,
                                     heap::AfterForkInChild)) {
    spanheap::WarnLine("no memory to note what is done around a fork");
  }
}

[[gnu::destructor(kEarly)]] void AtExit() {
  if (spanheap::face::ChooseHeap()) spanheap::ReportAtExit();
}

}  // namespace
