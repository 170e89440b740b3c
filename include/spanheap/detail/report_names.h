/* SPDX-License-Identifier: MIT
 *
 * report_names.h: the names of the figures that the library reports and the tools read, once for
 * both: X(name, label). The name is the key in JSON and the member of structures, the label is what
 * people read. Programs have no use for it.
 *
 * Idea. Lists that expand to members, tables of keys, columns, in the order that they are shown in.
 *       What each means: src/observe/heap_report.h, collected_report.h, the schemas in share.
 */
#ifndef SPANHEAP_DETAIL_REPORT_NAMES_H
#define SPANHEAP_DETAIL_REPORT_NAMES_H

/* What is mapped is the sum of these. */
#define SH_HEAP_CATEGORIES(X)                 \
  X(live_bytes, "live")                       \
  X(free_in_spans_bytes, "free in spans")     \
  X(thread_cache_bytes, "in thread caches")   \
  X(central_cache_bytes, "in central caches") \
  X(page_cache_bytes, "in page caches")       \
  X(free_pages_bytes, "free pages")           \
  X(released_bytes, "released")               \
  X(metadata_bytes, "metadata")               \
  X(collected_bytes, "collected heap")

/* Of the collected heap, in bytes. */
#define SH_COLLECTED_SIZES(X)                 \
  X(live_bytes, "live now")                   \
  X(marked_bytes, "live after the last mark") \
  X(goal_bytes, "goal")                       \
  X(trigger_bytes, "trigger")                 \
  X(external_bytes, "held elsewhere")         \
  X(allocated_bytes, "allocated so far")      \
  X(freed_bytes, "freed so far")              \
  X(last_scanned_bytes, "scanned by the last mark")

#define SH_COLLECTED_COUNTS(X)         \
  X(cycles, "cycles")                  \
  X(forced_cycles, "cycles asked for") \
  X(phase, "phase")                    \
  X(unswept_spans, "spans to sweep")   \
  X(threads, "threads it knows")       \
  X(stops, "stops")                    \
  X(marked_objects, "objects marked last")

#define SH_COLLECTED_TIMES(X)                \
  X(stop_total_ns, "stops, all")             \
  X(stop_max_ns, "longest stop")             \
  X(assist_ns, "assists")                    \
  X(background_ns, "in the background")      \
  X(last_stop1_ns, "last cycle: first stop") \
  X(last_mark_ns, "last cycle: mark")        \
  X(last_stop2_ns, "last cycle: last stop")  \
  X(last_assist_ns, "last cycle: assists")   \
  X(last_background_ns, "last cycle: background")

/* Histograms of times. */
#define SH_COLLECTED_HISTOGRAMS(X) \
  X(stop_times, "stops")           \
  X(assist_times, "assists")

/* Of a size class of collected objects; the labels are heads of columns. */
#define SH_COLLECTED_CLASS(X)   \
  X(block_bytes, "object size") \
  X(has_pointers, "pointers")   \
  X(spans, "spans")             \
  X(span_bytes, "span bytes")   \
  X(live_objects, "live")       \
  X(live_bytes, "live bytes")   \
  X(dead_objects, "dead")       \
  X(cached_objects, "cached")   \
  X(free_objects, "free")

#endif
