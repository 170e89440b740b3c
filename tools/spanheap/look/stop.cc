// SPDX-License-Identifier: MIT
#include "spanheap/look/stop.h"

#include <fmt/core.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "spanheap/look/process_memory.h"
#include "spanheap/look/task.h"

namespace spanheap::look {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLongest = std::chrono::seconds(2);
constexpr auto kBreather = std::chrono::microseconds(500);
constexpr auto kPoll = std::chrono::microseconds(50);

pid_t TracerOf(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("TracerPid:")) return std::stoi(line.substr(10));
  }
  return 0;
}

}  // namespace

Stop::Stop(pid_t pid, const std::function<bool()>& is_quiet) : pid_(pid) {
  const auto deadline = Clock::now() + kLongest;
  try {
    for (;;) {
      HoldAll();
      if (is_quiet()) return;
      LetGo();
      if (Clock::now() > deadline) break;
      std::this_thread::sleep_for(kBreather);
    }
  } catch (...) {
    LetGo();
    throw;
  }
  throw std::runtime_error(
      fmt::format("process {} could not be stopped outside of its heap within two seconds", pid_));
}

// A thread that is not held yet may start others.
void Stop::HoldAll() {
  while (HoldNew()) {}
}

bool Stop::HoldNew() {
  bool is_new = false;
  std::error_code gone;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid_), gone);
  if (gone) throw std::runtime_error(fmt::format("process {} has ended", pid_));
  for (const auto& task : tasks) {
    const pid_t thread = std::stoi(task.path().filename());
    if (held_.contains(thread) || StateOf(thread) == 'Z') continue;  // the first one stays listed
    Hold(thread);
    is_new = true;
  }
  return is_new;
}

void Stop::Hold(pid_t thread) {
  if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
    const bool is_gone = errno == ESRCH || StateOf(thread) == 'Z';
    if (is_gone) return;
    const pid_t tracer = TracerOf(pid_);
    if (tracer != 0) {
      throw std::runtime_error(
          fmt::format("process {} cannot be stopped: process {} traces it", pid_, tracer));
    }
    FailForbidden(pid_);
  }
  held_[thread] = 0;
  ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  const auto deadline = Clock::now() + kLongest;
  int status = 0;
  while (waitpid(thread, &status, __WALL | WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      throw std::runtime_error(fmt::format("thread {} of process {} does not stop", thread, pid_));
    }
    std::this_thread::sleep_for(kPoll);
  }
  if (!WIFSTOPPED(status)) {
    held_.erase(thread);  // it has ended
  } else if (status >> 16 == 0) {
    held_[thread] = WSTOPSIG(status);  // on its way to the program: handed on when it goes on
  }
}

void Stop::LetGo() {
  for (const auto& [thread, signal] : held_) {
    ptrace(PTRACE_DETACH, thread, nullptr, reinterpret_cast<void*>(static_cast<long>(signal)));
  }
  held_.clear();
}

}  // namespace spanheap::look
