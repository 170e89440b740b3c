// SPDX-License-Identifier: MIT
//
// SPANHEAP_CORE_NAMES(X): every outward function of both libraries, one line each:
//   X(result, name, (parameters), (arguments))
//
// Idea.       One list makes the table that a core hands to other copies (core_table.h), the jumps
//             through it (outward_names.cc), and what the build renames (CMakeLists.txt, which
//             reads the lines that begin with X). docs/symbols.md has the same names.
// Invariants. Whoever changes a line, or the order, raises kCoreNumber.
#pragma once

#include "spanheap/detail/barrier.h"
#include "spanheap/gc_c.h"
#include "spanheap/spanheap.h"

// clang-format off
#define SPANHEAP_CORE_NAMES(X)                                                                     \
  X(void*, sh_malloc, (size_t n), (n))                                                             \
  X(void*, sh_calloc, (size_t count, size_t size), (count, size))                                  \
  X(void*, sh_realloc, (void* p, size_t n), (p, n))                                                \
  X(void*, sh_reallocarray, (void* p, size_t count, size_t size), (p, count, size))                \
  X(void*, sh_aligned_alloc, (size_t alignment, size_t n), (alignment, n))                         \
  X(void, sh_free, (void* p), (p))                                                                 \
  X(void, sh_free_sized, (void* p, size_t n), (p, n))                                              \
  X(void, sh_free_aligned_sized, (void* p, size_t alignment, size_t n), (p, alignment, n))         \
  X(size_t, sh_usable_size, (const void* p), (p))                                                  \
  X(size_t, sh_good_size, (size_t n), (n))                                                         \
  X(int, sh_owns, (const void* p), (p))                                                            \
  X(const char*, sh_version, (), ())                                                               \
  X(int, sh_set, (const char* name, const char* value), (name, value))                             \
  X(int, sh_get, (const char* name, char* value, size_t capacity), (name, value, capacity))        \
  X(int, sh_set_limit_callback, (sh_limit_callback call, void* context), (call, context))          \
  X(int, sh_release_memory, (), ())                                                                \
  X(uint64_t, sh_verify, (), ())                                                                   \
  X(size_t, sh_stats_json, (char* buffer, size_t capacity), (buffer, capacity))                    \
  X(int, sh_stats_print, (int descriptor), (descriptor))                                           \
  X(void, sh_gc_visit, (sh_visitor* visitor, const void* p), (visitor, p))                         \
  X(void, sh_gc_visit_words, (sh_visitor* visitor, const void* first, size_t words),               \
    (visitor, first, words))                                                                       \
  X(void*, sh_gc_new, (sh_layout* layout, size_t count), (layout, count))                          \
  X(void, sh_gc_delete, (void* object), (object))                                                  \
  X(void*, sh_gc_base, (const void* p), (p))                                                       \
  X(size_t, sh_gc_size, (const void* p), (p))                                                      \
  X(int, sh_gc_adjust_external, (void* object, int64_t bytes), (object, bytes))                    \
  X(int, sh_gc_place, (const void* p), (p))                                                        \
  X(void, sh_gc_store, (void** slot, void* value), (slot, value))                                  \
  X(void, sh_gc_store_release, (void** slot, void* value), (slot, value))                          \
  X(void, sh_gc_store_slow, (void** slot, void* value), (slot, value))                             \
  X(void*, sh_gc_exchange, (void** slot, void* value), (slot, value))                              \
  X(int, sh_gc_compare_exchange, (void** slot, void** expected, void* value),                      \
    (slot, expected, value))                                                                       \
  X(void, sh_gc_store_many, (void** slots, void* const* values, size_t count),                     \
    (slots, values, count))                                                                        \
  X(void, sh_gc_register_stores_v1, (const int32_t* begin, const int32_t* end), (begin, end))      \
  X(void, sh_gc_unregister_stores_v1, (const int32_t* begin), (begin))                             \
  X(sh_gc_root*, sh_gc_root_new, (const void* value), (value))                                     \
  X(void, sh_gc_root_free, (sh_gc_root* root), (root))                                             \
  X(int, sh_gc_add_range, (void* low, void* high), (low, high))                                    \
  X(void, sh_gc_remove_range, (void* low, void* high), (low, high))                                \
  X(void*, sh_gc_weak_handle, (const void* p), (p))                                                \
  X(void*, sh_gc_weak_get, (const void* handle), (handle))                                         \
  X(sh_gc_cleanup, sh_gc_add_cleanup, (void* object, void (*run)(void*), void* closure),           \
    (object, run, closure))                                                                        \
  X(int, sh_gc_stop_cleanup, (sh_gc_cleanup cleanup), (cleanup))                                   \
  X(int, sh_gc_set_finalizer, (void* object, void (*run)(void*, void*), void* closure),            \
    (object, run, closure))                                                                        \
  X(int, sh_gc_set_destructor, (void* object, sh_layout* layout, size_t count),                    \
    (object, layout, count))                                                                       \
  X(int, sh_gc_drain_finalizers, (uint64_t timeout_ns), (timeout_ns))                              \
  X(int, sh_gc_attach, (), ())                                                                     \
  X(void, sh_gc_detach, (), ())                                                                    \
  X(void, sh_gc_blocking_begin, (), ())                                                            \
  X(void, sh_gc_blocking_end, (), ())                                                              \
  X(sh_gc_stack*, sh_gc_stack_register, (void* low, void* high), (low, high))                      \
  X(void, sh_gc_stack_unregister, (sh_gc_stack* stack), (stack))                                   \
  X(sh_gc_stack*, sh_gc_stack_current, (), ())                                                     \
  X(void, sh_gc_stack_switch, (sh_gc_stack* to), (to))                                             \
  X(void, sh_gc_collect, (), ())                                                                   \
  X(int, sh_gc_set_percent, (int percent), (percent))                                              \
  X(int64_t, sh_gc_set_memory_limit, (int64_t bytes), (bytes))                                     \
  X(void, sh_gc_read_stats, (sh_gc_stats* stats, size_t size), (stats, size))                      \
  X(size_t, sh_gc_read_stops, (uint64_t* stop_ns, size_t capacity), (stop_ns, capacity))           \
  X(uint64_t, sh_gc_verify, (), ())                                                                \
  X(int, sh_gc_who_keeps, (uintptr_t hidden, char* text, size_t size), (hidden, text, size))
// clang-format on
