// SPDX-License-Identifier: MIT
#include "spanheap/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "spanheap/exit_hold.h"
#include "spanheap/signal_queue.h"
#include "spanheap/stopped_together.h"

namespace spanheap::tools {
namespace {

// One direction, closed in programs that are executed.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "pipe");
    }
  }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void CloseReader() { Close(ends_[0]); }
  void CloseWriter() { Close(ends_[1]); }
  void Send(int value) const {
    if (write(ends_[1], &value, sizeof(value)) < 0) _exit(EXIT_FAILURE);
  }
  // What was sent; 0 if the writers are gone.
  int Receive() const {
    int value = 0;
    return read(ends_[0], &value, sizeof(value)) == sizeof(value) ? value : 0;
  }

 private:
  static void Close(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  int ends_[2];
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// In the child: waits for leave to start, then becomes the program or sends back why it cannot.
[[noreturn]] void ExecChild(const ChildPlan& plan, const SignalQueue& signals, Pipe& start,
                            Pipe& failure) {
  start.CloseWriter();
  const std::vector<std::string> environment = plan.environment(getpid());
  const std::vector<char*> variables = Pointers(environment);
  const std::vector<char*> arguments = Pointers(plan.arguments);
  start.Receive();
  signals.Restore();
  execve(plan.path.c_str(), arguments.data(), variables.data());
  failure.Send(errno);
  _exit(EXIT_FAILURE);
}

// Watches the child: its signals, its stops, its end, and the proof meanwhile.
class Watch {
 public:
  Watch(pid_t pid, const ChildPlan& plan, const SignalQueue& signals, ExitHold& hold)
      : pid_(pid), signals_(signals), proof_(pid, plan.library), hold_(hold) {}

  ChildEnd UntilEnd() {
    int status = 0;
    while (!CollectEnd(status)) {
      siginfo_t info;
      if (!signals_.Take(LookAndPause(), info)) continue;
      if (!WentToWholeGroup(info) && info.si_signo != SIGCHLD && info.si_pid != pid_) {
        kill(pid_, info.si_signo);
      }
    }
    return {pid_, 0, status, proof_.found()};
  }

 private:
  // How long to wait for a signal before another look; -1: for ever.
  int64_t LookAndPause() {
    if (proof_.is_open()) proof_.Look();
    if (proof_.is_open()) return proof_.NextPause();
    if (hold_.is_held()) hold_.DropSoon();
    return -1;
  }

  bool CollectEnd(int& status) {
    const pid_t collected = waitpid(pid_, &status, WNOHANG | WUNTRACED);
    if (collected < 0) throw std::system_error(errno, std::generic_category(), "waitpid");
    if (collected != pid_) return false;
    if (!WIFSTOPPED(status)) return true;
    if (!hold_.is_held()) {
      StopWith(pid_);
      return false;
    }
    switch (hold_.OnStop(status)) {
      case ExitHold::Stop::kHandled:
        break;
      case ExitHold::Stop::kAtEnd:
        if (proof_.is_open()) proof_.Look();
        hold_.Drop();
        break;
      case ExitHold::Stop::kJobControl:
        StopWith(pid_);
        break;
    }
    return false;
  }

  pid_t pid_;
  const SignalQueue& signals_;
  ProofSearch proof_;
  ExitHold& hold_;
};

}  // namespace

ChildEnd RunChild(const ChildPlan& plan) {
  const SignalQueue signals;
  Pipe start;
  Pipe failure;
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) ExecChild(plan, signals, start, failure);
  ExitHold hold;
  if (plan.holds_at_end) hold.Take(pid);
  start.CloseWriter();
  failure.CloseWriter();  // the child's copy closes at exec: then this receives 0
  const int exec_error = failure.Receive();
  if (exec_error == 0 && plan.on_start) plan.on_start(pid);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // the first pauses are shorter than the usual slack
  ChildEnd end = Watch(pid, plan, signals, hold).UntilEnd();
  end.exec_error = exec_error;
  signals.Restore();
  return end;
}

void EndLike(int wait_status) {
  if (WIFEXITED(wait_status)) std::exit(WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // one core file is enough
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  sigaction(signal, &plain, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  raise(signal);
  std::exit(128 + signal);
}

}  // namespace spanheap::tools
