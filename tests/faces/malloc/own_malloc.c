/* SPDX-License-Identifier: MIT
 *
 * A program with a malloc of its own, which lacks reallocarray, cfree and C23's frees: those that
 * are found elsewhere must do with its blocks what its own realloc and free do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMagic = 0x51a7, kRoom = 1 << 22 };

struct Header {
  size_t size;
  size_t magic;
};

static _Alignas(16) char room[kRoom];
static size_t used;
static int frees;

void* malloc(size_t size) {
  struct Header* header = (struct Header*)(room + used);
  used += sizeof *header + (size + 15) / 16 * 16;
  if (used > kRoom) abort();
  header->size = size;
  header->magic = kMagic;
  return header + 1;
}

void free(void* block) {
  if (block == NULL) return;
  if (((struct Header*)block)[-1].magic != kMagic) abort();
  ((struct Header*)block)[-1].magic = 0;
  ++frees;
}

void* calloc(size_t count, size_t size) { return memset(malloc(count * size), 0, count * size); }

void* realloc(void* block, size_t size) {
  void* moved = malloc(size);
  if (block == NULL) return moved;
  const size_t before = ((struct Header*)block)[-1].size;
  memcpy(moved, block, before < size ? before : size);
  free(block);
  return moved;
}

void cfree(void* block) __attribute__((weak));
void* reallocf(void* block, size_t size) __attribute__((weak));
void free_sized(void* block, size_t size) __attribute__((weak));
void free_aligned_sized(void* block, size_t alignment, size_t size) __attribute__((weak));

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

int main(void) {
  char* text = malloc(6);
  strcpy(text, "hello");
  text = reallocarray(text, 100, 10);
  expect(strcmp(text, "hello") == 0, "reallocarray lost what was there");
  expect(((struct Header*)text)[-1].size == 1000, "reallocarray did not call realloc");
  const volatile size_t many = (size_t)-1 / 2;  // the compiler need not see it
  expect(reallocarray(text, many, 3) == NULL, "reallocarray took a product for a size");
  free(text);
  free(reallocarray(NULL, 2, 2));
  expect(reallocf != NULL, "spanheap is not here");
  free(reallocf(malloc(10), 20));
  const int before = frees;
  expect(cfree != NULL && free_sized != NULL && free_aligned_sized != NULL, "spanheap is not here");
  cfree(malloc(1));
  free_sized(malloc(2), 2);
  free_aligned_sized(malloc(3), 16, 3);
  expect(frees == before + 3, "a free did not call free");
  return 0;
}
