// SPDX-License-Identifier: MIT
//
// The supervisor: a process of the same program that starts the real run, waits for it and judges
// how it ended. It is a process of its own so that a heap that hangs cannot hang its judge.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support.h"

extern char** environ;

namespace spanheap::stress {
namespace {

constexpr char kRunMark[] = "--run";
constexpr int kMostArguments = 32;

// Names the descriptor of the memory in which the run tells its progress.
constexpr char kProgressVariable[] = "SPANHEAP_STRESS_PROGRESS";

const char* program_name = "stress";
// In memory that supervisor and run share; null: none.
std::atomic<uint64_t>* progress = nullptr;

void MapProgress(int file) {
  void* const memory = mmap(nullptr, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory != MAP_FAILED) progress = static_cast<std::atomic<uint64_t>*>(memory);
}

// By the supervisor, before it starts the run.
void MakeProgress() {
  const int file = memfd_create("progress", 0);
  if (file < 0 || ftruncate(file, sizeof *progress) != 0) return;
  MapProgress(file);
  char number[16];
  snprintf(number, sizeof number, "%d", file);
  setenv(kProgressVariable, number, 1);
}

[[noreturn]] void Usage(const Options& defaults, const char* help, int status) {
  fprintf(status == 0 ? stdout : stderr,
          "usage: %s [--seconds S] [--count N] [--seed N] [--threads N] [--mode M] [--patience S]\n"
          "%s\n"
          "defaults: --seconds %g --count %lu --seed %lu --threads %u --patience %g\n",
          defaults.program, help, defaults.seconds, defaults.count, defaults.seed, defaults.threads,
          defaults.patience);
  exit(status);
}

// Sets the option `name`; false if there is none.
bool SetFromArgument(Options& options, const char* name, const char* value) {
  char* end = nullptr;
  const double number = strtod(value, &end);
  const bool is_mode = strcmp(name, "--mode") == 0;
  if (!is_mode && (end == value || *end != '\0' || number < 0)) return false;
  if (is_mode)
    options.mode = value;
  else if (strcmp(name, "--seconds") == 0)
    options.seconds = number;
  else if (strcmp(name, "--count") == 0)
    options.count = static_cast<uint64_t>(number);
  else if (strcmp(name, "--seed") == 0)
    options.seed = static_cast<uint64_t>(number);
  else if (strcmp(name, "--threads") == 0)
    options.threads = static_cast<unsigned>(number);
  else if (strcmp(name, "--patience") == 0)
    options.patience = number;
  else
    return false;
  return true;
}

Options Parse(int argc, char** argv, Options options, const char* help) {
  const Options defaults = options;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], kRunMark) == 0) continue;
    if (strcmp(argv[i], "--help") == 0) Usage(defaults, help, 0);
    if (i + 1 >= argc || !SetFromArgument(options, argv[i], argv[i + 1])) {
      Usage(defaults, help, 2);
    }
    ++i;
  }
  if (options.threads == 0) Usage(defaults, help, 2);
  return options;
}

// Waits for `process` until `deadline`; false when it is still running then.
bool AwaitEnd(pid_t process, double deadline, int& status) {
  while (waitpid(process, &status, WNOHANG) == 0) {
    if (SecondsNow() > deadline) return false;
    usleep(2000);
  }
  return true;
}

pid_t Spawn(const char* path, char* const* arguments, const posix_spawn_file_actions_t* actions,
            char* const* environment) {
  pid_t process = 0;
  return posix_spawn(&process, path, actions, nullptr, arguments, environment) == 0 ? process : -1;
}

int Judge(int status, const Options& options) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fprintf(stderr, "%s: failed: ended by signal %d (%s); seed %lu\n", options.program,
          WTERMSIG(status), strsignal(WTERMSIG(status)), options.seed);
  return 1;
}

int Watch(int argc, char** argv, const Options& options) {
  char* arguments[kMostArguments] = {};
  char mark[sizeof kRunMark];
  memcpy(mark, kRunMark, sizeof mark);
  MakeProgress();
  int count = 0;
  for (; count < argc && count < kMostArguments - 2; ++count) arguments[count] = argv[count];
  arguments[count] = mark;
  const pid_t process = Spawn("/proc/self/exe", arguments, nullptr, environ);
  if (process < 0) {
    perror(options.program);
    return 1;
  }
  int status = 0;
  if (AwaitEnd(process, SecondsNow() + options.patience, status)) return Judge(status, options);
  fprintf(stderr, "%s: failed: no end after %g s, %lu done; seed %lu\n", options.program,
          options.patience, progress == nullptr ? 0 : progress->load(), options.seed);
  DumpStacks(process);
  kill(process, SIGKILL);
  waitpid(process, &status, 0);
  return 1;
}

const char* BaseName(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

// A test that runs for the heap's sake fails when the heap is not there.
void CheckExpectedHeap() {
  const char* expected = getenv("SPANHEAP_STRESS_EXPECT");
  if (expected == nullptr) return;
  if (IsSpanheap() != (strcmp(expected, "spanheap") == 0)) Fail("expected the heap %s", expected);
}

}  // namespace

const char* ProgramName() { return program_name; }

void NoteProgress(uint64_t done) {
  if (progress != nullptr) progress->store(done);
}

int Supervise(int argc, char** argv, Options defaults, const char* help,
              int (*body)(const Options& options)) {
  program_name = BaseName(argv[0]);
  defaults.program = program_name;
  const Options options = Parse(argc, argv, defaults, help);
  if (argc > 1 && strcmp(argv[argc - 1], kRunMark) == 0) {
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);  // the supervisor's gdb may look at the stacks
    CheckExpectedHeap();
    if (const char* file = getenv(kProgressVariable)) MapProgress(atoi(file));
    return body(options);
  }
  return Watch(argc, argv, options);
}

void DumpStacks(int process) {
  char id[16];
  snprintf(id, sizeof id, "%d", process);
  const char* arguments[] = {"gdb",
                             "-p",
                             id,
                             "-batch",
                             "-nx",
                             "-ex",
                             "set pagination off",
                             "-ex",
                             "thread apply all bt 24",
                             nullptr};
  // A plain environment: gdb itself must not run on the heap under test.
  char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
  char* environment[] = {path, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  const pid_t gdb =
      Spawn("/usr/bin/gdb", const_cast<char* const*>(arguments), &actions, environment);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (gdb < 0 || AwaitEnd(gdb, SecondsNow() + 20, status)) return;
  kill(gdb, SIGKILL);
  waitpid(gdb, &status, 0);
}

}  // namespace spanheap::stress
