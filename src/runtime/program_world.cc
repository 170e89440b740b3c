// SPDX-License-Identifier: MIT
#include "runtime/program_world.h"

#include "base/annotations.h"
#include "base/check.h"
#include "mutators/barrier.h"
#include "mutators/stop_the_world.h"
#include "runtime/heap_section.h"

namespace spanheap {
namespace {

using collected::HeapThread;
using collected::Marker;
using collected::RootBytes;
using collected::RootWord;

constexpr unsigned kPagesPerJob = 16;  // some 7000 roots: tens of microseconds

// Words that are given away one by one, with where they are.
struct WordVisit {
  collected::World::VisitWord visit;
  void* context;
  RootWord root;

  SPANHEAP_NO_SANITIZE void Words(os::WordSpan words) {
    for (const uintptr_t* at = words.begin; at != words.end; ++at) {
      root.word = *at;
      root.at = reinterpret_cast<uintptr_t>(at);
      visit(context, root);
    }
  }
  static void Ranges(const WordRanges& ranges, void* self) {
    for (const os::WordSpan& words : ranges) static_cast<WordVisit*>(self)->Words(words);
  }
};

void VisitThread(const Mutator& mutator, WordVisit& call) {
  const void* const context = mutator.context;
  const uintptr_t* general = nullptr;
  const uintptr_t* vectors = nullptr;
  call.root = {0, 0, RootWord::Place::kStack, mutator.thread_id, mutator.stack_pointer};
  if (context != nullptr) {
    general = os::GeneralRegisters(context).begin;
    vectors = os::VectorRegisters(context).begin;
    call.root.stack_pointer = os::StackStart(context);
  }
  for (const os::WordSpan& words : mutator.Words()) {
    const bool is_saved = words.begin == general || words.begin == vectors ||
                          words.begin == static_cast<const uintptr_t*>(mutator.frames.words);
    call.root.place = is_saved ? RootWord::Place::kRegisters : RootWord::Place::kStack;
    call.Words(words);
  }
}

}  // namespace

// Stopped in one function, started in another: the analysis sees one function at a time.
void ProgramWorld::Stop() NO_THREAD_SAFETY_ANALYSIS {
  mutators_.StopWorld(__builtin_frame_address(0));
}
void ProgramWorld::Start() NO_THREAD_SAFETY_ANALYSIS { mutators_.StartWorld(); }

void ProgramWorld::ForEach(Visit visit, void* context) {
  for (HeapThread* at = records_.LoadAcquire(); at != nullptr; at = at->older) {
    if (at->in_use.LoadAcquire()) visit(context, *at);
  }
}

void ProgramWorld::Handshake(Visit visit, void* context) {
  struct Call {
    ProgramWorld* world;
    Visit visit;
    void* context;
    HeapThread* thread;
  } call{this, visit, context, nullptr};
  mutators_.RaggedBarrier(
      [](Mutator& mutator, void* argument) {
        auto& to = *static_cast<Call*>(argument);
        to.thread = static_cast<HeapThread*>(&mutator);
        to.world->InSection(
            [](void* inner) {
              auto& made = *static_cast<Call*>(inner);
              made.visit(made.context, *made.thread);
            },
            argument);
      },
      &call);
}

void ProgramWorld::InSection(void (*work)(void*), void* context) {
  const HeapSection section;
  work(context);
}

void ProgramWorld::SetBarrier(bool on) NO_THREAD_SAFETY_ANALYSIS {
  if (on) mutators_.RestartInterruptedStores();
  spanheap::SetBarrier(on);
  has_copy_ = false;
  if (!on) mutators_.EndEpoch();
}

uint32_t ProgramWorld::ListRoots() {
  ++epoch_;
  mutators_.BeginEpoch(epoch_);
  next_page_.StoreRelease(slabs_.first_page());
  const auto pages = static_cast<uint32_t>(slabs_.page_count());
  page_jobs_ = (pages + kPagesPerJob - 1) / kPagesPerJob;
  CopyStacks();
  return 1 + page_jobs_ + mutators_.count();
}

SPANHEAP_NO_SANITIZE void ProgramWorld::Copy(const WordRanges& ranges, void* self) {
  auto& world = *static_cast<ProgramWorld*>(self);
  const PageTables& tables = runtime.pages.tables();
  const bool is_linear = runtime.pages.is_linear();
  SPANHEAP_CHECK(ranges.total_words() <= kMostCopied - world.copied_);
  for (const os::WordSpan& words : ranges) {
    for (const uintptr_t* at = words.begin; at != words.end; ++at) {
      const bool may_be = *at - tables.base.value < tables.linear_bytes || !is_linear;
      if (may_be) world.copy_[world.copied_++] = *at;
    }
  }
}

// Once in a mark: a forked child goes on with its parent's copy, of threads that it has not, too.
void ProgramWorld::CopyStacks() NO_THREAD_SAFETY_ANALYSIS {
  if (has_copy_) return;
  looked_at_ = copied_ = 0;  // also where none is made: MarkCopied marks what is there
  if (layouts_.has_searched()) return;
  has_copy_ =
      mutators_.ScanStopped(epoch_, kMostCopied * sizeof(uintptr_t), &Copy, this, looked_at_);
}

uint64_t ProgramWorld::MarkCopied(Marker& marker) {
  const HeapSection section;
  const auto low = reinterpret_cast<uintptr_t>(copy_);
  marker.ShadeRange(low, low + copied_ * sizeof(uintptr_t));
  return looked_at_;
}

RootBytes ProgramWorld::MarkRoots(uint32_t job, Marker& marker) {
  if (job == 0) return {.stacks = MarkCopied(marker)};
  if (job <= page_jobs_) return {.others = MarkRootPages(marker)};
  RootBytes bytes;
  MarkOneThread(marker, bytes);  // none is left if one ended
  return bytes;
}

// Pages that were added since the jobs were listed come with the others: no harm.
uint64_t ProgramWorld::MarkRootPages(Marker& marker) {
  uint64_t bytes = 0;
  for (unsigned i = 0; i < kPagesPerJob; ++i) {
    RootPage* page = next_page_.LoadAcquire();
    while (page != nullptr && !next_page_.CompareExchange(page, page->next)) {}
    if (page == nullptr) break;
    const HeapSection section;
    const auto low = reinterpret_cast<uintptr_t>(page->slots);
    marker.ShadeRange(low, low + sizeof page->slots);
    bytes += sizeof page->slots;
  }
  return bytes;
}

// Threads, stacks of fibers, slices of ranges: whatever is next.
bool ProgramWorld::MarkOneThread(Marker& marker, RootBytes& bytes) {
  const auto shade = [](const WordRanges& ranges, void* argument) {
    const HeapSection section;
    for (const os::WordSpan& words : ranges) {
      static_cast<Marker*>(argument)->ShadeRange(reinterpret_cast<uintptr_t>(words.begin),
                                                 reinterpret_cast<uintptr_t>(words.end));
    }
  };
  return mutators_.ScanNextStack(epoch_, shade, &marker, bytes.stacks) ||
         mutators_.ranges().ScanNext(shade, &marker, bytes.others);
}

// Stacks of fibers and ambiguous ranges are scanned once in each epoch: a new one begins.
void ProgramWorld::VisitRoots(VisitWord visit, void* context) NO_THREAD_SAFETY_ANALYSIS {
  WordVisit call{visit, context, {}};
  mutators_.ForEach([&](Mutator& mutator) { VisitThread(mutator, call); });
  slabs_.ForEachPage([&](const RootPage& page) {
    call.root = {0, 0, RootWord::Place::kRoot, 0, 0};
    const auto* const slots = reinterpret_cast<const uintptr_t*>(page.slots);
    call.Words({slots, slots + RootPage::kSlots});
  });
  mutators_.BeginEpoch(++epoch_);
  uint64_t bytes = 0;
  call.root.place = RootWord::Place::kLeftStack;
  while (mutators_.stacks().ScanNext(&WordVisit::Ranges, &call, bytes)) {}
  call.root.place = RootWord::Place::kRange;
  while (mutators_.ranges().ScanNext(&WordVisit::Ranges, &call, bytes)) {}
  mutators_.EndEpoch();
}

bool ProgramWorld::MarkLateThread(Marker& marker) {
  RootBytes bytes;
  return MarkOneThread(marker, bytes);
}

}  // namespace spanheap
