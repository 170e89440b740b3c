// SPDX-License-Identifier: MIT
// The collected heap: how far its collector is, and its size classes.
function timeText(ns) {
  if (ns < 1000) return `${ns} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}

const PHASES = ['between cycles', 'marking', 'ending a mark'];

function cycleText(heap) {
  return `${countText(heap.cycles)} cycles, ${countText(heap.forced_cycles)} asked for; now ` +
    `${PHASES[heap.phase]}. Live now ${bytesText(heap.live_bytes)}, after the last mark ` +
    `${bytesText(heap.marked_bytes)}; goal ${bytesText(heap.goal_bytes)}, the next cycle begins at ` +
    `${bytesText(heap.trigger_bytes)}. The last mark took ${timeText(heap.last_mark_ns)} with stops of ` +
    `${timeText(heap.last_stop1_ns)} and ${timeText(heap.last_stop2_ns)}; the longest stop so far ` +
    `${timeText(heap.stop_max_ns)}. Processor time: ${timeText(heap.background_ns)} in the background, ` +
    `${timeText(heap.assist_ns)} in assists.`;
}

function showCollected(heap) {
  byId('collected-section').hidden = false;
  byId('collected-cycle').textContent = cycleText(heap);
  const count = (title, key) => ({title, value: (row) => row[key], show: (row) => countText(row[key])});
  const inUse = (row) => row.live_bytes / row.span_bytes;
  byId('collected').append(sortableTable([
    {title: 'object size', value: (row) => row.block_bytes,
      show: (row) => (row.block_bytes > 0 ? countText(row.block_bytes) : 'large')},
    {title: 'pointers', value: (row) => row.has_pointers, show: (row) => (row.has_pointers ? 'yes' : 'no')},
    count('spans', 'spans'), count('live', 'live_objects'), count('dead', 'dead_objects'),
    count('cached', 'cached_objects'), count('free', 'free_objects'),
    {title: 'live bytes', value: (row) => row.live_bytes, show: (row) => bytesText(row.live_bytes)},
    {title: 'span bytes', value: (row) => row.span_bytes, show: (row) => bytesText(row.span_bytes)},
    {title: 'in use', value: inUse,
      show: (row) => [`${shareText(row.live_bytes, row.span_bytes)} `, fill(row.live_bytes, row.span_bytes)]},
    {title: 'spans by use', value: (row) => row.spans_by_use[0], show: (row) => histogram(row.spans_by_use)},
  ], heap.classes, 8));
}
