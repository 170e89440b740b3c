// SPDX-License-Identifier: MIT
//
// Libraries loaded and unloaded while threads allocate: a plug-in that uses malloc, and the embed
// flavour of the heap: a heap of its own, or with libspanheap preloaded that one under other names.
//
// Idea.  The loader allocates under its own locks, runs constructors and destructors that allocate,
//        and makes room for the library's thread data in every thread. The plug-in is found beside
//        this program; the embed library through --mode <its path>. Blocks of an embedded heap are
//        freed before the library is closed; the thread data of ending threads is not.
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kRounds = 100;  // of the plug-in's work
constexpr unsigned kEmbedBlocks = 64;

char plugin_path[PATH_MAX];
const char* embed_path = "";
std::atomic<uint64_t> loads{0};
std::atomic<uint64_t> embed_loads{0};

void FindPlugin() {
  char self[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) Fail("no /proc");
  self[length] = '\0';
  *strrchr(self, '/') = '\0';
  if (snprintf(plugin_path, sizeof plugin_path, "%s/libstress_plugin.so", self) < 0)
    Fail("no path");
}

template <class Function>
Function Symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == nullptr) Fail("%s: %s", name, dlerror());
  return reinterpret_cast<Function>(found);
}

uint64_t ExpectedSum() {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < kRounds; ++i) sum += i * 13 % 500 + 40;
  return sum;
}

void LoadPlugin() {
  void* plugin = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) Fail("%s", dlerror());
  const auto work = Symbol<uint64_t (*)(uint64_t)>(plugin, "plugin_work");
  if (work(kRounds) != ExpectedSum()) Fail("the plug-in computes something else");
  if (dlclose(plugin) != 0) Fail("%s", dlerror());
  ++loads;
}

// Every block of the embedded heap is filled, checked and freed there.
void UseEmbedded(void* library, Random& random) {
  const auto take = Symbol<void* (*)(size_t)>(library, "sh_malloc");
  const auto drop = Symbol<void (*)(void*)>(library, "sh_free");
  const auto owns = Symbol<int (*)(const void*)>(library, "sh_owns");
  Block blocks[kEmbedBlocks];
  for (Block& block : blocks) {
    block.size = random.Size(random.OneIn(16) ? 21 : 13);
    block.start = take(block.size);
    if (block.start == nullptr) Fail("the embedded heap refuses %zu bytes", block.size);
    if (owns(block.start) == 0) Fail("the embedded heap disowns its block");
    Fill(block.start, block.size, reinterpret_cast<uintptr_t>(block.start));
  }
  for (Block& block : blocks) {
    CheckFilled(block.start, block.size, reinterpret_cast<uintptr_t>(block.start), block.size);
    drop(block.start);
  }
}

void LoadEmbed(Random& random) {
  void* library = dlopen(embed_path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Fail("%s", dlerror());
  // A thread of its own meets the library, uses its heap, and ends before it is closed or after.
  std::thread user([&random, library] { UseEmbedded(library, random); });
  user.join();
  UseEmbedded(library, random);
  if (dlclose(library) != 0) Fail("%s", dlerror());
  ++embed_loads;
}

void Churn(uint64_t seed, double end) {
  Random random(seed);
  Block held[64];
  for (uint64_t step = 0; step % 64 != 0 || SecondsNow() < end; ++step) {
    Block& block = held[random.Below(64)];
    DropBlock(block);
    block = TakeBlock(random, 14);
  }
  for (Block& block : held) DropBlock(block);
}

// Loads and unloads in short-lived threads, so that thread data of the plug-in is destroyed too.
void LoadUntil(uint64_t seed, double end) {
  Random random(seed);
  while (SecondsNow() < end) {
    std::thread([&random] {
      for (int i = 0; i < 5; ++i) LoadPlugin();
      if (*embed_path != '\0') LoadEmbed(random);
    }).join();
  }
}

int Run(const Options& options) {
  FindPlugin();
  embed_path = options.mode;
  const double end = SecondsNow() + options.seconds;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.threads; ++i) {
    const uint64_t seed = options.seed * 100 + i;
    if (i % 2 == 0)
      threads.emplace_back(LoadUntil, seed, end);
    else
      threads.emplace_back(Churn, seed, end);
  }
  for (std::thread& thread : threads) thread.join();
  if (loads == 0) Fail("nothing was loaded");
  return Succeed("%lu loads of the plug-in, %lu of the embed library, %lu live blocks",
                 loads.load(), embed_loads.load(), VerifyHeap());
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.seconds = 3, .threads = 4},
      "Loads and unloads libraries while threads allocate.\n"
      "mode: the path of libspanheap-embed.so.1 to load that as well",
      spanheap::stress::Run);
}
