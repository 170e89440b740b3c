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
  /* Not 0: stores of pointers into collected objects go through the write barrier. Alone in its
   * cache line, which stays shared among all processors until the collector writes it. */
  uint32_t barrier_on;
  uint32_t reserved[31];
} __attribute__((aligned(128)));

extern SH_INLINE_EXPORT struct sh_inline_data_v1 sh_inline_v1;

#ifdef __cplusplus
}
#endif

#endif
