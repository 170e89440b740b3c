// SPDX-License-Identifier: MIT
//
// Everything at once: threads that take, resize and drop blocks of all sizes and alignments, pass
// them to one another through mailboxes, and end and start again while the others go on.
//
// Idea.  Every block carries a pattern made from its address and is checked before each resize and
//        free, so a block handed out twice, moved badly or written by the heap is seen. calloc's
//        blocks are checked for zero first. At the end everything is freed and the heap verifies
//        itself; the number of live blocks must be what it was before the storm.
#include <malloc.h>
#include <pthread.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kMailboxes = 256;
constexpr unsigned kHeldPerThread = 200;
constexpr unsigned kSmallBits = 12;          // most blocks: up to 4 KiB
constexpr unsigned kMediumBits = 18;         // one in 16: up to 256 KiB
constexpr unsigned kLargeBits = 26;          // one in 2048: up to 64 MiB
constexpr uint64_t kStepsPerLife = 200'000;  // then the thread ends and another starts
// What libc itself may keep for stacks that it caches and for the streams.
constexpr uint64_t kLibcBlocks = 64;

// A mailbox: a block on its way to whichever thread looks next.
struct Mailbox {
  std::atomic<Block*> letter{nullptr};
};
Mailbox mailboxes[kMailboxes];

std::atomic<uint64_t> steps_done{0};
std::atomic<uint64_t> bytes_held{0};

unsigned PickBits(Random& random) {
  if (random.OneIn(2048)) return kLargeBits;
  return random.OneIn(16) ? kMediumBits : kSmallBits;
}

class Worker {
 public:
  Worker(uint64_t seed, double end) : random_(seed), end_(end), held_(kHeldPerThread) {}

  // Runs one life; blocks still held are dropped, or left in mailboxes for others to free.
  void Live() {
    uint64_t step = 0;
    for (; step < kStepsPerLife && (step % 64 != 0 || SecondsNow() < end_); ++step) Step();
    for (Block& block : held_) {
      if (random_.OneIn(2)) Post(block);
      DropBlock(block);
    }
    steps_done += step;
  }

 private:
  void Step() {
    Block& block = held_[random_.Below(held_.size())];
    if (block.start == nullptr) {
      block = TakeBlock(random_, PickBits(random_));
      return;
    }
    const uint64_t action = random_.Below(10);
    if (action < 2)
      ResizeBlock(block, NewSize(block.size));
    else if (action < 4)
      Post(block);
    else
      DropBlock(block);
  }

  size_t NewSize(size_t size) {
    if (random_.OneIn(2)) return size + 1 + size / 4;
    return random_.OneIn(4) ? random_.Size(PickBits(random_)) : size / 2 + 1;
  }

  // Puts the block into a mailbox and takes over what was there.
  void Post(Block& block) {
    Block* letter = new Block(block);
    letter = mailboxes[random_.Below(kMailboxes)].letter.exchange(letter);
    block = {};
    if (letter == nullptr) return;
    block = *letter;
    delete letter;
  }

  Random random_;
  const double end_;
  std::vector<Block> held_;
};

// One place among the running threads: lives follow one another in threads of their own.
void RunPlace(uint64_t seed, double end) {
  for (uint64_t life = 0; SecondsNow() < end; ++life) {
    std::thread([=] { Worker(seed * 1000 + life, end).Live(); }).join();
  }
}

void RunPlaces(const Options& options, double seconds) {
  const double end = SecondsNow() + seconds;
  std::vector<std::thread> places;
  for (unsigned i = 0; i < options.threads; ++i) {
    places.emplace_back(RunPlace, options.seed * 64 + i, end);
  }
  for (std::thread& place : places) place.join();
}

void EmptyMailboxes() {
  for (Mailbox& mailbox : mailboxes) {
    Block* letter = mailbox.letter.exchange(nullptr);
    if (letter == nullptr) continue;
    DropBlock(*letter);
    delete letter;
  }
}

int Run(const Options& options) {
  RunPlaces(options, options.seconds * 0.05);  // libc makes what it keeps
  EmptyMailboxes();
  const uint64_t live_before = VerifyHeap();
  RunPlaces(options, options.seconds);
  EmptyMailboxes();
  const uint64_t live_after = VerifyHeap();
  if (live_after > live_before + kLibcBlocks) {
    Fail("%lu blocks lived before and %lu live after", live_before, live_after);
  }
  if (steps_done == 0) Fail("no step was made");
  return Succeed("%lu steps in %u threads, %lu live blocks", steps_done.load(), options.threads,
                 live_after);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(
      argc, argv, {.seconds = 3, .threads = 4},
      "Takes, resizes, passes on and drops blocks of 1 B to 64 MiB in many threads.",
      spanheap::stress::Run);
}
