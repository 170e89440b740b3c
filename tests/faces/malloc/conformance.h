// SPDX-License-Identifier: MIT
//
// The conformance program's frame: rows, what a row saw, and running parts of it as processes.
//
// Idea.  A row is a topic, a rule in words and a function that tries the rule. The program knows
//        nothing of this heap but the names it exports, so it can be run under any malloc.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace conformance {

// What a row saw. The first expectation that fails is what the table shows.
class Verdict {
 public:
  void Expect(bool holds, const char* what, int line);
  // What stands in the table when all holds.
  void Note(const char* format, ...) __attribute__((format(printf, 2, 3)));
  // The row cannot be tried here; not a miss.
  void Skip(const char* reason);

  bool failed() const { return failed_; }
  bool skipped() const { return skipped_; }
  const std::string& seen() const { return seen_; }

 private:
  bool failed_ = false;
  bool skipped_ = false;
  std::string seen_;
};

#define EXPECT(verdict, condition) (verdict).Expect((condition), #condition, __LINE__)

struct Row {
  const char* topic;
  const char* rule;
  void (*check)(Verdict&);
};
using Rows = std::vector<Row>;

// Each file of rows, in the table's order.
Rows BasicRows();
Rows AlignmentRows();
Rows NameRows();
Rows CxxRows();
Rows ControlRows();
Rows ThreadRows();
Rows ProcessRows();
Rows MisuseRows();

// Parts that run in a process of their own: conformance --scene NAME. They return the exit code.
using Scene = int (*)();
Scene FindScene(const std::string& name);

// How a child process ended and what it wrote to stderr.
struct Outcome {
  bool exited_with(int code) const;
  bool killed_by(int signal) const;
  // In words, with the last line of stderr.
  std::string Text() const;

  int status = 0;
  std::string errors;
};
#define EXPECT_ENDED(verdict, outcome, condition) \
  (verdict).Expect((outcome).condition, (#condition ", but " + (outcome).Text()).c_str(), __LINE__)

// `work` in a forked child, which exits with its result; killed after `seconds`.
Outcome RunForked(const std::function<int()>& work, unsigned seconds = 60);
// This program again with --scene; `prepare` runs in the child before exec.
Outcome RunScene(const char* scene, const std::function<void()>& prepare, unsigned seconds = 60);

// The compiler must believe that p is used, and everything it points to read and written.
inline void Use(void* p) { asm volatile("" : : "r"(p) : "memory"); }
// True if all n bytes at p have the value.
bool AllBytesAre(const void* p, size_t n, unsigned char value);
// One number of /proc/self/status, in the unit it has there; -1 if there is none.
long ProcStatus(const char* field);
// True where this program was linked statically.
bool IsStatic();

}  // namespace conformance
