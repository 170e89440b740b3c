// SPDX-License-Identifier: MIT
#include "spanheap/look/event_reader.h"

#include "spanheap/look/table_reader.h"

namespace spanheap::look {
namespace {

constexpr unsigned kKindBits = 8;
constexpr uint64_t kMostEvents = 1 << 20;

}  // namespace

std::vector<Event> EventReader::ReadNew() {
  const uint64_t heap = root_.ValueOr("collected.heap", 0);
  if (heap == 0) return {};
  const RootField count_field = root_.Field("gc.events");
  const uint64_t record = root_.RecordSize("event.record");
  const uint64_t capacity = root_.NumberWithin("event.count", 1, kMostEvents);
  const RootField tag = root_.Field("event.tag");
  const RootField begin = root_.Field("event.begin_ns");
  const RootField length = root_.Field("event.length_ns");
  const RootField value = root_.Field("event.value");
  const RootField thread = root_.Field("event.thread");
  const uint64_t end = memory_.Number(heap + count_field.offset, count_field.size);
  const uint64_t ring = heap + root_.Field("gc.event_ring").offset;
  TableReader tables(memory_);
  const RecordTable first = tables.Read(ring, record, capacity, "events");
  const RecordTable again = tables.Read(ring, record, capacity, "events");
  if (end > capacity && end - capacity > next_) {
    if (has_read_) lost_ += end - capacity - next_;
    next_ = end - capacity;
  }
  has_read_ = true;
  std::vector<Event> events;
  for (; next_ < end; ++next_) {
    const std::string_view at = first[next_ % capacity];
    const uint64_t is = tag.In(at);
    if (is >> kKindBits != next_ + 1 || tag.In(again[next_ % capacity]) != is) {
      // Its writer is not done, or one that is a ring ahead has begun.
      ++lost_;
      continue;
    }
    events.push_back({static_cast<EventKind>(is & ((1U << kKindBits) - 1)), thread.In(at),
                      begin.In(at), length.In(at), value.In(at)});
  }
  return events;
}

}  // namespace spanheap::look
