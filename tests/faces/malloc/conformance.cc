// SPDX-License-Identifier: MIT
//
// Conformance: tries every rule that a replacement for malloc must keep and prints the table
//   row | rule | seen | ok
// Exit code 1 if a row misses. docs/conformance.md states the same table with the reasons.
//
// usage: conformance [--scene NAME | TOPIC]     with TOPIC: only rows whose topic contains it
//
// It uses names only, so it runs preloaded, linked, linked statically, and (to check the checks)
// under any other malloc, where the rows that differ between C libraries miss.
#include "conformance.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace conformance {

void Verdict::Expect(bool holds, const char* what, int line) {
  if (holds || failed_) return;
  failed_ = true;
  seen_ = "line " + std::to_string(line) + ": " + what;
}

void Verdict::Note(const char* format, ...) {
  if (failed_) return;
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  seen_ = text;
}

void Verdict::Skip(const char* reason) {
  if (failed_) return;
  skipped_ = true;
  seen_ = reason;
}

bool Outcome::exited_with(int code) const {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}
bool Outcome::killed_by(int signal) const {
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

std::string Outcome::Text() const {
  const bool killed = WIFSIGNALED(status);
  std::string text = killed ? "killed by signal " + std::to_string(WTERMSIG(status))
                            : "exited with " + std::to_string(WEXITSTATUS(status));
  if (errors.empty()) return text;
  const size_t start = errors.find_last_of('\n', errors.size() - 2);
  return text + ": " + errors.substr(start == std::string::npos ? 0 : start + 1);
}

namespace {

std::string ReadAll(int descriptor) {
  std::string all;
  char part[512];
  for (ssize_t n; (n = read(descriptor, part, sizeof part)) > 0;) all.append(part, n);
  return all;
}

}  // namespace

Outcome RunForked(const std::function<int()>& work, unsigned seconds) {
  fflush(nullptr);
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    alarm(seconds);
    _exit(work());
  }
  close(ends[1]);
  Outcome outcome;
  outcome.errors = ReadAll(ends[0]);
  close(ends[0]);
  waitpid(child, &outcome.status, 0);
  return outcome;
}

Outcome RunScene(const char* scene, const std::function<void()>& prepare, unsigned seconds) {
  return RunForked(
      [&] {
        char self[4096];
        const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
        if (size <= 0) return 126;
        self[size] = '\0';
        prepare();
        execl(self, self, "--scene", scene, nullptr);
        return 127;
      },
      seconds);
}

bool AllBytesAre(const void* p, size_t n, unsigned char value) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  return n == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, n - 1) == 0);
}

long ProcStatus(const char* field) {
  FILE* file = fopen("/proc/self/status", "r");
  if (file == nullptr) return -1;
  char line[256];
  long value = -1;
  const size_t length = strlen(field);
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, field, length) == 0 && line[length] == ':') value = atol(line + length + 1);
  }
  fclose(file);
  return value;
}

namespace {

struct Counts {
  int rows = 0;
  int missed = 0;
  int skipped = 0;
};

// Topics whose rows some machine cannot try: its kernel, its limits, the user, the way the program
// gets the heap. Where CI is set, any other row that is skipped is a miss.
constexpr const char* kMayBeSkipped[] = {"mlockall", "overcommit=2", "no /proc", "seccomp",
                                         "set-uid",  "names",        "TLS model"};

bool IsUnexpectedSkip(const Row& row) {
  if (getenv("CI") == nullptr) return false;
  for (const char* topic : kMayBeSkipped) {
    if (strcmp(topic, row.topic) == 0) return false;
  }
  return true;
}

void Run(const Rows& rows, const char* topic, Counts& counts) {
  for (const Row& row : rows) {
    if (topic != nullptr && strstr(row.topic, topic) == nullptr) continue;
    Verdict verdict;
    row.check(verdict);
    if (verdict.skipped() && IsUnexpectedSkip(row)) verdict.Expect(false, "skipped", __LINE__);
    const char* mark = verdict.failed() ? "MISS" : verdict.skipped() ? "skip" : "ok";
    printf("| %-20s | %-72s | %s | %s |\n", row.topic, row.rule, verdict.seen().c_str(), mark);
    fflush(stdout);
    ++counts.rows;
    counts.missed += verdict.failed();
    counts.skipped += verdict.skipped();
  }
}

int RunTable(const char* topic) {
  Counts counts;
  printf("| row | rule | seen | ok |\n|---|---|---|---|\n");
  for (auto rows : {BasicRows, AlignmentRows, NameRows, CxxRows, ControlRows, ThreadRows,
                    ProcessRows, MisuseRows}) {
    Run(rows(), topic, counts);
  }
  printf("\n%d rows, %d missed, %d skipped\n", counts.rows, counts.missed, counts.skipped);
  return counts.missed == 0 && counts.rows > 0 ? 0 : 1;
}

int RunOneScene(const char* name) {
  const Scene scene = FindScene(name);
  if (scene == nullptr) {
    fprintf(stderr, "no scene %s\n", name);
    return 125;
  }
  return scene();
}

}  // namespace
}  // namespace conformance

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "--scene") == 0) return conformance::RunOneScene(argv[2]);
  return conformance::RunTable(argc > 1 ? argv[1] : nullptr);
}
