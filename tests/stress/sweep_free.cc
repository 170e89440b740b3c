// SPDX-License-Identifier: MIT
//
// Destructors that run at sweep free blocks of malloc, as they may, while another thread is always
// about to hold a lock of malloc's: whoever sweeps must not wait for a thread that is stopped.
#include <spanheap/gc.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

using namespace spanheap;

std::atomic<long> ended{0};

struct Buffer {
  static constexpr auto kFinalize = finalize_at_sweep;
  Buffer() = default;
  explicit Buffer(void* taken) : memory(taken) {}
  ~Buffer() {
    std::free(memory);
    ++ended;
  }
  void* memory = nullptr;
  long more = 0;
  SH_LAYOUT(Buffer);
};

[[gnu::noinline]] void MakeOne() { New<Buffer>(std::malloc(3000)); }

// Sizes that libc's malloc takes from its arena, under its lock.
void KeepMallocBusy() {
  for (std::size_t i = 0; i < 50; ++i) {
    void* volatile blocks[8];
    for (auto& block : blocks) block = std::malloc(2000 + 500 * (i % 9));
    for (auto& block : blocks) std::free(block);
  }
}

}  // namespace

int main(int, char** arguments) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  New<long>();
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    while (!stop) {
      MakeOne();
      KeepMallocBusy();
    }
  });
  int cycles = 0;
  for (; std::chrono::steady_clock::now() < end; ++cycles) Collect();
  stop = true;
  worker.join();
  std::printf("%s: %d cycles, %ld destructors\n", arguments[0], cycles, ended.load());
  return cycles > 10 && ended > 0 ? 0 : 1;
}
