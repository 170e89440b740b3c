// SPDX-License-Identifier: MIT
//
// Explores every interleaving of a few threads that run the heap's own code.
//
// Idea.       Threads are fibers: each runs until it is about to touch something shared, then waits
//             to be chosen. A depth-first search chooses each thread that can go on, in each state,
//             once. States are copied (shared bytes, fiber stacks, registers) and put back, so
//             nothing is run twice. What a fiber knows follows from what it has read, so a state
//             is the shared bytes and, for each fiber, a hash of its steps and of what they read
//             since it last said what it still knows.
// Invariants. Fibers keep no memory but their stacks and the shared bytes. Between two calls of
//             Step a fiber touches at most one shared thing, the guarded ones behind a lock apart.
// Limits.     Memory is sequential: the order of actions is explored, not that of a processor. The
//             tests with real threads, under ThreadSanitizer, look at that.
// Cost.       A copy of the stacks for each transition: a few microseconds.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace spanheap::model {

inline constexpr unsigned kThreads = 3;

// --- Called by code that runs in fibers; outside of them, these do nothing (Fail but records). ---

// The next thing is a shared access: another thread may be chosen first.
void Step();
// Waits until *is_held is false. The caller sets it.
void StepUntilFree(const bool* is_held);
// What a shared access gave: it is part of what the thread knows from here on.
void Saw(uint64_t value);
// What the code behind a lock may read: Saw of all of it.
void SawGuarded();
// Of all that was read, only `value` matters from here on. `where` is one place in the code.
void KnowsOnly(const char* where, uint64_t value);
// The same at the end of an operation.
void OperationEnds(uint64_t value);
// The rule that was broken. Does not return to the fiber.
void Fail(const char* rule);
inline void Require(bool holds, const char* rule) {
  if (!holds) Fail(rule);
}

// What is explored.
struct Program {
  std::span<std::byte> shared;        // trivially copyable
  std::span<std::byte> guarded;       // the part of it that locks guard
  std::function<void(unsigned)> run;  // a thread's body
  std::function<void()> check;        // after every step
  std::function<void()> check_end;    // when all threads are done
};

struct Outcome {
  size_t states = 0;
  size_t ends = 0;      // distinct states in which all threads were done
  std::string failure;  // the rule broken first, with the choices that lead there; empty: none
};

// `program.shared` is in its first state.
Outcome Explore(const Program& program);

}  // namespace spanheap::model
