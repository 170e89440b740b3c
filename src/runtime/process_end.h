// SPDX-License-Identifier: MIT
//
// ProcessEnd: ends a process in which nobody is left but the heap's own threads.
//
// Idea.       When the first thread of a program ends by pthread_exit, others keep the process
//             alive; with the last one libc calls exit(0). But libc counts the heap's threads, too.
//             So the end of the first thread, and from then on that of each thread that the heap
//             knows, wakes a thread that compares the kernel's count with that of service threads.
//             Once they are equal it is one of the program's itself, with the stack and the signals
//             of such a thread, and calls exit(0): handlers and destructors may use the heap and
//             its threads as at the end of main. What is queued for the finalizer thread runs
//             first, and may start threads. The first thread may be unknown to the heap: the look
//             is taken as well when no known thread is left.
// Invariants. The kernel counts a service thread before it is counted here, and until after: what
//             the two counts differ by is never less than there is of the program's.
// Threads.    Any. NoticeThreadEnd: outside of every lock, after the thread's block went back.
// Fails.      Without /proc, or without a thread to look, the process stays; so it does where a
//             finalizer or an exit handler ends its own thread. Threads that somebody else keeps in
//             the process (a library, a second heap, the kernel's for io_uring) count as the
//             program's.
// Cost.       A system call at the end of a thread, if the heap has threads. Once the first one has
//             ended there is a thread that looks: it reads a small file after 5 ms, 10, 20 .. 5120,
//             beginning anew when a thread ends that the heap knows (for which it is woken). The
//             end of one that it does not know is seen late by as long as nothing happened before,
//             5 s at most; beside a first thread that it does not know, 41 s at most. A first
//             thread that ends by a bare system call, or that is first because another one made
//             this process by a bare clone, is found when the background thread next comes to rest.
// Tests.      tests/runtime/process_end_test.cc, tests/stress/last_thread_test.py.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "runtime/service_thread.h"

namespace spanheap {

class ThreadRegistry;

class ProcessEnd {
 public:
  constexpr explicit ProcessEnd(const ThreadRegistry& threads) : threads_(threads) {}

  // --- Service threads: before one is started, when it was, and by itself.
  void NoteStart();
  void NoticeStarted();
  void Enter();
  void Leave();

  // --- Threads of the program
  // The calling one is about to end; whether it is the process's first.
  void NoticeThreadEnd(bool is_first);
  // None may be left.
  void Suspect();
  // The first one may have ended in a way that nobody was told of (a bare system call).
  void LookAtFirst();

  // None is left, as far as can be told.
  bool IsDue() const;
  void ResetInChild();

 private:
  void NoticeBareChild();
  void Watch();
  void Wait(uint32_t seen, uint64_t wait_ns);
  [[noreturn]] void End();

  const ThreadRegistry& threads_;
  ServiceThread watch_{"spanheap-end", [](void* self) { static_cast<ProcessEnd*>(self)->Watch(); }};
  Atomic<uint32_t> process_;  // whose threads are counted; 0: nobody's yet
  Atomic<uint64_t> blocked_;  // signals that the program's thread blocked which last started one
  Atomic<uint32_t> entered_;  // service threads since the start
  Atomic<uint32_t> left_;     // of these
  // Who starts a service thread sets the first and then looks at the second; the first thread sets
  // the second at its end and then looks at the first.
  Atomic<uint32_t> any_service_;
  Atomic<uint32_t> has_first_ended_;
  Atomic<uint32_t> is_watching_;
  Atomic<uint32_t> news_;  // a futex word: changes when somebody may have been the last
};

}  // namespace spanheap
