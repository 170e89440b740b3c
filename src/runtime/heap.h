// SPDX-License-Identifier: MIT
//
// What a face may ask of the heap. Plain pointers and sizes: this is the border of the units.
//
// Threads. Any thread, at any time: before main, in a thread's last destructor, after exit.
// Fails.   Allocation returns null and leaves errno alone; setting ENOMEM, throwing and calling
//          new-handlers is the face's business. Misuse of a pointer ends the process (base/fatal.h)
//          with the name in `call` on the line.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spanheap {
struct HeapReport;
}

namespace spanheap::heap {

// Starts the heap if it has not started yet: the first call that needs it does so, too. False: the
// OS gives no address space now.
bool Start();
// For the time before the dynamic linker has filled the first thread's variables: malloc and free
// work, until it does so.
void PrepareThreadBeforeTls();

// No block is larger: pointers within one must have differences that fit.
inline constexpr size_t kMaxBlock = PTRDIFF_MAX;
// Every block's start is a multiple of it.
inline constexpr size_t kMinAlignment = 16;
inline constexpr size_t kMaxAlignment = size_t{1} << 30;

// A block of at least n bytes (n = 0: a block of its own all the same).
void* Allocate(size_t n);
// The same from what this thread has kept, or null: call Allocate. The usual case of blocks that
// are too large for the fast path and come and go; nothing has grown then.
void* TryAllocateKept(size_t n);
// The same for an n from 1 to 32 MiB that can be done without: null where memory would have to be
// given up for it. Nothing is given back then, nothing said, and no callback called.
void* TryAllocateRun(size_t n);
// The same, its n bytes zero.
void* AllocateZeroed(size_t n);
// `alignment` is a power of two up to kMaxAlignment; above it: null.
void* AllocateAligned(size_t alignment, size_t n);
// Grows or shrinks in place where it can, else moves. p is not null, n is not 0.
// Null on failure: the old block is untouched then.
void* Reallocate(void* p, size_t n, const char* call);

// p may be null. Outside of everything such a call, too, may start that thread (AfterAllocation);
// caller null: it does not.
void Free(void* p, const char* call, const void* caller = nullptr);
// As Free, but the caller states the size (alignment) it asked for; it is checked where that costs
// nothing, and always at verify level 2. alignment 0: not stated.
void FreeSized(void* p, size_t n, size_t alignment, const char* call, const void* caller = nullptr);

// Bytes the program may use at p: constant for a block's life. 0 for null, for a foreign pointer
// that is to be ignored, and for a block of more than 32 MiB when asked by a signal handler that
// interrupted one of its own thread's slow paths.
size_t UsableSize(const void* p, const char* call);
// The usable size a request of n (at an alignment) would get; 0 if n is too large.
size_t GoodSize(size_t n);
size_t GoodSizeAligned(size_t alignment, size_t n);
// True if p lies in memory of this heap (live or not).
bool Owns(const void* p);

// To be called by faces at the end of a slow path of malloc, calloc or new that the code at
// `caller` called, outside of everything: may start the thread that gives memory back.
void AfterAllocation(const void* caller);

// Frees what was freed on this thread while it was in a slow path, as by destructors that run while
// collected objects are swept. Cost: two loads if there is nothing.
void FreeDeferred();

// Gives all free memory beyond `keep` bytes back to the OS; true if any went back.
bool Trim(size_t keep);

// The calling thread's free blocks and pages go back to where every thread may take them.
void FlushThreadCache();

// Counts everything now. Exact when no other thread uses the heap.
void ReadReport(HeapReport& report);
// A report that is counted by the first look at it and by NextEpoch only (runtime/epoch_report.h).
// `look` must not call the heap.
using EpochLook = void (*)(const HeapReport& report, void* context);
void LookAtEpoch(EpochLook look, void* context);
uint64_t NextEpoch();  // its number
uint64_t Epoch();
// Checks pages, spans, the shelf and the calling thread's cache against one another; the heap must
// be quiet. Aborts on the first contradiction, returns the number of live blocks otherwise.
uint64_t Verify();

// Options by name (runtime/options.h lists them). False: no such name, or a bad value.
bool SetOption(const char* name, const char* value);
bool GetOption(const char* name, char* value, size_t capacity);

// What is called when the option hardlimit refuses an allocation (runtime/limits.h); null: nothing.
// False: there is no memory to note it.
using LimitCallback = int (*)(size_t wanted, size_t counted, size_t limit, void* context);
bool SetLimitCallback(LimitCallback callback, void* context);

// Fork: between the two calls only the calling thread touches the heap.
void BeforeFork();
void AfterForkInParent();
void AfterForkInChild();

}  // namespace spanheap::heap
