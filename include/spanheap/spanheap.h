/* SPDX-License-Identifier: MIT
 *
 * spanheap.h: the heap's own C interface (C11 and C++).
 *
 * Two libraries have these functions. In libspanheap they and malloc are one heap: a block from
 * sh_malloc may go to free and the other way round. libspanheap-embed leaves the program's malloc
 * alone; there, blocks from here come back here. All copies of it in a process are one heap, and
 * libspanheap's where that is there, too (docs/embedding.md).
 *
 * Threads. Every function may be called by any thread at any time, also before main and in the last
 *          destructors of a thread. None is async-signal-safe.
 * Units.   All sizes are bytes.
 */
#ifndef SPANHEAP_SPANHEAP_H
#define SPANHEAP_SPANHEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SH_NOTHROW noexcept
extern "C" {
#else
#define SH_NOTHROW
#endif

/* ---- Allocation ------------------------------------------------------------------------------
 *
 * Null means failure: errno is ENOMEM (no memory, or more than PTRDIFF_MAX wanted) or EINVAL (an
 * alignment that is no power of two). Every block starts at a multiple of 16. A size of 0 gives a
 * block of its own. Freeing leaves errno alone. Freeing a pointer that is not a live block of this
 * heap ends the process with one line on stderr, as soon as it is noticed (docs/conformance.md).
 */

/* A block of at least `size` bytes, its content undefined. */
void* sh_malloc(size_t size) SH_NOTHROW;
/* A block for `count` elements of `size` bytes, zeroed. */
void* sh_calloc(size_t count, size_t size) SH_NOTHROW;
/* The block at `block` with a new size, moved if it must be; on failure it is left as it was. Null
 * `block`: as sh_malloc. `size` 0: frees the block and returns null. */
void* sh_realloc(void* block, size_t size) SH_NOTHROW;
/* sh_realloc for `count` elements of `size` bytes. */
void* sh_reallocarray(void* block, size_t count, size_t size) SH_NOTHROW;
/* A block at a multiple of `alignment`, a power of two up to 2^30. */
void* sh_aligned_alloc(size_t alignment, size_t size) SH_NOTHROW;
/* The block ends. Null is allowed. */
void sh_free(void* block) SH_NOTHROW;
/* sh_free for callers that know the size (alignment) they asked for: a wrong one ends the process
 * where noticing costs nothing, and always with the option verify=2. */
void sh_free_sized(void* block, size_t size) SH_NOTHROW;
void sh_free_aligned_sized(void* block, size_t alignment, size_t size) SH_NOTHROW;

/* Bytes that may be used at `block`, at least what was asked for; the same for its whole life. 0
 * for null. */
size_t sh_usable_size(const void* block) SH_NOTHROW;
/* What sh_usable_size would say of a block of `size`: asking for that much wastes nothing. 0 if no
 * block can be that large. */
size_t sh_good_size(size_t size) SH_NOTHROW;
/* 1 if `address` lies in memory of this heap, in a live block or not; else 0. Cost: two loads. */
int sh_owns(const void* address) SH_NOTHROW;

/* ---- Control --------------------------------------------------------------------------------- */

/* "major.minor.patch"; never freed. */
const char* sh_version(void) SH_NOTHROW;

/* Sets an option by its name, as in SPANHEAP="name=value,..." (docs/tuning.md lists them). Returns
 * 0, or -1 with errno EINVAL: no such option, not a value of it, or one that has effect at the
 * start of the process only. */
int sh_set(const char* name, const char* value) SH_NOTHROW;
/* Writes the option's value to `value` as sh_set would take it, cut to `capacity` bytes with its
 * closing zero. Returns 0, or -1 with errno ENOENT: no such option. */
int sh_get(const char* name, char* value, size_t capacity) SH_NOTHROW;

/* Called when the option hardlimit refuses an allocation of `wanted` bytes: `counted` bytes count
 * against `limit`, and all free memory has gone back to the kernel already, unless `wanted` is more
 * than `limit`. Called by the thread whose allocation it is, outside of the heap's locks: it may
 * use the heap. Allocations of its own that are refused fail without calling it again; it may run
 * in several threads at once. It must return: 1 if it has freed memory and the allocation is to be
 * tried again (three times at most), else 0; the allocation then fails with ENOMEM. If it is one of
 * a collected object, that has been tried after a cycle, and a cycle follows each 1: to let go of
 * collected objects is enough. */
typedef int (*sh_limit_callback)(size_t wanted, size_t counted, size_t limit, void* context);
/* Null: none. To be set now and then: each call keeps 16 bytes for ever. Returns 0, or -1 with
 * errno ENOMEM. */
int sh_set_limit_callback(sh_limit_callback callback, void* context) SH_NOTHROW;

/* Gives all free memory back to the kernel now: free pages, pages inside spans that no block
 * touches, what the calling thread's cache holds, and the caches of threads that sleep. 1 if any
 * went back, else 0. Cost: system calls, about a millisecond for each 4 MB of small pages; other
 * threads are not kept out for longer than one of these. */
int sh_release_memory(void) SH_NOTHROW;

/* Checks every structure of the heap against the others; ends the process with one line at the
 * first contradiction, else returns the number of live blocks. No other thread may use the heap
 * meanwhile. Cost: a walk over all spans. */
uint64_t sh_verify(void) SH_NOTHROW;

/* ---- Statistics ------------------------------------------------------------------------------
 *
 * Where the heap's memory is. The categories add up to what is mapped, to the byte. Nothing is
 * allocated. Cost: a walk over threads and size classes, during which no thread enters the heap's
 * slow paths.
 */

/* Writes a JSON object (share/spanheap-report.schema.json describes it) to `buffer`, cut to
 * `capacity` bytes with its closing zero. Returns the length of the whole text without that zero:
 * it was cut if that is not less than `capacity`. */
size_t sh_stats_json(char* buffer, size_t capacity) SH_NOTHROW;
/* Writes the same for people to a file descriptor. Returns 0, or -1 with errno EIO. */
int sh_stats_print(int descriptor) SH_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
