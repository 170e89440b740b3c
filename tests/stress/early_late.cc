// SPDX-License-Identifier: MIT
//
// The first and the last moments of a process: an indirect function's resolver, constructors of
// every priority, thread_local and key destructors of the main thread's helpers, atexit functions,
// destructors after main. Each takes blocks, and frees blocks that an earlier moment took.
//
// Idea.  Each moment checks in by its number; a chain of blocks is handed from moment to moment,
//        each filled with its pattern. The last destructor counts the moments, lets the heap verify
//        itself and prints the result; if it never runs, the exit status of the process says so.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <initializer_list>

#include "support.h"

namespace spanheap::stress {
namespace {

// All of these are constant-initialised: they are there before any code runs.
constinit Block chain[16];
constinit unsigned chained = 0;
constinit unsigned moments = 0;
constinit bool is_run = false;     // the run itself, not its supervisor
constexpr unsigned kMoments = 13;  // when the last destructor looks
pthread_key_t key;

// Takes three blocks, resizes one and frees the ones of the moment before.
void Pass(const char* moment, uint64_t seed) {
  Random random(seed + 1);
  for (unsigned i = 0; i < chained; ++i) DropBlock(chain[i]);
  chained = 0;
  for (unsigned bits : {6U, 13U, 21U}) {
    Block block = TakeBlock(random, bits);
    if (block.start == nullptr) Fail("%s: a block is refused", moment);
    chain[chained++] = block;
  }
  ResizeBlock(chain[1], chain[1].size * 3);
  ++moments;
}

int Answer() { return 42; }

// Chooses the implementation while the program is being linked, before any constructor.
extern "C" {
using AnswerFunction = int (*)();
static AnswerFunction ChooseAnswer() {
  void* block = malloc(200);
  void* zeroed = calloc(3, 1000);
  const bool good =
      block != nullptr && zeroed != nullptr && static_cast<const char*>(zeroed)[2999] == 0;
  free(block);
  free(zeroed);
  if (good) ++moments;
  return Answer;
}
int ChosenAnswer() __attribute__((ifunc("ChooseAnswer")));
}

__attribute__((constructor(101))) void FirstConstructor() { Pass("first constructor", 1); }
__attribute__((constructor(65535))) void LastConstructor() { Pass("last constructor", 2); }

struct Global {
  Global() { Pass("global constructor", 3); }
  ~Global() { Pass("global destructor", 4); }
};
Global global;

struct Local {
  unsigned life;
  explicit Local(unsigned n) : life(n) { Pass("thread_local constructor", 5); }
  ~Local() { Pass("thread_local destructor", 6); }
};
thread_local Local local{1};

void AtExit() { Pass("atexit", 7); }
void EndKey(void* value) {
  free(value);
  Pass("key destructor", 8);
}

void* LiveInThread(void*) {
  if (local.life != 1) Fail("thread_local data is wrong");
  pthread_setspecific(key, malloc(100));
  return nullptr;
}

// Runs after every other destructor of the program: the lowest priority ends last.
__attribute__((destructor(101))) void LastDestructor() {
  if (!is_run) return;
  Pass("last destructor", 9);
  for (unsigned i = 0; i < chained; ++i) DropBlock(chain[i]);
  if (moments != kMoments) Fail("%u moments came, not %u", moments, kMoments);
  Succeed("%u moments, %lu live blocks", moments, VerifyHeap());
}

int Run(const Options&) {
  is_run = true;
  if (ChosenAnswer() != 42) Fail("the resolver was not called");
  atexit(AtExit);
  pthread_key_create(&key, EndKey);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, LiveInThread, nullptr) != 0) Fail("no thread starts");
  pthread_join(thread, nullptr);
  if (local.life != 1) Fail("thread_local data is wrong");  // the main thread's own, too
  Pass("main", 10);
  return 0;
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.patience = 20},
      "Uses the heap before main and after it, down to the last destructor.",
      spanheap::stress::Run);
}
