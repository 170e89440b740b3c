// SPDX-License-Identifier: MIT
//
// ExitHold: makes a child wait at its very end until its mappings have been read.
//
// Idea.  A program may end before this process gets the processor to look at it. With ptrace the
//        kernel stops the child when it is about to end, its mappings still in place. The hold is
//        dropped as soon as there is evidence, so a debugger can attach to all but the first
//        moments; until then the child's signals come by here and are handed on.
// Fails. Where ptrace is forbidden there is no hold and all else works as without.
#pragma once

#include <sys/types.h>

namespace spanheap::tools {

class ExitHold {
 public:
  // What a stop of the held child was about.
  enum class Stop {
    kHandled,     // the hold's own business, or a signal that was handed on: the child runs again
    kAtEnd,       // the child is about to end: read what is to be read, then Drop()
    kJobControl,  // the child stopped as anyone would see it; the hold is gone
  };

  // `pid` must not have run the program yet.
  bool Take(pid_t pid);
  bool is_held() const { return pid_ != 0; }

  // wait_status: a stop that waitpid reported while is_held().
  Stop OnStop(int wait_status);
  // Lets go of a child that is stopped by the hold.
  void Drop();
  // Asks a running child to stop for a moment; OnStop will drop the hold.
  void DropSoon();

 private:
  pid_t pid_ = 0;  // 0: no hold
  bool is_dropping_ = false;
};

}  // namespace spanheap::tools
