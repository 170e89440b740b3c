// SPDX-License-Identifier: MIT
//
// What every stress program is made of: options, a random source, patterns in blocks, the heap
// under test and one way to end.
//
// Idea.    A stress program is an ordinary C++ program. It runs under libc's malloc (which proves
//          the program itself) and with libspanheap.so preloaded (which proves the heap). The
//          heap's own interface is looked up at run time, so both runs execute the same binary.
// Ends.    One line on stdout and exit 0, or one line on stderr that starts with the program's name
//          and exit 1. A program that does not end is killed by its supervisor, stacks printed
// first. Threads. Everything here may be called by any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/script_random.h"

namespace spanheap::stress {

struct Options {
  double seconds = 2;  // how long to go on, for programs that run by time
  uint64_t count = 0;  // how often, for programs that run by count
  uint64_t seed = 1;
  unsigned threads = 4;
  double patience = 120;  // seconds after which a run counts as hanging
  const char* mode = "";  // what the program's own help says
  const char* program = "stress";
};

// Runs `body` in a fresh process of the same program and watches it: a crash, a failure or a run
// longer than options.patience is printed (with all stacks, if gdb is there) and returned as 1.
// `help` says what the program does, its modes and what --count means.
int Supervise(int argc, char** argv, Options defaults, const char* help,
              int (*body)(const Options& options));

// Tells the supervisor how far the run is, for the line about a run that does not end.
void NoteProgress(uint64_t done);

using Random = ScriptRandom;

// Writes a pattern that depends on `tag` (usually the block's address) and on the place in the
// block. Up to 64 KiB every byte is written; in larger blocks one word in each 1 KiB and the tail.
void Fill(void* block, size_t size, uintptr_t tag);
// Fails unless the first `checked` bytes hold what Fill(block, size, tag) wrote there.
void CheckFilled(const void* block, size_t size, uintptr_t tag, size_t checked);
// Fails unless all bytes are zero. Every byte up to 1 MiB, above that one word in each 64 bytes.
void CheckZero(const void* block, size_t size);

// A block that the program owns, with its pattern in it.
struct Block {
  void* start = nullptr;
  size_t size = 0;
};
// Takes a block of any kind (malloc, calloc, aligned) with the pattern in it. Null start when the
// heap refuses.
Block TakeBlock(Random& random, unsigned size_bits);
Block TakeAligned(Random& random, size_t alignment, size_t size);
// Changes the block's size and checks what must have been kept.
void ResizeBlock(Block& block, size_t size);
// Checks the pattern and frees.
void DropBlock(Block& block);

// True if the heap under test is ours.
bool IsSpanheap();
const char* HeapName();
// Live blocks after the heap has checked itself; it aborts if it finds a contradiction. The heap
// must be quiet. 0 under another heap.
uint64_t VerifyHeap();
// An option of the heap; false if there is none of that name, or another heap is running.
bool SetHeapOption(const char* name, const char* value);
bool GetHeapOption(const char* name, char* value, size_t capacity);
// Gives back what is free; nothing under another heap.
void ReleaseHeapMemory();
// A number of the statistics (a key of the JSON text), -1 if there is none.
int64_t HeapStatistic(const char* key);

// Prints "<program>: failed: <what>" and ends the process with status 1 at once (_exit).
[[noreturn]] __attribute__((format(printf, 1, 2))) void Fail(const char* format, ...);
// Prints "<program>: ok, <what>, heap <name>" and returns 0.
__attribute__((format(printf, 1, 2))) int Succeed(const char* format, ...);
// Prints all stacks of a process (with gdb, if it is installed), waiting for at most 20 s.
void DumpStacks(int process);

// The program's name as its lines show it.
const char* ProgramName();
double SecondsNow();

}  // namespace spanheap::stress
