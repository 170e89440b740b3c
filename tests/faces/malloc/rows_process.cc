// SPDX-License-Identifier: MIT
//
// Rows on processes: fork, start and end, and surroundings that allow less than usual.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "conformance.h"
#include "scenes.h"

namespace conformance {
namespace {

// Fork --------------------------------------------------------------------------------------------

std::atomic<bool> stop_churning{false};

int ForkWhileOthersAllocate() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      while (!stop_churning) Churn(200);
    });
  }
  int good = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      std::thread([] { Churn(100); }).join();
      Churn(300);
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    good += WIFEXITED(status) && WEXITSTATUS(status) == 7;
  }
  stop_churning = true;
  for (std::thread& thread : threads) thread.join();
  return good == 100 ? 0 : 1;
}

void ForkAmongThreads(Verdict& v) {
  EXPECT(v, RunForked(ForkWhileOthersAllocate, 200).exited_with(0));
  v.Note("100 forks beside 4 busy threads: children work");
}

std::atomic<int> handler_runs{0};
void AllocateInHandler() {
  Churn(50);
  ++handler_runs;
}

void ForkHandlersAllocate(Verdict& v) {
  const Outcome outcome = RunForked([] {
    pthread_atfork(AllocateInHandler, AllocateInHandler, AllocateInHandler);
    std::thread other([] {
      while (handler_runs < 20) Churn(10);
    });
    int good = 0;
    for (int i = 0; i < 10; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(9);
      int status = 0;
      waitpid(child, &status, 0);
      good += WIFEXITED(status) && WEXITSTATUS(status) == 9;
    }
    other.join();
    return good == 10 && handler_runs == 20 ? 0 : 1;
  });
  EXPECT_ENDED(v, outcome, exited_with(0));
  v.Note("the program's own handlers may allocate");
}

void SpawnWorks(Verdict& v) {
  char* const arguments[] = {const_cast<char*>("true"), nullptr};
  for (int i = 0; i < 5; ++i) {
    pid_t child = 0;
    int status = 1;
    EXPECT(v, posix_spawnp(&child, "true", nullptr, nullptr, arguments, environ) == 0);
    waitpid(child, &status, 0);
    EXPECT(v, WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const pid_t child = vfork();
  if (child == 0) {
    execlp("true", "true", nullptr);
    _exit(1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT(v, WIFEXITED(status) && WEXITSTATUS(status) == 0);
  v.Note("posix_spawn and vfork need nothing");
}

// Start and end -----------------------------------------------------------------------------------

std::string SiblingPath(const char* name) {
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  std::string path(self, size < 0 ? 0 : size);
  return path.substr(0, path.rfind('/') + 1) + name + (IsStatic() ? "_static" : "");
}

void EarlyAndLate(Verdict& v) {
  const std::string path = SiblingPath("early_and_late");
  if (access(path.c_str(), X_OK) != 0) return v.Skip("program not found");
  const Outcome outcome = RunForked([&] {
    execl(path.c_str(), path.c_str(), nullptr);
    return 127;
  });
  v.Expect(outcome.exited_with(0), outcome.errors.c_str(), __LINE__);
  EXPECT(v, outcome.errors == "last destructor\n");
  v.Note("before main, in exit handlers and last destructors");
}

// Surroundings ------------------------------------------------------------------------------------

constexpr int kCannotTry = 77;

void ExpectScene(Verdict& v, const char* scene, const std::function<void()>& prepare) {
  const Outcome outcome = RunScene(scene, prepare);
  if (outcome.exited_with(kCannotTry)) return v.Skip("not possible here");
  const std::string what = "status " + std::to_string(outcome.status) + " " + outcome.errors;
  v.Expect(outcome.exited_with(0), what.c_str(), __LINE__);
  v.Note("starts, allocates, frees, ends");
}

void Limit(int resource, rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  if (setrlimit(resource, &limit) != 0) _exit(kCannotTry);
}

void LimitedAddressSpace(Verdict& v) {
  ExpectScene(v, "modest", [] { Limit(RLIMIT_AS, rlim_t{262144} << 10); });
}
void LimitedAddressSpaceUsedUp(Verdict& v) {
  ExpectScene(v, "use_up", [] { Limit(RLIMIT_AS, rlim_t{262144} << 10); });
}
void LimitedData(Verdict& v) {
  ExpectScene(v, "modest", [] { Limit(RLIMIT_DATA, rlim_t{131072} << 10); });
}
void LimitedDataUsedUp(Verdict& v) {
  ExpectScene(v, "use_up", [] { Limit(RLIMIT_DATA, rlim_t{131072} << 10); });
}
// Root may lock what it likes, whatever the limit, unless this right is taken from it. Where the
// hard limit is lower and cannot be raised, the row cannot be tried.
void LimitLocked(rlim_t bytes) {
  Limit(RLIMIT_MEMLOCK, bytes);
  if (prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0 && geteuid() == 0) _exit(kCannotTry);
}

void LimitedLocked(Verdict& v) {
  ExpectScene(v, "lock_all", [] { LimitLocked(rlim_t{512} << 20); });
}

void LittleLocked(Verdict& v) {
  ExpectScene(v, "lock_all", [] {
    LimitLocked(rlim_t{64} << 20);
    setenv("SPANHEAP", "reserve=8M", 1);
  });
}

// What mlockall counts is the size of the address space.
void LittleReserved(Verdict& v) {
  ExpectScene(v, "small", [] { setenv("SPANHEAP", "reserve=4M", 1); });
}

// Mounts of this process and its children alone.
void OwnMounts() {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(kCannotTry);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(kCannotTry);
}

// The heap reads that overcommit is strict; the kernel goes on as it does, but for what RLIMIT_DATA
// refuses, which is the same that strict overcommit refuses.
void SayOvercommitIsStrict() {
  OwnMounts();
  char path[] = "/tmp/spanheap-overcommit-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0 || write(file, "2\n", 2) != 2) _exit(kCannotTry);
  close(file);
  const char* const setting = "/proc/sys/vm/overcommit_memory";
  const bool done = mount(path, setting, nullptr, MS_BIND, nullptr) == 0;
  unlink(path);
  if (!done) _exit(kCannotTry);
}

void StrictOvercommit(Verdict& v) { ExpectScene(v, "modest", SayOvercommitIsStrict); }
void StrictOvercommitUsedUp(Verdict& v) {
  ExpectScene(v, "use_up", [] {
    SayOvercommitIsStrict();
    Limit(RLIMIT_DATA, rlim_t{131072} << 10);
  });
}

void WithoutProc(Verdict& v) {
  ExpectScene(v, "modest", [] {
    OwnMounts();
    if (mount("none", "/proc", "tmpfs", 0, nullptr) != 0) _exit(kCannotTry);
  });
}

void OnOneProcessor(Verdict& v) {
  ExpectScene(v, "modest", [] {
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    int last = 0;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &all)) last = i;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) _exit(kCannotTry);
  });
}

// membarrier, rseq and process_madvise answer "no such call", as in an old or strict container.
void WithoutNewCalls(Verdict& v) {
  ExpectScene(v, "modest", [] {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_madvise, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38),
    };
    const sock_fprog filter{sizeof program / sizeof program[0], program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(kCannotTry);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) _exit(kCannotTry);
  });
}

void WithoutHugePages(Verdict& v) {
  ExpectScene(v, "no_huge_pages", [] {
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) _exit(kCannotTry);
  });
}

// A copy of this program that belongs to root and runs with root's rights for a user.
void SecureIgnoresEnvironment(Verdict& v) {
  if (geteuid() != 0) return v.Skip("needs root to make a set-uid program");
  const std::string copy = SiblingPath("set_uid_copy");
  const std::string command =
      "cp /proc/" + std::to_string(getpid()) + "/exe " + copy + " && chmod 4755 " + copy;
  if (system(command.c_str()) != 0) return v.Skip("cannot copy itself");
  const Outcome outcome = RunForked([&] {
    setenv("SPANHEAP", "verify=3,nonsense=1", 1);
    if (setresuid(65534, 65534, 65534) != 0) return kCannotTry;
    execl(copy.c_str(), copy.c_str(), "--scene", "secure", nullptr);
    return kCannotTry;
  });
  unlink(copy.c_str());
  if (outcome.exited_with(kCannotTry)) return v.Skip("not in effect here (preloaded, or nosuid)");
  const std::string what = "status " + std::to_string(outcome.status) + " " + outcome.errors;
  v.Expect(outcome.exited_with(0) && outcome.errors.empty(), what.c_str(), __LINE__);
  v.Note("SPANHEAP is not read");
}

// Mappings ----------------------------------------------------------------------------------------

struct Maps {
  int count = 0;
  int named = 0;
  size_t largest_accessible = 0;
};

Maps ReadMaps() {
  Maps maps;
  FILE* file = fopen("/proc/self/maps", "r");
  char line[512];
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    unsigned long from = 0;
    unsigned long to = 0;
    char mode[8] = {};
    sscanf(line, "%lx-%lx %7s", &from, &to, mode);
    ++maps.count;
    if (strstr(line, "[anon:spanheap") != nullptr) ++maps.named;
    if (mode[0] == 'r' && to - from > maps.largest_accessible) maps.largest_accessible = to - from;
  }
  if (file != nullptr) fclose(file);
  return maps;
}

void ReservationIsInaccessible(Verdict& v) {
  const Maps maps = ReadMaps();
  EXPECT(v, maps.largest_accessible < size_t{4} << 30);
  v.Note("largest accessible mapping: %zu KiB", maps.largest_accessible >> 10);
}

void MappingsHaveNames(Verdict& v) {
  void* probe = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int named = prctl(0x53564d41, 0, probe, 4096, "probe");  // PR_SET_VMA_ANON_NAME
  munmap(probe, 4096);
  if (named != 0) return v.Skip("this kernel has no names");
  const Maps maps = ReadMaps();
  EXPECT(v, maps.named > 0);
  v.Note("%d mappings [anon:spanheap...]", maps.named);
}

void FewMappings(Verdict& v) {
  const int before = ReadMaps().count;
  std::vector<void*> blocks;
  for (int i = 0; i < 4000; ++i) {
    blocks.push_back(malloc(100 << (i % 13)));
    Use(blocks.back());
  }
  for (size_t i = 0; i < blocks.size(); i += 2) free(blocks[i]);
  const int more = ReadMaps().count - before;
  for (size_t i = 1; i < blocks.size(); i += 2) free(blocks[i]);
  EXPECT(v, more < 200);
  v.Note("%d more for 4000 mixed blocks", more);
}

}  // namespace

Rows ProcessRows() {
  return {
      {"fork", "children of busy threads allocate and free", ForkAmongThreads},
      {"fork", "handlers of the program may allocate", ForkHandlersAllocate},
      {"fork", "vfork and posix_spawn", SpawnWorks},
      {"early init, late end", "constructors, IFUNC resolvers, dlsym, exit handlers", EarlyAndLate},
      {"ulimit -v 262144", "programs run", LimitedAddressSpace},
      {"ulimit -v 262144", "used up: ENOMEM, then the heap goes on", LimitedAddressSpaceUsedUp},
      {"RLIMIT_DATA", "programs run in 128 MiB", LimitedData},
      {"RLIMIT_DATA", "used up: ENOMEM, then the heap goes on", LimitedDataUsedUp},
      {"overcommit=2", "programs run where overcommit_memory says 2", StrictOvercommit},
      {"overcommit=2", "what is writable is used up: ENOMEM, goes on", StrictOvercommitUsedUp},
      {"mlockall", "works in 512 MiB of RLIMIT_MEMLOCK", LimitedLocked},
      {"mlockall", "works in 64 MiB with reserve=8M", LittleLocked},
      {"mlockall", "reserve=4M: all that is mapped stays below 64 MiB", LittleReserved},
      {"no /proc", "programs run", WithoutProc},
      {"taskset", "programs run on the last processor alone", OnOneProcessor},
      {"seccomp", "programs run without membarrier, rseq, process_madvise", WithoutNewCalls},
      {"THP", "PR_SET_THP_DISABLE is respected", WithoutHugePages},
      {"set-uid", "the environment is not read", SecureIgnoresEnvironment},
      {"MAP_NORESERVE", "what is only reserved is inaccessible", ReservationIsInaccessible},
      {"names", "mappings say whose they are", MappingsHaveNames},
      {"mappings", "few, also for mixed sizes half freed", FewMappings},
  };
}

}  // namespace conformance
