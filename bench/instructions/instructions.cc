// SPDX-License-Identifier: MIT
//
// instructions: how many instructions malloc and free execute, counted by single-stepping a child.
//
// usage: spanheap-instructions [SIZE...]   one line per size: size, malloc, free
//
// Idea.   The child runs warm pairs between breakpoints; the parent steps through each section and
//         counts what lies outside the program's own text, that is, the allocator. The least of
//         several pairs is the warm path, free of a refill that happened to fall into one of them.
// Fails.  Exit 77 where a process may not trace its child.
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "bench/harness/measure.h"

extern "C" const char __executable_start;
extern "C" const char etext;

namespace spanheap::bench {
namespace {

constexpr int kWarmPairs = 1000;
constexpr int kMeasuredPairs = 16;
constexpr int kCannotTrace = 77;
constexpr long kMaxSteps = 1000000;

inline void Breakpoint() { asm volatile("int3" : : : "memory"); }

[[noreturn]] void RunPairs(std::size_t size) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) std::_Exit(kCannotTrace);
  for (int i = 0; i < kWarmPairs; ++i) {
    void* block = std::malloc(size);
    Escape(block);
    std::free(block);
  }
  for (int i = 0; i < kMeasuredPairs; ++i) {
    Breakpoint();
    void* block = std::malloc(size);
    Breakpoint();
    Escape(block);
    std::free(block);
    Breakpoint();
  }
  std::_Exit(0);
}

bool InsideProgram(std::uint64_t address) {
  return address >= reinterpret_cast<std::uint64_t>(&__executable_start) &&
         address < reinterpret_cast<std::uint64_t>(&etext);
}

// The child is stopped: was it by a breakpoint of ours (and not by a step)?
bool AtBreakpoint(pid_t child, std::uint64_t address) {
  if (!InsideProgram(address)) return false;
  const long word = ptrace(PTRACE_PEEKTEXT, child, reinterpret_cast<void*>(address - 1), nullptr);
  constexpr long kInt3 = 0xcc;
  return (word & 0xff) == kInt3;
}

std::uint64_t InstructionPointer(pid_t child) {
  user_regs_struct registers;
  ptrace(PTRACE_GETREGS, child, nullptr, &registers);
  return registers.rip;
}

// Waits for the child; false when it has ended, or stopped for another reason than a trap.
bool WaitForTrap(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

// Waits for the first breakpoint: 0, or the exit code that says why it did not come.
int WaitForStart(pid_t child) {
  int status = 0;
  const bool ended = waitpid(child, &status, 0) != child || !WIFSTOPPED(status);
  if (!ended && WSTOPSIG(status) == SIGTRAP) return 0;
  if (ended && WIFEXITED(status) && WEXITSTATUS(status) == kCannotTrace) return kCannotTrace;
  return 1;
}

bool Step(pid_t child) {
  return ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 && WaitForTrap(child);
}

bool ContinueToBreakpoint(pid_t child) {
  return ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0 && WaitForTrap(child);
}

// Steps to the next breakpoint; the instructions outside the program's text, or -1.
long CountToBreakpoint(pid_t child) {
  long count = 0;
  for (long step = 0; step < kMaxSteps; ++step) {
    const std::uint64_t before = InstructionPointer(child);
    if (!Step(child)) return -1;
    if (!InsideProgram(before)) ++count;
    const std::uint64_t after = InstructionPointer(child);
    if (after == before + 1 && AtBreakpoint(child, after)) return count;
  }
  return -1;
}

int CountSize(std::size_t size) {
  const pid_t child = fork();
  if (child == 0) RunPairs(size);
  if (const int code = WaitForStart(child); code != 0) return code;
  long least_malloc = kMaxSteps;
  long least_free = kMaxSteps;
  for (int i = 0; i < kMeasuredPairs; ++i) {
    if (i > 0 && !ContinueToBreakpoint(child)) return 1;
    const long in_malloc = CountToBreakpoint(child);
    const long in_free = CountToBreakpoint(child);
    if (in_malloc < 0 || in_free < 0) {
      std::fprintf(stderr, "instructions: lost the child at size %zu\n", size);
      kill(child, SIGKILL);
      return 1;
    }
    least_malloc = in_malloc < least_malloc ? in_malloc : least_malloc;
    least_free = in_free < least_free ? in_free : least_free;
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::printf("%zu\t%ld\t%ld\n", size, least_malloc, least_free);
  return 0;
}

}  // namespace
}  // namespace spanheap::bench

int main(int argc, char** argv) {
  constexpr std::size_t kSizes[] = {16, 64, 1024, 4096, 32768, 262144, 1048576};
  int worst = 0;
  auto count = [&](std::size_t size) {
    const int code = spanheap::bench::CountSize(size);
    worst = code > worst ? code : worst;
  };
  for (int i = 1; i < argc; ++i) count(std::strtoull(argv[i], nullptr, 10));
  if (argc == 1) {
    for (const std::size_t size : kSizes) count(size);
  }
  return worst;
}
