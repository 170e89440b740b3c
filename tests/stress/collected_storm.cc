// SPDX-License-Identifier: MIT
//
// The collected heap under threads that change graphs at random, pass them on, end, block and get
// signals, in a process that forks; each graph has a shadow that says what it must look like.
//
// Idea.  A graph that nobody works on hangs in the pool, an object of the heap. A worker takes one
//        out, and from then on its top is held only where the worker holds it: on its stack, in a
//        root, or in a range. Meanwhile the first thread runs cycle after cycle with the verifier;
//        in the mode `triggered` it leaves that to the heap, which verifies by the option verify=3.
//        In the mode `precise` no object is searched word by word, and the barrier remembers less.
//        `young` is both, for the option sticky=on, of which such objects make no use; nor do
//        traced ones.
//        At the end what lives is compared with what the shadows say, and what keeps the rest is
//        named, down to the word on a stack; in the mode `kept` there is such a word.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <thread>

#include "shadow_graph.h"
#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"

namespace spanheap::stress {
namespace {

constexpr unsigned kStepsPerTurn = 500;
constexpr unsigned kTurnsPerLife = 20;

constexpr uint64_t kOnePointer = 1;
sh_layout pool_layout = {8, SH_SCAN_PRECISE, 0, &kOnePointer, nullptr, nullptr, "pool", 0, 0};

class Pool {
 public:
  Pool(unsigned count, uint64_t seed) : graphs_(count) {
    root_ = sh_gc_root_new(sh_gc_new(&pool_layout, count));
    for (unsigned i = 0; i < count; ++i) {
      graphs_[i] = std::make_unique<ShadowGraph>(seed * 1000 + i);
      detail::StorePointer(slots() + i, graphs_[i]->Begin());
      free_.push_back(i);
    }
  }
  void** slots() { return static_cast<void**>(detail::LoadPointer(&root_->value)); }
  ShadowGraph& graph(unsigned i) const { return *graphs_[i]; }
  unsigned size() const { return static_cast<unsigned>(graphs_.size()); }

  unsigned Take(Random& random) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t at = random.Below(free_.size());
    std::swap(free_[at], free_.back());
    const unsigned taken = free_.back();
    free_.pop_back();
    return taken;
  }
  void Return(unsigned i) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(i);
  }

 private:
  sh_gc_root* root_;
  std::vector<std::unique_ptr<ShadowGraph>> graphs_;  // as many as threads, at least
  std::mutex mutex_;
  std::vector<unsigned> free_;
};

std::atomic<uint64_t> steps_done{0};
std::atomic<uint64_t> turns_done{0};

void Rest(Random& random) {
  sh_gc_blocking_begin();
  usleep(static_cast<useconds_t>(random.Below(500)));
  sh_gc_blocking_end();
}

// The top is on this stack only; or, read anew for each step, in a place of its own.
[[gnu::noinline]] void WorkOnStack(ShadowGraph& graph, void** slot) {
  auto** const top = static_cast<void**>(sh_gc_exchange(slot, nullptr));
  for (unsigned i = 0; i < kStepsPerTurn; ++i) graph.Step(top);
  graph.Check(top);
  detail::StorePointer(slot, top);
}

[[gnu::noinline]] void StepAt(ShadowGraph& graph, void** place) {
  graph.Step(static_cast<void**>(detail::LoadPointer(place)));
}

void WorkElsewhere(ShadowGraph& graph, void** slot, void** place, Random& random) {
  detail::StorePointer(place, detail::LoadPointer(slot));
  detail::StorePointer(slot, nullptr);
  for (unsigned i = 0; i < kStepsPerTurn; ++i) {
    StepAt(graph, place);
    if (random.OneIn(400)) Rest(random);
  }
  graph.Check(static_cast<void**>(detail::LoadPointer(place)));
  detail::StorePointer(slot, detail::LoadPointer(place));
  detail::StorePointer(place, nullptr);
}

void TakeATurn(ShadowGraph& graph, void** slot, Random& random) {
  const uint64_t where = random.Below(4);
  if (where == 0) {
    sh_gc_root* const root = sh_gc_root_new(nullptr);
    WorkElsewhere(graph, slot, &root->value, random);
    sh_gc_root_free(root);
  } else if (where == 1) {
    const auto place = std::make_unique<void*[]>(4);
    if (sh_gc_add_range(place.get(), place.get() + 4) != 0) Fail("no memory");
    WorkElsewhere(graph, slot, &place[2], random);
    sh_gc_remove_range(place.get(), place.get() + 4);
  } else {
    WorkOnStack(graph, slot);
  }
}

void Live(Pool& pool, uint64_t seed, double end) {
  Random random(seed);
  for (unsigned turn = 0; turn < kTurnsPerLife && SecondsNow() < end; ++turn) {
    const unsigned number = pool.Take(random);
    TakeATurn(pool.graph(number), pool.slots() + number, random);
    pool.Return(number);
    steps_done += kStepsPerTurn;
    ++turns_done;
  }
}

// One place among the running threads: lives follow one another in threads of their own.
void RunPlace(Pool& pool, uint64_t seed, double end) {
  for (uint64_t life = 0; SecondsNow() < end; ++life) {
    std::thread(Live, std::ref(pool), seed * 100'000 + life, end).join();
  }
}

// Signals that the program has for itself.
void Disturb(double end) {
  while (SecondsNow() < end) {
    kill(getpid(), SIGUSR1);
    usleep(1000);
  }
}

// A child has one thread and all of the heap, at whatever phase.
void ForkOnce(Pool& pool) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    ShadowGraph mine(1);
    void** const top = mine.Begin();
    for (int i = 0; i < 300; ++i) mine.Step(top);
    mine.Check(top);
    const uint64_t lost = sh_gc_verify();
    mine.Check(top);
    _exit(lost == 0 && pool.slots() != nullptr ? 0 : 1);
  }
  if (child < 0) return;  // no process: not this program's matter
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {}
  if (status != 0) Fail("a child ended with status %x", static_cast<unsigned>(status));
}

sh_gc_stats ReadStats() {
  sh_gc_stats stats;
  sh_gc_read_stats(&stats, sizeof stats);
  return stats;
}

// On a thread that ends, so that no frame of the first one holds what it saw.
uint64_t ShadowBytes(Pool& pool) {
  uint64_t bytes = 0;
  std::thread([&] {
    bytes = sh_gc_size(pool.slots());
    for (unsigned i = 0; i < pool.size(); ++i) {
      auto** const top = static_cast<void**>(detail::LoadPointer(pool.slots() + i));
      pool.graph(i).Check(top);
      bytes += pool.graph(i).ReachableBytes(top);
    }
  }).join();
  return bytes;
}

uint64_t MarkedBytes() {
  for (int i = 0; i < 3; ++i) {  // what is destroyed later dies in the second cycle
    sh_gc_collect();
    sh_gc_drain_finalizers(60'000'000'000);
  }
  sh_gc_collect();
  return ReadStats().marked_bytes;
}

// What the shadows know as dead, and what keeps it.
void NameExcess(const Pool& pool) {
  constexpr unsigned kMost = 20;
  unsigned named = 0;
  for (unsigned i = 0; i < pool.size(); ++i) {
    named += pool.graph(i).NameKeepersOfDead(kMost - named);
  }
}

uint64_t Storm(Pool& pool, const Options& options) {
  const double end = SecondsNow() + options.seconds;
  std::vector<std::thread> places;
  for (unsigned i = 0; i < options.threads; ++i) {
    places.emplace_back(RunPlace, std::ref(pool), options.seed * 64 + i, end);
  }
  places.emplace_back(Disturb, end);
  const bool by_hand = strcmp(options.mode, "triggered") != 0 && strcmp(options.mode, "young") != 0;
  uint64_t rounds = 0;
  for (; SecondsNow() < end; ++rounds) {
    if (by_hand && sh_gc_verify() != 0) Fail("objects were lost");
    if (rounds % 64 == 63) ForkOnce(pool);
    usleep(!by_hand || rounds % 3 == 0 ? 20'000 : 100);  // and cycles that nobody asks for
  }
  sh_gc_blocking_begin();
  for (std::thread& place : places) place.join();
  sh_gc_blocking_end();
  return by_hand ? rounds : ReadStats().cycles;
}

// Of a graph that was dropped this frame still has an object.
[[gnu::noinline]] unsigned KeepOneOf(ShadowGraph& graph, void** top) {
  for (unsigned i = 0; i < kStepsPerTurn; ++i) graph.Step(top);  // nobody may have worked on it
  void* volatile kept = graph.Drop(top);
  graph.Check(top);
  const unsigned named = graph.NameKeepersOfDead(1);
  sh_gc_keep_alive(kept);
  return named;
}

constexpr uint64_t kBallast = 4 << 20;

// What makes the heap large enough for young marks. It lives for ever.
void TakeBallast() {
  static sh_layout bytes{};
  bytes.size = 1;
  if (sh_gc_root_new(sh_gc_new(&bytes, kBallast)) == nullptr) Fail("no memory");
}

// When nobody allocates, marks do not stay, and stores are cheap again; or the patience ends.
void AwaitCheapStores() {
  while (__atomic_load_n(&sh_inline_v1.barrier_on, __ATOMIC_RELAXED) != 0) usleep(10'000);
}

int Run(const Options& options) {
  signal(SIGUSR1, [](int) {});
  if (sh_gc_attach() != 0) Fail("no memory");
  const bool is_young = strcmp(options.mode, "young") == 0;
  if (is_young || strcmp(options.mode, "precise") == 0) ShadowGraph::SearchNothing();
  if (is_young) ShadowGraph::TraceNothing();
  if (is_young) TakeBallast();
  // Never destroyed: what dies at the end is cleaned up by another thread, whenever it comes to it.
  static Pool& pool = *new Pool(options.threads + 2, options.seed);
  const uint64_t cycles = Storm(pool, options);
  uint64_t shadow = ShadowBytes(pool);
  if (is_young) AwaitCheapStores();
  const uint64_t marked = MarkedBytes() - (is_young ? kBallast : 0);
  shadow = ShadowBytes(pool);
  const double ratio = static_cast<double>(marked) / static_cast<double>(shadow);
  const sh_gc_stats stats = ReadStats();
  if (cycles == 0) Fail("no cycle was verified");
  if (strcmp(options.mode, "kept") == 0) {
    auto** const top = static_cast<void**>(detail::LoadPointer(pool.slots()));
    if (KeepOneOf(pool.graph(0), top) == 0) Fail("nobody keeps what this frame has");
  }
  if (ratio > 1.05) NameExcess(pool);
  if (ratio > 1.05 || ratio < 1) Fail("%lu bytes live, %lu in the shadows", marked, shadow);
  return Succeed("%lu turns, %lu steps, %lu cycles verified of %lu, live %.4f of the shadows' %lu",
                 turns_done.load(), steps_done.load(), cycles, stats.cycles, ratio, shadow);
}

}  // namespace
}  // namespace spanheap::stress

int main(int argc, char** argv) {
  return spanheap::stress::Supervise(argc, argv, {.seconds = 3, .threads = 8},
                                     "Changes graphs of collected objects in many threads, beside "
                                     "shadows of them, with the mark verifier on.\n"
                                     "modes: triggered, precise, young, kept (see the file)",
                                     spanheap::stress::Run);
}
