// SPDX-License-Identifier: MIT
#include "mutators/inline_data.h"

#include <atomic>

#include "base/atomic.h"
#include "mutators/barrier.h"
#include "sync/stop_delay.h"

constinit sh_inline_data_v1 sh_inline_v1{};
constinit __thread char* sh_inline_words_v1 = nullptr;

namespace spanheap {

constinit PageNotes page_notes{};

namespace {

constinit Atomic<InlineMirror*> mirrors{nullptr};

void SetFlag(uint32_t flag) {
  std::atomic_ref<uint32_t>(sh_inline_v1.barrier_on).store(flag, std::memory_order_seq_cst);
  for (const InlineMirror* m = mirrors.LoadSequential(); m != nullptr; m = m->next) {
    std::atomic_ref<uint32_t>(m->copy->barrier_on).store(flag, std::memory_order_seq_cst);
  }
}

}  // namespace

void SetBarrier(bool on) { SetFlag(on ? kRemembersBoth : kRemembersNothing); }

void SetNoting(const PageNotes& notes) {
  if (page_notes.bytes == 0) page_notes = notes;  // once: others may read it
  SetFlag(kNotesPages);
}

// Either SetBarrier finds the mirror in the list, or this finds the flag that SetBarrier has set.
void MirrorInline(InlineMirror& mirror) noexcept {
  const StopDelay delay;
  mirror.next = mirrors.LoadAcquire();
  while (!mirrors.raw().compare_exchange_weak(mirror.next, &mirror, std::memory_order_seq_cst)) {}
  if (std::atomic_ref<uint32_t>(sh_inline_v1.barrier_on).load(std::memory_order_seq_cst) !=
      kRemembersNothing) {
    std::atomic_ref<uint32_t>(mirror.copy->barrier_on)
        .store(kRemembersBoth, std::memory_order_seq_cst);
  }
  mirror.set_words(sh_inline_words_v1);
}

void SetInlineWords(char* words) {
  sh_inline_words_v1 = words;
  for (const InlineMirror* m = mirrors.LoadAcquire(); m != nullptr; m = m->next) {
    m->set_words(words);
  }
}

}  // namespace spanheap
