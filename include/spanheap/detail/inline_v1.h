/* SPDX-License-Identifier: MIT
 *
 * inline_v1.h: the data that inlined code of programs reads. Frozen for this soname: fields keep
 * their places, and the size of the structure stays.
 */
#ifndef SPANHEAP_DETAIL_INLINE_V1_H
#define SPANHEAP_DETAIL_INLINE_V1_H

#include <stdint.h>

#define SH_INLINE_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

struct sh_inline_data_v1 {
  /* Not 0: stores of pointers into collected objects go through the write barrier, which alone
   * knows what the number says. Alone in its cache line, which stays shared among all processors
   * until the collector writes it. */
  uint32_t barrier_on;
  uint32_t reserved[31];
} __attribute__((aligned(128)));

extern SH_INLINE_EXPORT struct sh_inline_data_v1 sh_inline_v1;

/* Up to 64 slots of one kind that a thread hands out by itself (take_slot.h). */
struct sh_inline_word_v1 {
  uint64_t free;         /* bit i: slot i is not handed out yet */
  char* start;           /* of slot 0 */
  uint64_t pointer_bits; /* bit i: the heap takes word i of each of these slots for a pointer */
  uint32_t slot_bytes;
  uint32_t reserved;
};

/* Where words are, as distances like sh_layout::place, by (bytes + 7) / 8 of an object of 16 to 512
 * bytes. */
struct sh_inline_places_v1 {
  uint16_t without[66]; /* pointers */
  uint16_t with_pointers[66];
};

/* Of the calling thread: its word for a type is sh_layout::place bytes from here; at 0 is one that
 * stays empty, whose `start` is the address of a sh_inline_places_v1. Null: the thread is not
 * known, or allocates through sh_gc_new only. */
extern SH_INLINE_EXPORT __thread char* sh_inline_words_v1
    __attribute__((tls_model("initial-exec")));

#ifdef __cplusplus
}
#endif

#endif
