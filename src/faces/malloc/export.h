// SPDX-License-Identifier: MIT
//
// What a face's outward functions carry: C names, seen from outside of the library.
#pragma once

#define SPANHEAP_EXPORT extern "C" __attribute__((visibility("default")))
// A second name of the same function, which is defined in the same file.
#define SPANHEAP_EXPORT_ALIAS(name) extern "C" __attribute__((visibility("default"), alias(name)))
