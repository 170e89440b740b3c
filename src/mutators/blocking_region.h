// SPDX-License-Identifier: MIT
//
// BlockingRegion: a scope in which the calling thread touches nothing of the collected heap, so
// that stopping it costs nothing and disturbs nothing: around waits, and around the collector's
// own work.
//
// Idea.    The registers that calls preserve, and where the stack begins, are written down on the
//          way in. On the way out the thread waits if somebody holds it.
// Limits.  No pointer to a collected object is read, written, or moved inside. What the function
//          that opens the region has in registers was saved.
// Threads. The calling thread; one that is no mutator, or is parked already, passes through.
// Cost.    Some 50 words copied and two exchanges; no system call unless somebody holds the
//          thread.
#pragma once

#include "mutators/handshake.h"
#include "mutators/mutator.h"

// Of a function that is never inlined: the first address on the stack that its caller owns.
#define SPANHEAP_CALLER_FRAME() \
  (static_cast<const void*>(static_cast<char*>(__builtin_frame_address(0)) + 2 * sizeof(void*)))

namespace spanheap {

// Both return whether the thread was running, and so has to go on running.
SPANHEAP_NOINLINE bool BeginBlocking();
void EndBlocking(bool was_running);

// The same for calls that nest, with the first address on the stack that the caller's caller owns.
void BeginNestedBlocking(Mutator& self, const void* frame);
void EndNestedBlocking(Mutator& self);
// However many there are: the thread ends in one. It may wait, as at any end.
void EndAllBlocking(Mutator& self);

class BlockingRegion {
 public:
  BlockingRegion() : was_running_(BeginBlocking()) {}
  ~BlockingRegion() { EndBlocking(was_running_); }
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;

 private:
  const bool was_running_;
};

}  // namespace spanheap
