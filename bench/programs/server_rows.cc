// SPDX-License-Identifier: MIT
//
// larson: each of `threads` clients keeps 1000 blocks and replaces random ones; after a while its
// thread hands the blocks to a successor and exits, so most blocks are freed by another thread than
// the one that allocated them. mstress: threads with blocks that live long, blocks that live for a
// few calls, and blocks that change hands; all threads exit and start again in each repetition.
// One item is one malloc and one free.
#include <semaphore.h>

#include <atomic>
#include <cstdlib>

#include "bench/harness/threads.h"
#include "bench/programs/program_rows.h"

namespace spanheap::bench {
namespace {

constexpr std::size_t kClientBlocks = 1000;
constexpr std::uint64_t kOperationsPerThread = 50000;
constexpr int kMaxClients = 8;

struct Client {
  void* blocks[kClientBlocks];
  std::uint64_t left;  // operations until the client is done
  std::uint64_t seed;
  const SizeTable* sizes;
  sem_t* done;
};

void ReplaceSome(Client& client, std::uint64_t count) {
  Random random(client.seed++);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t drawn = random.Next();
    void*& slot = client.blocks[drawn % kClientBlocks];
    std::free(slot);
    auto* block = static_cast<std::uint64_t*>(std::malloc(client.sizes->At(drawn >> 32)));
    *block = i;
    slot = block;
  }
}

// Works for a while, then starts its successor on the same blocks, or reports the end.
void* Serve(void* argument) {
  Client& client = *static_cast<Client*>(argument);
  const std::uint64_t count =
      client.left < kOperationsPerThread ? client.left : kOperationsPerThread;
  ReplaceSome(client, count);
  client.left -= count;
  if (client.left == 0) {
    sem_post(client.done);
  } else {
    pthread_detach(StartThread(Serve, &client));
  }
  return nullptr;
}

double RunClients(MappedArray<Client>& clients, sem_t& done, std::uint64_t operations) {
  const double start = WallNs();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].left = operations;
    pthread_detach(StartThread(Serve, &clients[i]));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    while (sem_wait(&done) != 0) {}
  }
  return WallNs() - start;
}

Sample Larson(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 47);
  sem_t done;
  sem_init(&done, 0, 0);
  MappedArray<Client> clients(row.count);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    Client& client = clients[i];
    client.seed = 1000 * i;
    client.sizes = &sizes;
    client.done = &done;
    for (std::size_t b = 0; b < kClientBlocks; ++b) client.blocks[b] = std::malloc(sizes.At(b));
  }
  return MeasureTimed(
      plan, static_cast<double>(row.count),
      [&](std::uint64_t n) { return RunClients(clients, done, n); }, kLeastThreadItems);
}

constexpr std::size_t kKept = 500;       // long-lived blocks per thread
constexpr std::size_t kBurst = 8;        // blocks that live for a few calls
constexpr std::size_t kTransfer = 1000;  // shared slots through which blocks change hands

using TransferSlots = MappedArray<std::atomic<void*>>;

void* AllocateAndWrite(std::size_t size) {
  auto* block = static_cast<std::uint64_t*>(std::malloc(size));
  *block = size;
  return block;
}

// One thread of mstress; performs `items` pairs of malloc and free, give or take one burst.
class StressThread {
 public:
  StressThread(const SizeTable& sizes, TransferSlots& transfer, std::uint64_t seed)
      : sizes_(sizes), transfer_(transfer), random_(seed) {}

  void Run(std::uint64_t items) {
    for (void*& block : kept_) block = AllocateAndWrite(NextSize());
    for (std::uint64_t done = kKept; done < items;) done += Step();
    for (void* block : kept_) std::free(block);
  }

 private:
  std::size_t NextSize() { return sizes_.At(random_.Next()); }

  // Six steps of ten replace a kept block, two make a burst, two hand one over.
  std::uint64_t Step() {
    const std::uint64_t kind = random_.Below(10);
    if (kind < 6) {
      Replace();
    } else if (kind < 8) {
      return Burst();
    } else {
      HandOver();
    }
    return 1;
  }

  void Replace() {
    void*& slot = kept_[random_.Below(kKept)];
    std::free(slot);
    slot = AllocateAndWrite(NextSize());
  }

  std::uint64_t Burst() {
    void* blocks[kBurst];
    for (void*& block : blocks) block = AllocateAndWrite(NextSize());
    for (std::size_t i = kBurst; i > 0; --i) std::free(blocks[i - 1]);
    return kBurst;
  }

  void HandOver() {
    std::atomic<void*>& slot = transfer_[random_.Below(kTransfer)];
    std::free(slot.exchange(AllocateAndWrite(NextSize()), std::memory_order_acq_rel));
  }

  const SizeTable& sizes_;
  TransferSlots& transfer_;
  Random random_;
  void* kept_[kKept] = {};
};

Sample Stress(const Row& row, const Plan& plan) {
  const SizeTable sizes(row.mix, 53);
  TransferSlots transfer(kTransfer);
  std::uint64_t repetition = 0;
  return MeasureTimed(
      plan, static_cast<double>(row.threads),
      [&](std::uint64_t n) {
        ++repetition;
        return TimeThreads(row.threads, [&](int index) {
          StressThread(sizes, transfer, repetition * 100 + static_cast<std::uint64_t>(index))
              .Run(n);
        });
      },
      kLeastThreadItems);
}

constexpr Row kRows[] = {
    {.name = "larson.t1", .measure = Larson, .count = 1, .threads = 2},
    {.name = "larson.t2", .measure = Larson, .count = 2, .threads = 2},
    {.name = "larson.t8", .measure = Larson, .count = kMaxClients, .threads = 8},
    {.name = "mstress.t2", .measure = Stress, .mix = Mix::kWeb, .threads = 2, .heavy_mib = 16},
    {.name = "mstress.t8", .measure = Stress, .mix = Mix::kWeb, .threads = 8, .heavy_mib = 32},
};

}  // namespace

std::span<const Row> ServerRows() { return kRows; }

}  // namespace spanheap::bench
