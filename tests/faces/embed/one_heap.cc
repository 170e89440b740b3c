// SPDX-License-Identifier: MIT
//
// Loads two libraries locally, each with a copy of spanheap in it, and shows that they have one
// heap: blocks, collected objects, the write barrier.
//
//   one_heap PLUGIN PLUGIN [EMBED]     the copies of tests/faces/embed/plugin.cc; libspanheap-embed
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

template <class Function>
Function* Find(void* library, const char* name) {
  void* const found = dlsym(library, name);
  if (found == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return reinterpret_cast<Function*>(found);
}

void* Load(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  return library;
}

struct Plugin {
  explicit Plugin(const char* path) : library(Load(path)) {}
  void* library;
  void* (*allocate)(size_t) = Find<void*(size_t)>(library, "PluginAllocate");
  int (*owns)(const void*) = Find<int(const void*)>(library, "PluginOwns");
  void (*collect)() = Find<void()>(library, "PluginCollect");
  uint64_t (*verify)() = Find<uint64_t()>(library, "PluginVerify");
  uint64_t (*churn)(uint64_t) = Find<uint64_t(uint64_t)>(library, "PluginChurn");
};

void Expect(bool truth, const char* what) {
  if (truth) return;
  fprintf(stderr, "not true: %s\n", what);
  exit(1);
}

constexpr uint64_t kRounds = 20;

// Until a store has met the barrier: the collector runs beside this, as often as the system lets
// it.
void ChurnUntilSeen(const Plugin& plugin) {
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t seen = plugin.churn(kRounds);
    Expect(seen != ~uint64_t{0}, "nodes are what they were");
    if (seen > 0) return;
  }
  Expect(false, "a plug-in's stores meet the barrier of the other's collector");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const Plugin first(argv[1]);
  const Plugin second(argv[2]);
  void* const block = first.allocate(100);
  Expect(first.owns(block) == 1, "the first owns its block");
  Expect(second.owns(block) == 1, "the second owns the first's block");
  if (argc > 3) {
    void* const embed = Load(argv[3]);
    Expect(Find<int(const void*)>(embed, "sh_owns")(block) == 1, "the library owns the block, too");
    Find<void(void*)>(embed, "sh_free")(block);
  }
  std::atomic<bool> stop{false};
  std::thread collector([&] {
    while (!stop.load()) first.collect();
  });
  std::thread other([&] { ChurnUntilSeen(first); });
  ChurnUntilSeen(second);
  other.join();
  stop = true;
  collector.join();
  Expect(first.verify() == 0 && second.verify() == 0, "no object was missed");
  puts("good");
  return 0;
}
