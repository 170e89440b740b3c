// SPDX-License-Identifier: MIT
//
// The heap that the programs of this folder are compiled for: SPANHEAP_BENCH_HEAP names a header.
//
// Idea.   A program is one source for every heap. It frees what it drops with Free, which does
//         nothing where a collector does; a program that would have to walk for it asks kCollects.
// What a header defines, in namespace spanheap::bench::heap:
//   kName, kCollects   a name for the output; whether nothing needs to be freed
//   Pointer<T>         a pointer that is part of an object
//   ThreadScope        stands in every thread but the first while it uses the heap
//   Start()            called first
//   New<T>(fields...)  one object
//   NewArray<T>(n)     all zero, may hold pointers; NewBytes(n) holds none
//   Free(pointer)      the program will not use it again
//   ReadFigures()      see figures.h
#pragma once

#include SPANHEAP_BENCH_HEAP
