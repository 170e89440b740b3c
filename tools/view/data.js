// SPDX-License-Identifier: MIT
// The data of the page: JSON, and the map of the heap as arrays.
function readData() { return JSON.parse(byId('data').textContent); }

async function inflate(base64) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Item i of the map covers pages start[i] to start[i + 1]; chunk c begins with page c * chunkPages.
// The arrays follow each other as the command wrote them.
async function readMap(head) {
  const bytes = await inflate(byId('map-data').textContent);
  const n = head.items;
  const pages = new Uint32Array(bytes.buffer, 0, n);
  const map = {
    head,
    pageSize: head.page_size,
    chunkPages: head.chunk_pages,
    items: n,
    start: new Uint32Array(n + 1),
    live: new Uint16Array(bytes.buffer, 4 * n, n),
    cached: new Uint16Array(bytes.buffer, 6 * n, n),
    state: bytes.subarray(8 * n, 9 * n),
    sizeClass: bytes.subarray(9 * n, 10 * n),
    resident: bytes.subarray(10 * n, 10 * n + head.chunks.length * head.chunk_pages),
    slots: null,
    slotsAt: null,
  };
  for (let i = 0; i < n; ++i) map.start[i + 1] = map.start[i] + pages[i];
  if (head.has_slots) placeSlots(map, bytes.subarray(bytes.length - head.slot_bytes));
  return map;
}

const STATE = {released: 0, free: 1, pageCache: 2, small: 3, solo: 4, run: 5, runCached: 6,
  runKept: 7, unknown: 8, collected: 9};

// [block bytes, pages of a span, slots of a span]; of the collected heap: 1 if there are pointers, too.
const classOf = (map, item) =>
  (map.state[item] === STATE.collected ? map.head.kinds : map.head.classes)[map.sizeClass[item]];
const slotsOf = (map, item) => classOf(map, item)[2];
const blockBytesOf = (map, item) => classOf(map, item)[0];
const hasSlots = (map, item) => map.state[item] === STATE.small || map.state[item] === STATE.collected;

// Spans that are empty or all live have no bits of their own.
function hasSlotBits(map, item) {
  const used = map.live[item] + map.cached[item];
  return hasSlots(map, item) && used !== 0 &&
    !(used === slotsOf(map, item) && map.cached[item] === 0);
}

function placeSlots(map, slots) {
  map.slots = slots;
  map.slotsAt = new Uint32Array(map.items);
  let at = 0;
  for (let i = 0; i < map.items; ++i) {
    map.slotsAt[i] = at;
    if (hasSlotBits(map, i)) at += 2 * Math.ceil(slotsOf(map, i) / 8);
  }
}

// 'live', 'cached' (of the collected heap: 'dead') or 'free'; null when the slots were left out.
function slotState(map, item, slot) {
  if (!hasSlotBits(map, item)) return map.live[item] > 0 ? 'live' : 'free';
  if (!map.slots) return null;
  const length = Math.ceil(slotsOf(map, item) / 8);
  const bit = (from) => map.slots[from + (slot >> 3)] >> (slot & 7) & 1;
  if (bit(map.slotsAt[item])) return 'live';
  if (!bit(map.slotsAt[item] + length)) return 'free';
  return map.state[item] === STATE.collected ? 'dead' : 'cached';
}

// The item that a page belongs to.
function itemAt(map, page) {
  let low = 0;
  let high = map.items;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (map.start[middle] <= page) low = middle;
    else high = middle;
  }
  return low;
}

function addressOf(map, page) {
  const chunk = Math.floor(page / map.chunkPages);
  const start = BigInt(`0x${map.head.chunks[chunk][0]}`);
  return `0x${(start + BigInt((page % map.chunkPages) * map.pageSize)).toString(16)}`;
}

function residentBytes(map, from, to) {
  let pages = 0;
  for (let page = from; page < to; ++page) pages += map.resident[page] & 15;
  return pages * 4096;
}
