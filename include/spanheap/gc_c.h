/* SPDX-License-Identifier: MIT
 *
 * gc_c.h: the collected heap in C (C11 and C++): objects that nobody frees. For language runtimes;
 * C++ programs use spanheap/gc.h, which is made of these calls.
 *
 * Idea.    An object lives as long as a thread's stack or registers, a root, or a live object holds
 *          its address or an address inside of it. Stacks are searched conservatively: every word
 *          that could be an address counts. Objects are scanned as their sh_layout says. Nothing
 *          moves. Marking runs beside the program, so each store of a pointer into an object or a
 *          root goes through sh_gc_store or one of its kin (spanheap/detail/barrier.h has them
 *          inline). Reading is plain.
 * Threads. Every function may be called by any thread outside of signal handlers, sh_visitor
 *          callbacks and destructors that run at sweep, unless it says otherwise. A thread is known
 *          from its first call here (sh_gc_attach says it early); a thread that is not known must
 *          hold no pointer into the heap. One thread hands a pointer to another through a root, a
 *          field or a word that is written by sh_gc_store: a plain store into a frame of another
 *          thread, which may have been searched already, keeps nothing. The collector stops
 *          threads by a signal: SIGURG, or, if the program has a handler for that before the first
 *          call here, the highest real-time signal for which it has none. From then on that signal
 *          is neither given another action, nor blocked for long, nor waited for by sigwait outside
 *          of a blocking region.
 * Fails.   What needs memory says what it returns without it. Arguments that a call refuses, as it
 *          says, leave EINVAL in errno and change nothing. Any other misuse that is noticed ends
 *          the process with one line on stderr.
 * Units.   Bytes and nanoseconds where nothing else is said.
 * Cost.    The heap starts with the first call; a program that makes none pays nothing.
 */
#ifndef SPANHEAP_GC_C_H
#define SPANHEAP_GC_C_H

#include <stddef.h>
#include <stdint.h>

#include "spanheap/spanheap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Layouts: what the collector knows of a type -------------------------------------------- */

/* How an object is scanned. */
enum {
  SH_SCAN_NONE = 0,         /* it holds no pointer into the heap: never read by the collector */
  SH_SCAN_PRECISE = 1,      /* pointer_bits says which words are pointers */
  SH_SCAN_CONSERVATIVE = 2, /* any aligned word may be a pointer */
  SH_SCAN_TRACED = 3        /* trace() names the pointers, for each element */
};

enum {
  SH_FINALIZE_LATER = 1,    /* destroy() runs on the finalizer thread; may touch anything: what
                               the object reaches is there, though it may have been destroyed */
  SH_FINALIZE_AT_SWEEP = 2, /* destroy() runs during sweep, on any thread: it must neither touch
                               another object of the heap nor call a function of this header, nor
                               wait for a lock under which somebody calls one. free() is allowed;
                               malloc() has a small reserve only, where it is this heap's */
  SH_AMBIGUOUS_WORDS = 4    /* words of pointer_bits may hold what is no pointer (unions) */
};

/* Given to trace(): where it tells what it finds. Lives as long as the call. */
typedef struct sh_visitor sh_visitor;

/* A type. The structure and what it points to live for ever, for the heap keeps its address;
 * one structure per type, or as many as come about. All but the last two are constant. An unknown
 * kind, and null where the kind needs pointer_bits or trace, end the process at sh_gc_new. */
typedef struct sh_layout {
  size_t size;                  /* of one element; a multiple of 8 if kind is SH_SCAN_PRECISE */
  uint32_t kind;                /* SH_SCAN_... */
  uint32_t flags;               /* SH_FINALIZE_... | SH_AMBIGUOUS_WORDS */
  const uint64_t* pointer_bits; /* SH_SCAN_PRECISE: bit i % 64 of word i / 64 says that the eight
                                   bytes at offset 8 * i of each element are a pointer */
  /* SH_SCAN_TRACED: calls sh_gc_visit for each pointer in the element, beside the program: it only
   * reads, takes no lock, copes with an element that is zero, half built or just changing. A count
   * it goes by is raised before a pointer is stored, and lowered after that was cleared. */
  void (*trace)(const void* element, sh_visitor* visitor);
  void (*destroy)(void* element); /* ends one element; see sh_gc_set_destructor */
  const char* name;               /* for reports; may be null */
  uint32_t id;                    /* the heap's; starts as 0 */
  uint32_t place;                 /* likewise */
} sh_layout;

/* From trace() only: `address` (or null, or any other value) is held by the element. */
void sh_gc_visit(sh_visitor* visitor, const void* address) SH_NOTHROW;
/* From trace() only: each of `words` aligned words from `first` on may be a pointer. */
void sh_gc_visit_words(sh_visitor* visitor, const void* first, size_t words) SH_NOTHROW;

/* ---- Objects -------------------------------------------------------------------------------- */

/* A new object of `count` elements of this layout, all bytes zero, at a multiple of 16 if its bytes
 * are one, else of 8 (of 4, 2, 1 below 8 bytes and without pointers). Null, and errno ENOMEM: too
 * many elements, a heap that cannot start, which a line says, or no memory, after a whole cycle and
 * a call of sh_set_limit_callback's function. `count` may be 0. Cost: some 20 instructions for a
 * small object; a thread that allocates while the collector marks does a share of the marking
 * here. */
void* sh_gc_new(sh_layout* layout, size_t count) SH_NOTHROW;

/* Hint: nobody uses the object any more. A destructor that was set runs now, on this thread; weak
 * handles become null; cleanups are queued; the memory is reused at once, or, of objects that are
 * deleted while the collector marks, and of those of 16 bytes and less without pointers, after it.
 * Of an object that was found dead before, what is queued runs once, when its turn comes, and the
 * memory stays until then; so does that of others in the same pages while something is queued for
 * one of them. Null is allowed. Any use of the object afterwards is the caller's
 * mistake. A block of malloc ends the process with one line, as a collected object does in free. */
void sh_gc_delete(void* object) SH_NOTHROW;

/* The start of the live object at or around `address`; null if there is none. Cost: about that of
 * three loads. */
void* sh_gc_base(const void* address) SH_NOTHROW;
/* Bytes that belong to the object at or around `address`, at least what was asked for and zero
 * beyond that; 0 if there is none. */
size_t sh_gc_size(const void* address) SH_NOTHROW;

/* Bytes that the object holds elsewhere (a buffer of malloc, a mapping) count as its size for the
 * pace of collection. Adds `bytes`, which may be negative, to what was said before; at the object's
 * death all of it is taken off. No object's sum goes below 0, nor all together beyond 2^50: what is
 * more does not count. Returns 0, or -1 with errno ENOMEM, or EINVAL: no such object. */
int sh_gc_adjust_external(void* object, int64_t bytes) SH_NOTHROW;

/* Does nothing; the object lives at least until here. */
static inline void sh_gc_keep_alive(const void* object) {
  __asm__ volatile("" : : "r"(object) : "memory");
}

/* What the collector sees at an aligned address where a pointer is to be stored. */
enum {
  SH_PLACE_UNSEEN = 0, /* no part of anything that is scanned: a pointer there keeps nothing */
  SH_PLACE_STACK = 1,  /* a stack of a known thread */
  SH_PLACE_OBJECT = 2, /* a live object, at a word that is scanned */
  SH_PLACE_ROOT = 3,   /* a root or a range of sh_gc_add_range */
  SH_PLACE_HOLE = 4    /* a live object, but at a word that its layout does not name */
};
/* For checks in debug builds. Up to 1 us for objects and the caller's own stack; what lies
 * elsewhere is looked for among all roots and threads, and may wait for a stop to end. */
int sh_gc_place(const void* address) SH_NOTHROW;

/* ---- Stores -------------------------------------------------------------------------------------
 *
 * `slot` is an aligned word in an object or a root (a stack is allowed); of a pointer to anything
 * but void it is given as (void**)&cell->next. Each call is atomic with respect to the collector;
 * the order is that of the C++ memory orders named.
 */

/* *slot = value, relaxed. */
void sh_gc_store(void** slot, void* value) SH_NOTHROW;
/* *slot = value, release. */
void sh_gc_store_release(void** slot, void* value) SH_NOTHROW;
/* Sets the slot, returns what it held; sequentially consistent. */
void* sh_gc_exchange(void** slot, void* value) SH_NOTHROW;
/* If the slot holds *expected it becomes `value`: returns 1; else *expected becomes what it holds:
 * returns 0. Sequentially consistent; never fails without a reason. */
int sh_gc_compare_exchange(void** slot, void** expected, void* value) SH_NOTHROW;
/* memmove of `count` words, pointers among them, from `values` to `slots`; null `values`: the slots
 * become 0. */
void sh_gc_store_many(void** slots, void* const* values, uint64_t count) SH_NOTHROW;

/* ---- Roots ---------------------------------------------------------------------------------- */

/* One pointer outside of stacks and objects that keeps its object alive. Read `value` as you like;
 * write it with sh_gc_store(&root->value, ...). */
typedef struct sh_gc_root {
  void* value;
} sh_gc_root;

/* A root that holds `value`; null: no memory. Cost: a lock for a few instructions. */
sh_gc_root* sh_gc_root_new(const void* value) SH_NOTHROW;
/* Ends it, on any thread. Null is allowed. */
void sh_gc_root_free(sh_gc_root* root) SH_NOTHROW;

/* From now on each aligned word of [low, high) may be a pointer that keeps its object alive. The
 * memory stays readable until it is removed. Stores into it go through sh_gc_store. Ranges do not
 * overlap. Returns 0, or -1 with errno ENOMEM. Cost: a lock; meant for hundreds of ranges. */
int sh_gc_add_range(void* low, void* high) SH_NOTHROW;
/* Takes back exactly that range; returns after the collector has left it. */
void sh_gc_remove_range(void* low, void* high) SH_NOTHROW;

/* ---- Death: weak handles, cleanups, finalizers, destructors -------------------------------------
 *
 * At the first cycle that finds an object unreachable, in this order: its weak handles become null;
 * if it has a finalizer or a destructor that runs later, the object and all it reaches is kept, and
 * that is queued; else its cleanups are queued and it is gone. A stale word on a stack can put this
 * off for as long as it stays there. Objects of less than 16 bytes without pointers and without
 * layout->destroy may share 16 bytes: they die together, and but for the first of them none is the
 * start of an object. What runs on the finalizer thread returns: if it ends the thread instead
 * (pthread_exit) or jumps out of it, nothing that is queued runs any more.
 */

/* The weak handle of `address` (in a live object, or null), an object of the heap of its own: keep
 * it as you keep any object. One for each address, until that dies. Null: a null address; or with
 * errno ENOMEM, or EINVAL: no such object. */
void* sh_gc_weak_handle(const void* address) SH_NOTHROW;
/* The address again, or null once its object has been found unreachable. A null handle: null. May
 * sweep a span. */
void* sh_gc_weak_get(const void* handle) SH_NOTHROW;

/* A cleanup that was added. The address is kept hidden, so that it keeps nothing alive. */
typedef struct sh_gc_cleanup {
  uintptr_t hidden;
  uint64_t id; /* never 0 for one that was added */
} sh_gc_cleanup;

/* run(closure) is called once the object is gone; on the finalizer thread, without the object.
 * `closure` may be anything; if it points into the heap, that object is kept until then. It must
 * not lead to `object`, or that never dies; into `object` itself is refused. Any number per object,
 * in no order. An `id` of 0: errno says ENOMEM, or EINVAL: no such object, a closure in it, or a
 * null `run`. */
sh_gc_cleanup sh_gc_add_cleanup(void* object, void (*run)(void* closure), void* closure) SH_NOTHROW;
/* It will not run. Returns 1, or 0: it has run, is queued, or was stopped before. */
int sh_gc_stop_cleanup(sh_gc_cleanup cleanup) SH_NOTHROW;

/* run(object, closure) is called on the finalizer thread when the object is found unreachable for
 * the first time; it may store the object somewhere, and then the object lives on, without
 * finalizer. One per object: a second replaces the first; a null `run` takes it away. `object` is
 * an object's start. Objects with finalizers in a circle are never freed. `closure` as above.
 * Returns 0, or -1 with errno ENOMEM, or EINVAL: not the start of an object, or a closure in it. */
int sh_gc_set_finalizer(void* object, void (*run)(void* object, void* closure),
                        void* closure) SH_NOTHROW;

/* At the object's death layout->destroy is called for each of `count` elements from `object` on,
 * last to first, as layout->flags says; for objects that die in one cycle, circles and chains among
 * them, in no order. To be called when the elements have been constructed; once per object, for
 * each call counts: a second one is not noticed, and ends the elements twice. Not at the end of the
 * process. Returns 0, or -1 with errno ENOMEM, or EINVAL: `object` is not the start of one, or has
 * not so many elements. A null layout->destroy ends the process. */
int sh_gc_set_destructor(void* object, sh_layout* layout, size_t count) SH_NOTHROW;

/* Waits until all that was queued before this call has run: finalizers, destructors, cleanups.
 * Returns 1, or 0 after `timeout`, or at once on the finalizer thread itself. */
int sh_gc_drain_finalizers(uint64_t timeout_ns) SH_NOTHROW;

/* ---- Threads -------------------------------------------------------------------------------- */

/* The calling thread becomes known to the collector. Returns 0, or -1 with errno ENOMEM. Calls
 * nest: the last sh_gc_detach counts, and does nothing if the thread was known before the first
 * one. Its end detaches it. */
int sh_gc_attach(void) SH_NOTHROW;
/* The thread is forgotten until its next call; its stack must hold no pointer into the heap. Undoes
 * one sh_gc_attach, if there was any. */
void sh_gc_detach(void) SH_NOTHROW;

/* Around a long wait: between the two calls (same thread, same function; they nest) the thread is
 * not stopped and gets no signal, and must neither read, write nor pass on a pointer into the
 * heap. sh_gc_blocking_end waits for a stop that is on. */
void sh_gc_blocking_begin(void) SH_NOTHROW;
void sh_gc_blocking_end(void) SH_NOTHROW;

/* A stack that the program made for a fiber; scanned also while no thread runs on it. */
typedef struct sh_gc_stack sh_gc_stack;
/* [low, high) is a stack of no use yet. Null, with errno ENOMEM, or EINVAL: there is nothing
 * between the two. */
sh_gc_stack* sh_gc_stack_register(void* low, void* high) SH_NOTHROW;
/* No thread runs on it, and none will; its memory is there until this returns. The handle is none
 * any more: to unregister it again, or to switch to it, ends the process, as long as no stack was
 * registered since, which may have got the same handle. */
void sh_gc_stack_unregister(sh_gc_stack* stack) SH_NOTHROW;
/* The stack that the calling thread runs on; its own one has a handle, too. */
sh_gc_stack* sh_gc_stack_current(void) SH_NOTHROW;
/* The next thing the thread does is to switch to `to`: what it leaves, registers and stack, is
 * scanned until some thread switches back. A stack may be continued by another thread. */
void sh_gc_stack_switch(sh_gc_stack* to) SH_NOTHROW;

/* ---- Control -------------------------------------------------------------------------------- */

/* A whole cycle that begins after the call: returns when all that was unreachable is swept.
 * Finalizers and cleanups are queued then (sh_gc_drain_finalizers). A thread of the heap's runs it;
 * where none can be had, which a line says once, the caller does, and who allocates runs the cycles
 * that are due. */
void sh_gc_collect(void) SH_NOTHROW;

/* The heap may grow by `percent` hundredths of what lived after the last cycle before the next one
 * ends: 100 lets it double, 0 lets cycle follow cycle. 85, which it is at first, means that it
 * grows by 50 where it gets larger than it ever was. Negative: off, no collection but for limits,
 * before an allocation fails, and by hand. A mark phase that is under way goes on as it began.
 * Returns the percent that were set before; -1: it was off, or the heap cannot start. The same as
 * the option gogc. */
int sh_gc_set_percent(int percent) SH_NOTHROW;

/* All memory of the process's heap, malloc's part included, shall stay below so many `bytes`:
 * collection becomes more frequent, at the cost of at most half the processor time; allocation is
 * never refused. INT64_MAX: no limit (as at first). 0: as little as can be, which is not none.
 * Negative: changes nothing, to read the limit. Returns the bytes that were set before; INT64_MAX:
 * there was no limit, or the heap cannot start. The same as the option memlimit, of whose
 * percentage the bytes are told. */
int64_t sh_gc_set_memory_limit(int64_t bytes) SH_NOTHROW;

/* Figures since the start, or as of now. Later versions add fields at the end. */
typedef struct sh_gc_stats {
  uint64_t cycles;          /* finished mark phases */
  uint64_t forced_cycles;   /* of these, by sh_gc_collect */
  uint64_t live_bytes;      /* in objects now, dead ones included; rounded up by spans held */
  uint64_t marked_bytes;    /* that the last cycle found alive; with what they hold elsewhere */
  uint64_t goal_bytes;      /* live_bytes at which the current cycle should end */
  uint64_t trigger_bytes;   /* live_bytes at which the next cycle starts */
  uint64_t mapped_bytes;    /* what the memory limit is compared with */
  uint64_t external_bytes;  /* by sh_gc_adjust_external */
  uint64_t allocated_bytes; /* in all; brought up to date when threads take spans */
  uint64_t allocated_objects;
  uint64_t freed_bytes;
  uint64_t freed_objects;
  uint64_t stops; /* of the world */
  uint64_t stop_total_ns;
  uint64_t stop_max_ns;
  uint64_t assist_ns;         /* processor time of threads that marked while allocating */
  uint64_t background_ns;     /* processor time of the collector's own threads, marking */
  uint64_t scan_heap_bytes;   /* scanned by the last cycle */
  uint64_t scan_roots_bytes;  /* looked at by it, stacks among them */
  uint64_t finalizers_queued; /* destructors that run later are among them */
  uint64_t finalizers_run;
  uint64_t cleanups_queued;
  uint64_t cleanups_run;
  uint64_t threads;     /* known now */
  int64_t memory_limit; /* bytes, or INT64_MAX: none (sh_gc_set_memory_limit) */
  int64_t percent;      /* of growth between cycles, or -1: off (sh_gc_set_percent) */
  /* How many stops, and assists by threads that allocate, took how long: element i counts those of
   * 2^i nanoseconds and more, less than twice that. */
  uint64_t stop_times[40];
  uint64_t assist_times[40];
} sh_gc_stats;

/* Fills the first `size` bytes of *stats (sizeof of what the caller knows); fields that this
 * version has not are 0. Nothing is allocated. Cost: a copy of some hundred figures. */
void sh_gc_read_stats(sh_gc_stats* stats, size_t size) SH_NOTHROW;

/* The last stops of the world, newest first, in nanoseconds: one figure for each cycle, its stops
 * added up. Returns how many were written, at most `capacity` and 256. */
size_t sh_gc_read_stops(uint64_t* stop_ns, size_t capacity) SH_NOTHROW;

/* Runs a cycle, then marks again with the world stopped and compares. Returns how many objects the
 * concurrent mark had missed: 0, or there is a bug in a barrier or in the collector, and a line on
 * stderr for each of the first of them. UINT64_MAX: there was no memory to compare. */
uint64_t sh_gc_verify(void) SH_NOTHROW;

/* Why does it live? Runs a cycle; then, with all threads stopped, looks for what leads to the
 * object at or around the address ~hidden (inverted: the question keeps nothing), and writes a line
 * without newline to text[0 .. size), cut off and ended by 0: the object, up to seven objects on
 * the way to it, and at the end the root, or the thread and the address of the word on its stack:
 *
 *   0x7f5c01a02010 (32 bytes) is kept by 0x7f5c01a04000 (80 bytes), by the word at 0x7ffc4a5b6c78,
 *   120 bytes up the stack of thread 4711
 *
 * Returns 1; or 0: nobody keeps it, or there is none; or -1: no memory to look. Cost: up to nine
 * plain marks of the heap while the world is stopped. For debugging. */
int sh_gc_who_keeps(uintptr_t hidden, char* text, size_t size) SH_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
