// SPDX-License-Identifier: MIT
#include "interleaving.h"

#include <ucontext.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace spanheap::model {
namespace {

constexpr size_t kStackBytes = 16 << 10;
constexpr size_t kFrameBytes = 512;  // more than the frame of the function that switches

// Added for each step, so that a fiber that has learnt nothing is still known to have gone on.
constexpr uint64_t kPosition = 0x517CC1B727220A95;

struct Hash {
  uint64_t low = 0x243F6A8885A308D3;
  uint64_t high = 0x13198A2E03707344;

  void Add(uint64_t value) {
    low = (low ^ value) * 0x9E3779B97F4A7C15;
    low ^= low >> 29;
    high = (high + value) * 0xC2B2AE3D27D4EB4F;
    high ^= high >> 31;
  }
  void AddBytes(std::span<const std::byte> bytes) {
    for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
      uint64_t word = 0;
      memcpy(&word, &bytes[i], std::min(sizeof word, bytes.size() - i));
      Add(word);
    }
  }
  bool operator==(const Hash&) const = default;
};
struct HashOfHash {
  size_t operator()(const Hash& hash) const { return hash.low; }
};

struct Fiber {
  jmp_buf at;
  Hash known;
  uint64_t operations = 0;
  const bool* waits_for = nullptr;
  size_t stack_from = 0;  // bytes of the stack below this one are not in use
  bool is_done = false;
  alignas(64) std::array<std::byte, kStackBytes> stack;

  // The caller, and who called it, will go on from here.
  void NoteStack(const void* frame) {
    const auto depth = static_cast<size_t>(static_cast<const std::byte*>(frame) - stack.data());
    if (depth < kFrameBytes || depth > kStackBytes) abort();  // the stack is too small
    stack_from = depth - kFrameBytes;
  }
  bool can_run() const { return !is_done && (waits_for == nullptr || !*waits_for); }
};

using Fibers = std::array<Fiber, kThreads>;

void CopyFibers(const Fibers& from, Fibers& to) {
  for (unsigned i = 0; i < kThreads; ++i) {
    const size_t used = kStackBytes - from[i].stack_from;
    memcpy(static_cast<void*>(&to[i]), &from[i], offsetof(Fiber, stack));
    memcpy(&to[i].stack[from[i].stack_from], &from[i].stack[from[i].stack_from], used);
  }
}

class Explorer;
Explorer* explorer = nullptr;
Fiber* running = nullptr;

class Explorer {
 public:
  explicit Explorer(const Program& program)
      : program_(program), fibers_(std::make_unique<Fibers>()) {
    explorer = this;
  }
  ~Explorer() { explorer = nullptr; }

  Outcome Run() {
    for (unsigned i = 0; i < kThreads; ++i) Start(i);
    Visit();
    return outcome_;
  }

  __attribute__((noinline)) void Switch() {
    running->known.Add(kPosition);
    running->NoteStack(__builtin_frame_address(0));
    if (_setjmp(running->at) == 0) _longjmp(scheduler_, 1);
  }
  void Body(unsigned thread) {
    Switch();
    program_.run(thread);
    running->is_done = true;
    running->known = Hash();
    _longjmp(scheduler_, 1);
  }
  void Fail(const char* rule) {
    if (outcome_.failure.empty()) {
      outcome_.failure = std::string(rule) + " after";
      for (const char c : path_) outcome_.failure += std::string(" ") + c;
    }
    if (running != nullptr) _longjmp(scheduler_, 1);
  }
  void AddGuarded(Hash& hash) const { hash.AddBytes(program_.guarded); }

 private:
  struct Snapshot {
    Fibers fibers;
    std::vector<std::byte> shared;
  };

  void Start(unsigned thread);
  void Visit();
  bool IsNew();
  void End();

  // Runs the thread up to where it is about to make its next step.
  void Resume(unsigned thread) {
    running = &(*fibers_)[thread];
    if (_setjmp(scheduler_) == 0) _longjmp(running->at, 1);
    running = nullptr;
  }
  // One snapshot for each depth of the search, used again and again.
  const Snapshot& Save() {
    const size_t depth = path_.size();
    while (snapshots_.size() <= depth) {
      snapshots_.push_back(std::make_unique_for_overwrite<Snapshot>());
    }
    Snapshot& snapshot = *snapshots_[depth];
    CopyFibers(*fibers_, snapshot.fibers);
    snapshot.shared.assign(program_.shared.begin(), program_.shared.end());
    return snapshot;
  }
  void Restore(const Snapshot& snapshot) {
    CopyFibers(snapshot.fibers, *fibers_);
    memcpy(program_.shared.data(), snapshot.shared.data(), snapshot.shared.size());
  }

  const Program& program_;
  std::unique_ptr<Fibers> fibers_;
  jmp_buf scheduler_;
  std::unordered_set<Hash, HashOfHash> seen_;
  std::vector<std::unique_ptr<Snapshot>> snapshots_;
  std::string path_;  // the thread chosen at each depth
  Outcome outcome_;
};

void Enter(int thread) { explorer->Body(static_cast<unsigned>(thread)); }

void Explorer::Start(unsigned thread) {
  running = &(*fibers_)[thread];
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = running->stack.data();
  context.uc_stack.ss_size = running->stack.size();
  context.uc_link = nullptr;
  makecontext(&context, reinterpret_cast<void (*)()>(Enter), 1, static_cast<int>(thread));
  if (_setjmp(scheduler_) == 0) setcontext(&context);
  running = nullptr;
}

bool Explorer::IsNew() {
  Hash hash;
  hash.AddBytes(program_.shared);
  for (const Fiber& fiber : *fibers_) {
    hash.Add(fiber.known.low);
    hash.Add(fiber.known.high);
    hash.Add(fiber.operations << 1 | (fiber.is_done ? 1 : 0));
  }
  return seen_.insert(hash).second;
}

void Explorer::End() {
  for (const Fiber& fiber : *fibers_) {
    if (!fiber.is_done) return Fail("every thread can go on or is done");
  }
  ++outcome_.ends;
  program_.check_end();
}

void Explorer::Visit() {
  program_.check();
  if (!outcome_.failure.empty() || !IsNew()) return;
  ++outcome_.states;
  const Snapshot& here = Save();
  bool is_end = true;
  for (unsigned i = 0; i < kThreads; ++i) {
    if (!(*fibers_)[i].can_run()) continue;
    is_end = false;
    path_.push_back(static_cast<char>('0' + i));
    Resume(i);
    if (outcome_.failure.empty()) Visit();
    if (!outcome_.failure.empty()) return;
    path_.pop_back();
    Restore(here);
  }
  if (is_end) End();
}

}  // namespace

void Step() {
  if (running != nullptr) explorer->Switch();
}

void StepUntilFree(const bool* is_held) {
  if (running == nullptr) return;
  running->waits_for = is_held;
  explorer->Switch();
  running->waits_for = nullptr;
}

void Saw(uint64_t value) {
  if (running != nullptr) running->known.Add(value);
}

void SawGuarded() {
  if (running != nullptr) explorer->AddGuarded(running->known);
}

void KnowsOnly(const char* where, uint64_t value) {
  if (running == nullptr) return;
  running->known = Hash();
  running->known.Add(reinterpret_cast<uintptr_t>(where));
  running->known.Add(value);
}

void OperationEnds(uint64_t value) {
  if (running == nullptr) return;
  KnowsOnly("between operations", value);
  ++running->operations;
}

void Fail(const char* rule) { explorer->Fail(rule); }

Outcome Explore(const Program& program) { return Explorer(program).Run(); }

}  // namespace spanheap::model
