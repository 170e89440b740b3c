// SPDX-License-Identifier: MIT
//
// What a thread's processor holds: its registers when a signal interrupted it, and those a
// function must preserve when it stops by itself.
//
// Idea.    A word that looks like a pointer may be in a general register, in a vector register, or
//          just below the stack pointer (the red zone) when a signal comes; the kernel has written
//          all registers to the context that the handler gets. A thread that stops by a call keeps
//          what it needs on its stack or in registers that calls preserve: those are written down
//          by a few lines of assembly. (Not by setjmp: glibc scrambles some of them.)
// Threads. Async-signal-safe. A context may be read by other threads while its thread waits in the
//          handler.
// Tests.   Where it is used: tests/mutators/store_sequence_test.cc, hiding_places_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace spanheap::os {

// Calls `function` with the registers that calls preserve written to the stack: at `stack_pointer`
// and above is everything that the caller and its callers hold, until the call returns.
using StackFunction = void (*)(void* argument, uintptr_t stack_pointer);
void CallWithRegistersOnStack(StackFunction function, void* argument);

// A range of words: whole, aligned, [begin, end).
struct WordSpan {
  const uintptr_t* begin = nullptr;
  const uintptr_t* end = nullptr;
};

// Of the context a signal handler gets.
uintptr_t ProgramCounter(const void* context);
void SetProgramCounter(void* context, uintptr_t address);
// True if what was interrupted was in a system call, or about to begin one: it may wait for long.
bool IsAtSystemCall(const void* context);
// Where the interrupted stack began, the red zone below it included.
uintptr_t StackStart(const void* context);
WordSpan GeneralRegisters(const void* context);
WordSpan VectorRegisters(const void* context);
// The alternate stack of the interrupted thread: null begin if it has none.
struct AlternateStack {
  Address low;
  Address high;
};
AlternateStack AlternateStackOf(const void* context);
// The lowest signal frame in [low, high), words of a stack: the context of what that signal
// interrupted, or null where there is none or frames cannot be told from other words.
// `return_code` is where handlers return to (os/signals.h).
void* FindContext(uintptr_t low, uintptr_t high, uintptr_t return_code);

}  // namespace spanheap::os
