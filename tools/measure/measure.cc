// SPDX-License-Identifier: MIT
//
// spanheap-measure: runs one program and writes what it cost, for the scripts that compare.
//
//   spanheap-measure --result FILE [--touch MIB] [--env NAME=VALUE]... -- program [arguments ...]
//
// Idea.  Peak memory as the kernel counts it includes what a process had before exec, so the one
//        that forks must be small: this is a bare program, not the script. Times and memory are
//        those of the whole tree of processes that were waited for (peak: of the largest one).
//        --env applies to the program alone; its files, folder and signals are the caller's.
//        --touch writes and drops that much memory first: where a hypervisor takes unused memory
//        away, the first to touch it again pays, and that should be neither side of a comparison.
// Fails. Exit code 125 with one line; else the program's exit code, 128 + n for signal n.
// Tests. tests/tools/measure_test.py.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr int kMeasureFailed = 125;
constexpr int kNotFound = 127;
constexpr size_t kMebibyte = size_t{1} << 20;

struct Plan {
  const char* result_path = nullptr;
  size_t touch_bytes = 0;
  char** variables = nullptr;  // NAME=VALUE each, variable_count of them
  int variable_count = 0;
  char** command = nullptr;
};

struct Cost {
  int64_t wall_ns = 0;
  int wait_status = 0;
  rusage usage = {};
};

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "spanheap-measure: %s\n", what);
  exit(kMeasureFailed);
}

[[noreturn]] void FailByErrno(const char* what) {
  fprintf(stderr, "spanheap-measure: %s: %s\n", what, strerror(errno));
  exit(kMeasureFailed);
}

Plan ReadPlan(int count, char** words) {
  Plan plan;
  plan.variables = words;  // reused from the front: fewer variables than words
  int next = 1;
  for (; next + 1 < count && strcmp(words[next], "--") != 0; next += 2) {
    char* value = words[next + 1];
    if (strcmp(words[next], "--result") == 0) {
      plan.result_path = value;
    } else if (strcmp(words[next], "--touch") == 0) {
      plan.touch_bytes = strtoul(value, nullptr, 10) * kMebibyte;
    } else if (strcmp(words[next], "--env") == 0 && strchr(value, '=') != nullptr) {
      plan.variables[plan.variable_count++] = value;
    } else {
      Fail("unknown option; see the head of tools/measure/measure.cc");
    }
  }
  plan.command = words + next + 1;
  if (plan.result_path == nullptr || next + 1 >= count) Fail("no --result or no program");
  return plan;
}

// In a process of its own: what it touched is free again when this returns.
void TouchMemory(size_t bytes) {
  const pid_t pid = fork();
  if (pid < 0) FailByErrno("fork");
  if (pid == 0) {
    void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block != MAP_FAILED) memset(block, 1, bytes);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

Cost Run(const Plan& plan) {
  Cost cost;
  const int64_t start = Now();
  const pid_t pid = fork();
  if (pid < 0) FailByErrno("fork");
  if (pid == 0) {
    for (int i = 0; i < plan.variable_count; ++i) putenv(plan.variables[i]);
    execvp(plan.command[0], plan.command);
    fprintf(stderr, "spanheap-measure: %s: %s\n", plan.command[0], strerror(errno));
    _exit(kNotFound);
  }
  // The program answers signals; this process only waits for it.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  while (wait4(pid, &cost.wait_status, 0, &cost.usage) < 0) {
    if (errno != EINTR) FailByErrno("wait4");
  }
  cost.wall_ns = Now() - start;
  return cost;
}

int64_t Microseconds(const timeval& time) {
  return time.tv_sec * int64_t{1'000'000} + time.tv_usec;
}

int ExitCode(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

void WriteResult(const Plan& plan, const Cost& cost) {
  FILE* file = fopen(plan.result_path, "we");
  if (file == nullptr) FailByErrno(plan.result_path);
  fprintf(file,
          "{\"wall_ns\": %lld, \"user_us\": %lld, \"system_us\": %lld, \"peak_rss_kib\": %ld, "
          "\"minor_faults\": %ld, \"exit_code\": %d}\n",
          static_cast<long long>(cost.wall_ns),
          static_cast<long long>(Microseconds(cost.usage.ru_utime)),
          static_cast<long long>(Microseconds(cost.usage.ru_stime)), cost.usage.ru_maxrss,
          cost.usage.ru_minflt, ExitCode(cost.wait_status));
  if (fclose(file) != 0) FailByErrno(plan.result_path);
}

}  // namespace

int main(int count, char** words) {
  const Plan plan = ReadPlan(count, words);
  if (plan.touch_bytes > 0) TouchMemory(plan.touch_bytes);
  const Cost cost = Run(plan);
  WriteResult(plan, cost);
  return ExitCode(cost.wait_status);
}
