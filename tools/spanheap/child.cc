// SPDX-License-Identifier: MIT
#include "spanheap/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace spanheap::tools {
namespace {

constexpr int64_t kMicrosecond = 1000;
constexpr int64_t kMillisecond = 1000 * kMicrosecond;
constexpr int64_t kSecond = 1000 * kMillisecond;

// Exec to the first mapping takes well under a millisecond: first readings follow each other
// closely, so that a program of a millisecond is seen; a slow disk gets its seconds.
constexpr int64_t kFirstPause = 20 * kMicrosecond;
constexpr int64_t kLongestPause = 50 * kMillisecond;
constexpr int64_t kGiveUpAfter = 20 * kSecond;

// What a shell user or a supervisor sends. Signals of faults and those that cannot be caught are
// left alone.
sigset_t PassedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT,
                           SIGTSTP, SIGWINCH, SIGURG, SIGIO, SIGVTALRM, SIGPROF, SIGPWR}) {
    sigaddset(&set, signal);
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

// Blocks the passed signals; SIGCHLD must not be ignored, or ends would go unseen.
class SignalQueue {
 public:
  SignalQueue() : set_(PassedSignals()) {
    struct sigaction plain = {};
    plain.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &plain, &old_child_action_);
    sigprocmask(SIG_BLOCK, &set_, &old_mask_);
  }
  // As the caller of this command had them. For the child, and before this process ends.
  void Restore() const {
    sigaction(SIGCHLD, &old_child_action_, nullptr);
    sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
  }
  // Waits for one signal, `timeout` ns at most if that is not negative; false when none came.
  bool Take(int64_t timeout, siginfo_t& info) const {
    const timespec limit = {timeout / kSecond, timeout % kSecond};
    return sigtimedwait(&set_, &info, timeout < 0 ? nullptr : &limit) > 0;
  }

 private:
  sigset_t set_;
  sigset_t old_mask_ = {};
  struct sigaction old_child_action_ = {};
};

// True for what a terminal sends (the kernel is the sender then); another process's kill(2) of the
// group cannot be told from one of this process and is passed on.
bool WentToWholeGroup(const siginfo_t& info) {
  const bool is_from_kernel = info.si_code > 0;
  switch (info.si_signo) {
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGHUP:
    case SIGCONT:
    case SIGWINCH:
      return is_from_kernel;
    default:
      return false;
  }
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void ExecChild(const ChildPlan& plan, const SignalQueue& signals, int error_pipe) {
  const std::vector<std::string> environment = plan.environment(getpid());
  const std::vector<char*> arguments = Pointers(plan.arguments);
  const std::vector<char*> variables = Pointers(environment);
  signals.Restore();
  // As a shell does: a text without #! is run by /bin/sh.
  execvpe(plan.path.c_str(), arguments.data(), variables.data());
  const int error = errno;
  if (write(error_pipe, &error, sizeof(error)) < 0) _exit(EXIT_FAILURE);
  _exit(EXIT_FAILURE);
}

// Returns once exec succeeded (0) or failed (its errno): the pipe closes by itself at exec.
int WaitForExec(int error_pipe) {
  int error = 0;
  ssize_t count;
  do {
    count = read(error_pipe, &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  close(error_pipe);
  return count == sizeof(error) ? error : 0;
}

// What the mappings of the process show now.
PreloadProof ReadProof(pid_t pid, const std::string& library) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  PreloadProof proof = PreloadProof::kUnknown;
  for (std::string line; std::getline(maps, line);) {
    const size_t start = line.find('/');
    if (start == std::string::npos) continue;
    const std::string path = line.substr(start);
    if (path == library) return PreloadProof::kMapped;
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("libc.so.") || name.starts_with("libc-2.")) proof = PreloadProof::kAbsent;
  }
  return proof;
}

// Watches the child: its signals, its stops, its end, and the proof meanwhile.
class Watch {
 public:
  Watch(pid_t pid, const std::string& library, const SignalQueue& signals)
      : pid_(pid), library_(library), signals_(signals) {}

  ChildEnd UntilEnd() {
    int status = 0;
    while (!CollectEnd(status)) {
      siginfo_t info;
      if (signals_.Take(NextPause(), info)) Handle(info);
    }
    return {pid_, 0, status, proof_};
  }

 private:
  // How long to wait for a signal before the mappings are worth another look; -1: for ever.
  int64_t NextPause() {
    if (is_decided_) return -1;
    proof_ = ReadProof(pid_, library_);
    waited_ += pause_;
    is_decided_ = proof_ != PreloadProof::kUnknown || waited_ > kGiveUpAfter;
    if (waited_ > kMillisecond * 10) pause_ = std::min(pause_ * 2, kLongestPause);
    return is_decided_ ? -1 : pause_;
  }

  void Handle(const siginfo_t& info) const {
    if (info.si_signo == SIGCHLD) return;  // the loop looks anyway
    if (!WentToWholeGroup(info) && info.si_pid != pid_) kill(pid_, info.si_signo);
  }

  bool CollectEnd(int& status) {
    const pid_t collected = waitpid(pid_, &status, WNOHANG | WUNTRACED);
    if (collected < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "waitpid");
    }
    if (collected != pid_) return false;
    if (!WIFSTOPPED(status)) return true;
    raise(SIGSTOP);  // returns when this process is continued
    kill(pid_, SIGCONT);
    return false;
  }

  pid_t pid_;
  const std::string& library_;
  const SignalQueue& signals_;
  PreloadProof proof_ = PreloadProof::kUnknown;
  bool is_decided_ = false;
  int64_t pause_ = kFirstPause;
  int64_t waited_ = 0;
};

}  // namespace

ChildEnd RunChild(const ChildPlan& plan) {
  const SignalQueue signals;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  const pid_t pid = fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) ExecChild(plan, signals, ends[1]);
  close(ends[1]);
  ChildEnd end;
  end.pid = pid;
  end.exec_error = WaitForExec(ends[0]);
  if (end.exec_error == 0) {
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // the first pauses are shorter than the usual slack
    end = Watch(pid, plan.library, signals).UntilEnd();
  } else {
    waitpid(pid, nullptr, 0);
  }
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
