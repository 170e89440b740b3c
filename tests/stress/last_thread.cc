// SPDX-License-Identifier: MIT
//
// How a process ends whose first thread has ended before the others: an ordinary program with
// collected objects, for last_thread_test.py. Each scene is a process of its own. At its end it
// says so from an exit handler and from a destructor; what went wrong it says in a line of its own.
#include <dirent.h>
#include <pthread.h>
#include <spanheap/gc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

using spanheap::New;
using spanheap::Ptr;
using spanheap::Root;

struct Node {
  Ptr<Node> next;
  long value;
};

Root<Node> kept;

void Say(const char* what) {
  puts(what);
  fflush(stdout);
}

struct SaysItsEnd {
  ~SaysItsEnd() { Say("destructor"); }
} says_its_end;

void Sleep_ms(unsigned ms) { usleep(ms * 1000); }

// Threads of the process that are the heap's, but for the one that looks who is left.
int HeapThreads() {
  int found = 0;
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) abort();
  while (const dirent* task = readdir(tasks)) {
    const std::string path = std::string("/proc/self/task/") + task->d_name + "/comm";
    char name[32] = {};
    FILE* file = fopen(path.c_str(), "r");
    if (file == nullptr) continue;
    const bool is_read = fgets(name, sizeof name, file) != nullptr;
    fclose(file);
    const bool is_ours = is_read && strncmp(name, "spanheap", 8) == 0;
    if (is_ours && strcmp(name, "spanheap-end\n") != 0) ++found;
  }
  closedir(tasks);
  return found;
}

void MakeGraph(long count) {
  for (long i = 0; i < count; ++i) kept = New<Node>(kept.get(), i);
}

void CollectAll() {
  MakeGraph(100'000);
  kept = nullptr;
  spanheap::Collect();
}

void Start(void* (*run)(void*)) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run, nullptr) != 0) Say("no thread");
  pthread_detach(thread);
}

// What each last thread says when it has done all it does.
void SayLast() { Say("last thread"); }

void* CollectLate(void*) {
  Sleep_ms(200);
  CollectAll();
  SayLast();
  return nullptr;
}

void* SleepLate(void*) {
  Sleep_ms(300);
  SayLast();
  return nullptr;
}

// ---- scenes: each ends the first thread

// No collected object, no thread of the heap: libc ends the process.
void None() { Start(SleepLate); }

// The last thread collects.
void Collected() {
  CollectAll();
  Start(CollectLate);
}

// The first thread never calls the heap.
void Unknown() { Start(CollectLate); }

// The last thread never calls the heap.
void Sleeper() {
  CollectAll();
  Start(SleepLate);
}

// Threads come and go, the last one starts the next.
void* Relay(void*) {
  static std::atomic<int> left{50};
  CollectAll();
  if (--left > 0) {
    Start(Relay);
  } else {
    SayLast();
  }
  return nullptr;
}
void Chain() { Start(Relay); }

// Every kind of thread that the heap has: it grows past what a small one is, on huge pages, with
// enough to mark for more than one.
void* GrowLate(void*) {
  static void* blocks[200'000];
  for (void*& block : blocks) memset(block = malloc(200), 1, 200);
  for (void* block : blocks) free(block);
  MakeGraph(1'000'000);
  spanheap::Collect();
  spanheap::AddCleanup(kept.get(), [](int) {}, 0);
  // A thread that has just been started has no name yet. On one processor nobody helps to mark.
  const int expected = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 3 : 2;
  for (int waited_ms = 0; HeapThreads() < expected; waited_ms += 10) {
    if (waited_ms > 60'000) return Say("too few threads of the heap"), nullptr;
    Sleep_ms(10);
  }
  SayLast();
  return nullptr;
}
void Many() { Start(GrowLate); }

// What dies last waits for a finalizer that takes its time and starts a thread.
void* SayLate(void*) {
  Sleep_ms(300);
  Say("thread of the finalizer");
  return nullptr;
}
void* DieLate(void*) {
  {
    Node* node = New<Node>(nullptr, 1);
    spanheap::SetFinalizer(node, [](Node*) {
      Sleep_ms(300);
      Say("finalizer");
      Start(SayLate);
    });
    node = New<Node>(nullptr, 2);
    spanheap::SetFinalizer(node, [](Node*) { Sleep_ms(100); });
  }
  return nullptr;
}
void* CollectOnce(void*) {
  spanheap::Collect();
  return nullptr;
}
// What a thread has left that is gone is found dead by the last one.
void CollectAfter(void* (*leave)(void*)) {
  pthread_t thread;
  pthread_create(&thread, nullptr, leave, nullptr);
  pthread_join(thread, nullptr);
  Start(CollectOnce);
}
void Finalizers() { CollectAfter(DieLate); }

// Handlers have the heap, a whole stack, and signals.
void HandlerOfMuch() {
  volatile char much[1 << 20];
  for (size_t i = 0; i < sizeof much; i += 4096) much[i] = 1;
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  if (sigismember(&mask, SIGTERM) != 0) Say("signals are blocked");
  if (sigismember(&mask, SIGUSR2) != 1) Say("what the program blocks is open");
  CollectAll();
  if (!spanheap::RunFinalizers(std::chrono::seconds(60))) Say("no finalizer thread");
  free(malloc(1 << 20));
  Say("handler of much");
}
void Handlers() {
  atexit(HandlerOfMuch);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
  spanheap::SetFinalizer(New<Node>(nullptr, 1), [](Node*) {});
  CollectAll();
  Start(SleepLate);
}

// A handler decides how the process ends.
void EndWithSeven() { _exit(7); }
void Status() {
  atexit(EndWithSeven);
  CollectAll();
  Start(SleepLate);
}

void SayStatus(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  if (status != 0) Say("a child has failed");
}

// Children of a process with threads of the heap, and with one that has had its end.
void* ForkLate(void*) {
  Sleep_ms(100);
  const pid_t child = fork();
  if (child != 0) {
    SayStatus(child);
    return nullptr;
  }
  CollectAll();
  Start(CollectLate);
  pthread_exit(nullptr);
}
void Fork() {
  CollectAll();
  Start(ForkLate);
}

// A child that a finalizer makes has the finalizer's thread, and no other.
void* DieForking(void*) {
  spanheap::SetFinalizer(New<Node>(nullptr, 1), [](Node*) {
    const pid_t child = fork();
    if (child != 0) SayStatus(child);
  });
  return nullptr;
}
void ForkInFinalizer() { CollectAfter(DieForking); }

// A child of which nobody told the heap has none of its threads.
void BareFork() {
  CollectAll();
  Sleep_ms(300);  // until the heap's threads rest: nobody lets go of their locks in the child
  const pid_t child = _Fork();
  if (child != 0) SayStatus(child);
  Start(SleepLate);
}

struct Scene {
  const char* name;
  void (*begin)();
};
constexpr Scene kScenes[] = {{"none", None},
                             {"collected", Collected},
                             {"unknown", Unknown},
                             {"sleeper", Sleeper},
                             {"chain", Chain},
                             {"many", Many},
                             {"finalizers", Finalizers},
                             {"handlers", Handlers},
                             {"status", Status},
                             {"fork", Fork},
                             {"fork_in_finalizer", ForkInFinalizer},
                             {"bare_fork", BareFork}};

}  // namespace

int main(int argc, char** argv) {
  atexit([] { Say("handler"); });
  for (const Scene& scene : kScenes) {
    if (argc != 2 || strcmp(argv[1], scene.name) != 0) continue;
    scene.begin();
    pthread_exit(nullptr);
  }
  fprintf(stderr, "last_thread: which scene?\n");
  return 2;
}
