/* SPDX-License-Identifier: MIT
 *
 * Prints whose block malloc gave, and fails if sh_malloc's is not spanheap's. */
#include <spanheap/spanheap.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  void* block = malloc(100);
  void* own_block = sh_malloc(100);
  const int is_ours = sh_owns(block);
  if (!sh_owns(own_block)) return 1;
  sh_free(own_block);
  free(block);
  puts(is_ours ? "spanheap" : "libc");
  return 0;
}
