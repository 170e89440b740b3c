// SPDX-License-Identifier: MIT
//
// The heap's own thread, seen from outside: an ordinary program that preloads the library. Each
// scene is a process of its own; it ends with 0, or with 1 and a line. What takes time is waited
// for, with patience, and never measured.
//
//   background SCENE    returns: memory goes back while nobody calls the heap
//                       kept: a program of one thread that keeps all it has stays one
//                       steady: the same of one that frees about as much as it allocates
//                       left: the last calls were frees, and nobody calls anything after that
//                       part: of a large heap a part is free, and nobody calls anything after that
//                       zeroed: the same as the first of a program that has it all from calloc
//                       stacks: threads with stacks of 16 MiB end while the thread may start
//                       ended: threads end that call the heap behind their last destructor only
//                       silent: threads end without a word, and their stacks are gone
//                       filter: the kernel refuses from some moment on what it allowed before
//                       fork: a child begins without the thread and gets its own
//                       last: the process ends with its last thread of the program
//                       idle: sleeping threads' caches are emptied, and the threads go on
//                       off: with background=off there is no thread, and calls do the work
//                       off_idle: the same for what sleeping threads keep
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

int Idle();

constexpr int kPatience_ms = 40'000;
constexpr size_t kBlock = 200;
constexpr size_t kBlocks = 500'000;

int Fail(const char* what) {
  fprintf(stderr, "background: %s\n", what);
  return 1;
}

size_t ResidentBytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  long all = 0;
  long resident = 0;
  if (file == nullptr || fscanf(file, "%ld %ld", &all, &resident) != 2) abort();
  fclose(file);
  return static_cast<size_t>(resident) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Threads of this process that the heap has started: its own, and, were it not for the fact that
// this program makes no collected object, those of the collector.
int HeapThreads() {
  int found = 0;
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) abort();
  while (const dirent* task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    const std::string path = std::string("/proc/self/task/") + task->d_name + "/comm";
    char name[32] = {};
    FILE* file = fopen(path.c_str(), "r");
    if (file == nullptr) continue;
    if (fgets(name, sizeof name, file) != nullptr && strncmp(name, "spanheap", 8) == 0) ++found;
    fclose(file);
  }
  closedir(tasks);
  return found;
}

template <class Condition>
bool Await(Condition condition) {
  for (int waited = 0; waited < kPatience_ms; waited += 10) {
    if (condition()) return true;
    usleep(10'000);
  }
  return false;
}

void* Zeroed(size_t n) { return calloc(1, n); }

// A heap of 100 MB, one block in 400 of which stays.
std::vector<char*> FillAndThin(void* (*allocate)(size_t) = malloc) {
  std::vector<char*> blocks(kBlocks);
  for (char*& block : blocks) {
    block = static_cast<char*>(allocate(kBlock));
    memset(block, 1, kBlock);
  }
  for (size_t i = 0; i < kBlocks; ++i) {
    if (i % 400 == 0) continue;
    free(blocks[i]);
    blocks[i] = nullptr;
  }
  return blocks;
}

bool AllIntact(const std::vector<char*>& blocks) {
  for (const char* block : blocks) {
    for (size_t i = 0; block != nullptr && i < kBlock; ++i) {
      if (block[i] != 1) return false;
    }
  }
  return true;
}

void FreeAll(std::vector<char*>& blocks) {
  for (char*& block : blocks) free(block);
  blocks.clear();
}

int Returns(void* (*allocate)(size_t)) {
  const std::vector<char*> blocks = FillAndThin(allocate);
  const size_t full = ResidentBytes();
  // No allocation from here on but those of reading /proc.
  if (!Await([full] { return ResidentBytes() < full / 2; })) return Fail("memory stays");
  if (HeapThreads() != 1) return Fail("there is not one thread of the heap");
  if (!AllIntact(blocks)) return Fail("a block has changed");
  return 0;
}

// Without a call of the heap: a directory has a link for each one inside, and two.
bool IsOfOneThread() {
  struct stat tasks{};
  if (stat("/proc/self/task", &tasks) != 0) abort();
  return tasks.st_nlink == 3 && __libc_single_threaded != 0;
}

// The same.
size_t ResidentBytesByItself() {
  char text[128] = {};
  const int file = open("/proc/self/statm", O_RDONLY);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) abort();
  close(file);
  char* resident = nullptr;
  strtoul(text, &resident, 10);
  return strtoul(resident, nullptr, 10) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

char* kept[2 * kBlocks];

void Fill() {
  for (char*& block : kept) memset(block = static_cast<char*>(malloc(kBlock)), 1, kBlock);
}

int Kept() {
  Fill();
  for (int i = 0; i < 100'000; ++i) {
    if (i % 10'000 == 0) usleep(100'000);
    if (malloc(kBlock) == nullptr) return Fail("no memory");
  }
  return IsOfOneThread() ? 0 : Fail("there is a thread that has nothing to do");
}

// Two seconds of random blocks of random sizes, each in another's place.
int Steady() {
  unsigned seed = 1;
  const auto next = [&seed] { return (seed = seed * 1664525 + 1013904223) >> 8; };
  for (char*& block : kept) block = static_cast<char*>(malloc(16 + next() % (2 * kBlock)));
  for (int tenths = 0; tenths < 20; ++tenths) {
    usleep(100'000);
    for (int i = 0; i < 100'000; ++i) {
      char*& block = kept[next() % (2 * kBlocks)];
      free(block);
      block = static_cast<char*>(malloc(16 + next() % (2 * kBlock)));
    }
  }
  return IsOfOneThread() ? 0 : Fail("there is a thread that has nothing to do");
}

int Left() {
  Fill();
  if (!IsOfOneThread()) return Fail("there is a thread that has nothing to do");
  const size_t full = ResidentBytesByItself();
  for (size_t i = 0; i < 2 * kBlocks; ++i) {
    if (i % 400 != 0) free(kept[i]);
  }
  if (!Await([full] { return ResidentBytesByItself() < full / 4; })) return Fail("memory stays");
  return 0;
}

// Less than a third.
int Part() {
  constexpr size_t kRun = 1 << 20;
  constexpr size_t kRuns = 320;
  static char* runs[kRuns];
  for (char*& run : runs) memset(run = static_cast<char*>(malloc(kRun)), 1, kRun);
  if (!IsOfOneThread()) return Fail("there is a thread that has nothing to do");
  for (size_t i = 0; i < 90; ++i) free(runs[i]);
  return Await([] { return !IsOfOneThread(); }) ? 0 : Fail("nobody gives 90 MiB back");
}

void* EndAtOnce(void*) {
  free(malloc(100));
  return nullptr;
}

// libc frees a thread's variables under the lock of its list of stacks when it drops a large stack.
int Stacks() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size_t{16} << 20);
  std::vector<char*> blocks;
  for (int round = 0; round < 20; ++round) {
    pthread_t threads[16];
    for (pthread_t& thread : threads) {
      if (pthread_create(&thread, &attributes, EndAtOnce, nullptr) != 0) return Fail("no thread");
    }
    for (int i = 0; i < 20'000; ++i) blocks.push_back(static_cast<char*>(malloc(kBlock)));
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  }
  FreeAll(blocks);
  return HeapThreads() == 1 ? 0 : Fail("there is not one thread of the heap");
}

void* Sleep(void*) {
  usleep(300'000);
  return nullptr;
}

// Their stacks are more than libc keeps: at its very end one thread frees what another has left,
// and is known to nobody after that. The heap looks at the threads it knows again and again.
int Ended() {
  std::vector<char*> blocks = FillAndThin();
  for (int i = 0; i < 40; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, Sleep, nullptr) != 0) return Fail("no thread");
    pthread_detach(thread);
  }
  for (int tick = 0; tick < 40; ++tick) {
    usleep(100'000);
    free(malloc(kBlock));
  }
  return AllIntact(blocks) ? 0 : Fail("a block has changed");
}

void* EndSilently(void* gate) {
  free(malloc(100));
  static_cast<std::atomic<int>*>(gate)->fetch_add(1);
  syscall(SYS_exit, 0);
  return nullptr;
}

// The heap knows of threads whose variables are nowhere any more.
int Silent() {
  std::vector<char*> blocks = FillAndThin();
  for (int i = 0; i < 5; ++i) {
    constexpr size_t kStack = 256 << 10;
    void* const stack =
        mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, kStack);
    std::atomic<int> used{0};
    pthread_t thread;
    if (pthread_create(&thread, &attributes, EndSilently, &used) != 0) return Fail("no thread");
    pthread_join(thread, nullptr);
    munmap(stack, kStack);
  }
  for (int tick = 0; tick < 40; ++tick) {
    usleep(100'000);
    free(malloc(kBlock));
  }
  return AllIntact(blocks) ? 0 : Fail("a block has changed");
}

// Daemons give up what they do not need once they are set up.
int Filter() {
  free(malloc(100));
  sock_filter refuses[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof refuses / sizeof refuses[0], refuses};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 0;
  return Idle();
}

int InChild() {
  // Without an allocation, which would start it: a directory has a link for each one inside.
  struct stat tasks{};
  if (stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink != 3) {
    return Fail("a child begins with a thread of the heap");
  }
  std::vector<char*> blocks = FillAndThin();
  const size_t full = ResidentBytes();
  if (!Await([full] { return ResidentBytes() < full / 2; })) return Fail("a child's memory stays");
  if (HeapThreads() != 1) return Fail("a child gets no thread of the heap");
  FreeAll(blocks);
  return 0;
}

int Fork() {
  std::vector<char*> blocks = FillAndThin();
  for (int i = 0; i < 20; ++i) {
    usleep(static_cast<useconds_t>(i) * 3000);
    const pid_t child = fork();
    if (child == 0) _exit(i % 10 == 0 ? InChild() : (FreeAll(blocks), 0));
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return Fail("a child failed");
    for (int k = 0; k < 1000; ++k) free(malloc(static_cast<size_t>(k) * 40));
  }
  return 0;
}

void* EndLast(void*) {
  usleep(300'000);
  return nullptr;
}

// Ends with status 0 if libc ends the process; the caller's timeout notices if nobody does.
int Last() {
  FillAndThin();
  if (!Await([] { return HeapThreads() == 1; })) return Fail("no thread of the heap");
  pthread_t thread;
  pthread_create(&thread, nullptr, EndLast, nullptr);
  pthread_detach(thread);
  pthread_exit(nullptr);
}

struct Napper {
  pthread_t thread;
  unsigned seed;
  bool is_intact;
};

// Works, sleeps long enough to be trimmed at times, and works on: blocks live across the sleep.
void* WorkAndNap(void* argument) {
  auto& napper = *static_cast<Napper*>(argument);
  unsigned seed = napper.seed;
  napper.is_intact = true;
  for (int round = 0; round < 4; ++round) {
    std::vector<unsigned char*> blocks;
    for (int i = 0; i < 2000; ++i) {
      seed = seed * 1664525 + 1013904223;
      const size_t size = 16 + (seed >> 20) % 2000;
      blocks.push_back(static_cast<unsigned char*>(malloc(size)));
      memset(blocks.back(), static_cast<int>(size & 0xff), 16);
      blocks.back()[15] = static_cast<unsigned char>(napper.seed);
    }
    usleep(800'000 + (seed >> 8) % 900'000);
    for (unsigned char* block : blocks) {
      napper.is_intact = napper.is_intact && block[15] == static_cast<unsigned char>(napper.seed);
      free(block);
    }
  }
  return nullptr;
}

int Idle() {
  std::vector<char*> blocks = FillAndThin();
  std::vector<Napper> nappers(100);
  for (unsigned i = 0; i < nappers.size(); ++i) {
    nappers[i].seed = i + 1;
    pthread_create(&nappers[i].thread, nullptr, WorkAndNap, &nappers[i]);
  }
  for (Napper& napper : nappers) {
    pthread_join(napper.thread, nullptr);
    if (!napper.is_intact) return Fail("a block was handed out twice");
  }
  FreeAll(blocks);
  return 0;
}

int Off() {
  std::vector<char*> blocks = FillAndThin();
  const size_t full = ResidentBytes();
  std::vector<char*> more(20'000);
  // More than a thread keeps for itself, so that the calls reach the heap.
  const auto call_until_small = [full, &more] {
    for (char*& block : more) block = static_cast<char*>(malloc(64));
    for (char* block : more) free(block);
    return ResidentBytes() < full / 2;
  };
  if (!Await(call_until_small)) return Fail("memory stays though the heap is called");
  if (HeapThreads() != 0) return Fail("there is a thread though it is forbidden");
  return AllIntact(blocks) ? 0 : Fail("a block has changed");
}

struct Sleepers {
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<int> asleep{0};
};

// Keeps a megabyte in its caches, and sleeps.
void* ChurnAndSleep(void* argument) {
  auto& sleepers = *static_cast<Sleepers*>(argument);
  constexpr int kChurn = 4000;
  void* blocks[kChurn];
  for (int i = 0; i < kChurn; ++i) memset(blocks[i] = malloc(16 + i % 500), 1, 16 + i % 500);
  for (void* block : blocks) free(block);
  ++sleepers.asleep;
  pthread_mutex_lock(&sleepers.gate);
  pthread_mutex_unlock(&sleepers.gate);
  free(malloc(100));
  return nullptr;
}

int OffIdle() {
  static Sleepers sleepers;
  std::vector<pthread_t> threads(60);
  pthread_mutex_lock(&sleepers.gate);
  for (pthread_t& thread : threads) pthread_create(&thread, nullptr, ChurnAndSleep, &sleepers);
  while (sleepers.asleep.load() < static_cast<int>(threads.size())) usleep(1000);
  const size_t full = ResidentBytes();
  std::vector<char*> more(20'000);
  const auto call_until_small = [full, &more] {
    for (char*& block : more) block = static_cast<char*>(malloc(64));
    for (char* block : more) free(block);
    return ResidentBytes() < full / 2;
  };
  const bool is_small = Await(call_until_small);
  pthread_mutex_unlock(&sleepers.gate);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  if (HeapThreads() != 0) return Fail("there is a thread though it is forbidden");
  return is_small ? 0 : Fail("sleeping threads keep their caches though the heap is called");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string scene = argc > 1 ? argv[1] : "";
  if (scene == "returns") return Returns(malloc);
  if (scene == "zeroed") return Returns(Zeroed);
  if (scene == "kept") return Kept();
  if (scene == "steady") return Steady();
  if (scene == "left") return Left();
  if (scene == "part") return Part();
  if (scene == "stacks") return Stacks();
  if (scene == "ended") return Ended();
  if (scene == "silent") return Silent();
  if (scene == "filter") return Filter();
  if (scene == "fork") return Fork();
  if (scene == "last") return Last();
  if (scene == "idle") return Idle();
  if (scene == "off") return Off();
  if (scene == "off_idle") return OffIdle();
  return Fail("which scene?");
}
