// SPDX-License-Identifier: MIT
// What the map's colours say, and what is known of a page in words.
const MODES = {use: 'use and size class', age: 'age of the last change'};

function smallShare(map, item) {
  return (map.sizeClass[item] - 1) / Math.max(1, map.head.first_run_class - 2);
}

function useColour(map, item) {
  switch (map.state[item]) {
    case STATE.small:
      return spanColour(smallShare(map, item), map.live[item] / slotsOf(map, item));
    case STATE.collected:
      return collectedColour(map.live[item] / slotsOf(map, item));
    case STATE.run: return colourOf('--run');
    case STATE.solo: return colourOf('--solo');
    case STATE.runCached:
    case STATE.runKept:
    case STATE.pageCache: return colourOf('--map-cache');
    case STATE.free: return colourOf('--map-free');
    case STATE.released: return colourOf('--map-released');
    default: return colourOf('--warn');
  }
}

function itemColour(map, item, chunk, mode) {
  if (map.state[item] === STATE.released) return colourOf('--map-released');
  return mode === 'age' ? ageColour(map.head.chunks[chunk][1]) : useColour(map, item);
}

const isUsed = (state) => state === STATE.collected || (state >= STATE.small && state <= STATE.runKept);

function collectedText(map, item) {
  const [bytes, , , hasPointers] = classOf(map, item);
  const what = hasPointers ? 'with pointers' : 'without pointers';
  return bytes > 0 ? `collected: span of ${bytes}-byte objects ${what}` : `collected: large object ${what}`;
}

function stateText(map, item) {
  const size = bytesText(blockBytesOf(map, item) || 0);
  switch (map.state[item]) {
    case STATE.small: return `span of ${blockBytesOf(map, item)}-byte blocks`;
    case STATE.collected: return collectedText(map, item);
    case STATE.solo: return 'sampled block with pages of its own';
    case STATE.run: return `block of whole pages, class ${size}`;
    case STATE.runCached: return `freed block of class ${size}, in a thread's cache`;
    case STATE.runKept: return 'freed block, on its shelf';
    case STATE.pageCache: return "free, in a thread's page cache";
    case STATE.free: return 'free pages';
    case STATE.released: return 'free pages, given back or never touched';
    default: return 'on its way back to the kernel';
  }
}

function describePage(map, page) {
  const item = itemAt(map, page);
  const from = map.start[item];
  const to = map.start[item + 1];
  const bytes = (to - from) * map.pageSize;
  const lines = [stateText(map, item), `${addressOf(map, from)}, ${bytesText(bytes)}`];
  if (hasSlots(map, item)) {
    const slots = slotsOf(map, item);
    const other = map.state[item] === STATE.collected ? 'dead, to be swept' : 'cached';
    lines.push(`${map.live[item]} of ${slots} live (${shareText(map.live[item], slots)})` +
      `, ${map.cached[item]} ${other}`);
  }
  if (map.head.knows_resident) {
    const huge = (map.resident[page] & 16) !== 0 ? ', on a huge page' : '';
    lines.push(`${bytesText(residentBytes(map, from, to))} resident${huge}`);
  }
  const age = map.head.chunks[Math.floor(page / map.chunkPages)][1];
  lines.push(age === 0 ? 'its 4 MiB changed in this generation'
    : `its 4 MiB last changed ${age} generations ago`);
  return lines.join('\n');
}

function ramp(colours) {
  return element('i', {class: 'ramp', style: {background: `linear-gradient(90deg, ${colours.join(',')})`}});
}

function mapLegend(map, mode) {
  const entry = (colour, text, isVirtual) => element('span', {}, swatch(colour, isVirtual), text);
  if (mode === 'age') {
    return [element('span', {}, 'changed just now', ramp([0, 1, 3, 15, 63, 255].map(ageColour)), 'long ago'),
      entry('--map-released', 'released')];
  }
  const collected = map.head.kinds.length === 0 ? [] : [element('span', {}, 'collected spans: empty',
    ramp([0, 0.25, 0.5, 0.75, 1].map(collectedColour)), 'full')];
  return [
    element('span', {}, 'small blocks: 16 B', ramp([0, 0.25, 0.5, 0.75, 1].map((s) => spanColour(s, 1))), '32 KiB'),
    element('span', {}, 'empty', ramp([0, 0.25, 0.5, 0.75, 1].map((f) => spanColour(0.2, f))), 'full'),
    ...collected,
    entry('--run', 'blocks of whole pages'),
    entry('--map-cache', 'freed, in a cache or on a shelf'),
    entry('--map-free', 'free pages'),
    entry('--map-released', 'released'),
  ];
}
