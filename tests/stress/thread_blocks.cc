// SPDX-License-Identifier: MIT
//
// What the heap keeps for threads. Each scene is a process of its own; it ends with 0, or with 1
// and a line.
//   thread_blocks SCENE     ended: threads that used much are gone, and so is their memory
//                           sleepers: malloc_trim returns though sleepers wake up again and again
//                           limited: with a hard limit of 64 MiB there is room for 150 threads
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

int Fail(const char* what) {
  std::fprintf(stderr, "thread_blocks: %s\n", what);
  return 1;
}

std::size_t ResidentBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  std::size_t pages = 0;
  if (file == nullptr || std::fscanf(file, "%*s %zu", &pages) != 1) std::abort();
  std::fclose(file);
  return pages * 4096;
}

std::atomic<bool> stop{false};
pthread_barrier_t all_there;

std::vector<pthread_t> StartThreads(int count, void* (*run)(void*)) {
  std::vector<pthread_t> threads(static_cast<std::size_t>(count));
  pthread_barrier_init(&all_there, nullptr, static_cast<unsigned>(count) + 1);
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, run, nullptr) != 0) std::abort();
  }
  pthread_barrier_wait(&all_there);
  return threads;
}

void Join(const std::vector<pthread_t>& threads) {
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
}

// Fills the bins of many classes, while the others do so too.
void* UseMuch(void*) {
  for (std::size_t size = 16; size <= 4096; size += 16) {
    void* blocks[400];
    for (void*& block : blocks) block = std::malloc(size);
    for (void* block : blocks) std::free(block);
  }
  pthread_barrier_wait(&all_there);
  return nullptr;
}

void* UseLittle(void*) {
  std::free(std::malloc(100));
  pthread_barrier_wait(&all_there);
  while (!stop) usleep(1000);
  return nullptr;
}

void* UseAndSleep(void*) {
  pthread_barrier_wait(&all_there);
  while (!stop) {
    std::free(std::malloc(100));
    usleep(5000);
  }
  return nullptr;
}

int Ended() {
  constexpr std::size_t kMost = 16 << 20;
  const std::size_t before = ResidentBytes();
  for (int round = 0; round < 2; ++round) Join(StartThreads(100, UseMuch));
  malloc_trim(0);
  const std::size_t after = ResidentBytes();
  std::printf("%zu KiB before, %zu after\n", before >> 10, after >> 10);
  return after < before + kMost ? 0 : Fail("what threads have left stays");
}

int Sleepers() {
  const std::vector<pthread_t> threads = StartThreads(200, UseAndSleep);
  for (int i = 0; i < 5; ++i) malloc_trim(0);
  stop = true;
  Join(threads);
  return 0;
}

int Limited() {
  const std::vector<pthread_t> threads = StartThreads(150, UseLittle);
  void* const block = std::malloc(1 << 20);
  stop = true;
  Join(threads);
  return block != nullptr ? 0 : Fail("the threads leave no room");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string scene = argc > 1 ? argv[1] : "";
  if (scene == "ended") return Ended();
  if (scene == "sleepers") return Sleepers();
  if (scene == "limited") return Limited();
  return Fail("which scene?");
}
