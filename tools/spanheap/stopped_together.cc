// SPDX-License-Identifier: MIT
#include "spanheap/stopped_together.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <string>

namespace spanheap::tools {
namespace {

constexpr timespec kPause = {0, 20'000'000};

// True while a debugger or a stop signal holds the process whose stat file this is. Nothing but
// system calls: other threads may hold locks at the fork.
bool IsStopped(const char* stat_file) {
  char text[512];
  const int file = open(stat_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t size = read(file, text, sizeof(text));
  close(file);
  // "123 (name) T ...", where the name may hold anything.
  for (ssize_t i = size - 3; i >= 0; --i) {
    if (text[i] == ')') return text[i + 2] == 'T' || text[i + 2] == 't';
  }
  return false;
}

// The helper. A SIGCONT that comes before the stop is undone by it, so one is not enough.
[[noreturn]] void ContinueWith(const char* stat_file, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  while (getppid() == parent) {
    if (!IsStopped(stat_file)) kill(parent, SIGCONT);
    nanosleep(&kPause, nullptr);
  }
  _exit(0);
}

}  // namespace

void StopWith(pid_t child) {
  const std::string stat_file = "/proc/" + std::to_string(child) + "/stat";
  const pid_t self = getpid();
  const pid_t helper = fork();
  if (helper < 0) return;
  if (helper == 0) ContinueWith(stat_file.c_str(), self);
  raise(SIGSTOP);  // returns when this process is continued
  kill(helper, SIGKILL);
  waitpid(helper, nullptr, 0);
  sigset_t continued;
  sigemptyset(&continued);
  sigaddset(&continued, SIGCONT);
  siginfo_t info = {};
  const timespec now = {};
  const bool is_known = sigtimedwait(&continued, &info, &now) > 0;
  // By the helper: the child went on by itself, and may have stopped again since.
  if (!is_known || info.si_pid != helper) kill(child, SIGCONT);
}

}  // namespace spanheap::tools
