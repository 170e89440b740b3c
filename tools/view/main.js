// SPDX-License-Identifier: MIT
// Puts together what the data has: a look at a heap, or the record of a run.
function card(value, text) {
  return element('div', {class: 'card'}, element('b', {text: value}), element('span', {text}));
}

const KINDS = {running: 'read as it ran', stopped: 'stopped at a quiet moment', core: 'from a core file'};

function showLook(look) {
  byId('title').textContent = `Memory of ${look.program}`;
  document.title = `${look.program} ${look.process} – spanheap`;
  byId('subtitle').textContent = `process ${look.process}, ${KINDS[look.kind]}, ` +
    `${new Date(look.time_s * 1000).toLocaleString('en-GB')}, libspanheap ${look.library}`;
  const live = look.categories.live_bytes.mapped_bytes;
  const {fragmentation} = look;
  const cards = [card(bytesText(live), `live in ${countText(look.live_blocks)} blocks`),
    card(bytesText(look.mapped_bytes), 'mapped by the heap'),
    card(shareText(fragmentation.free_in_spans_bytes, fragmentation.span_bytes), 'of spans is free'),
    card(bytesText(look.categories.released_bytes.mapped_bytes), 'released or never touched'),
    card(shareText(look.unreconciled_bytes, look.mapped_bytes), 'unreconciled')];
  if (look.process_resident_bytes) cards.unshift(card(bytesText(look.process_resident_bytes), 'resident, the process'));
  byId('cards').append(...cards);
  showBars(look);
  showClasses(look);
  if (look.collected) showCollected(look.collected);
  showThreads(look);
}

function showRecord(record) {
  const {moments} = record;
  byId('title').textContent = record.command.join(' ');
  document.title = `${record.command[0]} – spanheap`;
  byId('subtitle').textContent = `${countText(moments.length)} moments, one each ${record.interval_ms} ms`;
  const peak = (key) => Math.max(...moments.map((m) => m[key] || 0));
  const last = moments[moments.length - 1];
  byId('cards').append(card(`${(last.time_ms / 1000).toFixed(1)} s`, 'watched'),
    card(bytesText(peak('process_resident_bytes')), 'highest resident size'),
    card(bytesText(peak('live_bytes')), 'highest live'),
    card(bytesText(last.process_resident_bytes), 'resident at the end'),
    card(bytesText(last.live_bytes), 'live at the end'));
  byId('series-section').hidden = false;
  return new SeriesView(moments);
}

async function main() {
  const data = readData();
  const views = [];
  initTheme(() => views.forEach((view) => { view.draw(); if (view.legend) view.legend(); }));
  if (data.record && data.record.moments.length > 0) views.push(showRecord(data.record));
  if (data.look) showLook(data.look);
  if (data.map && data.map.items > 0) {
    byId('map-section').hidden = false;
    const map = new HeapMapView(await readMap(data.map), showSpan);
    views.push(map);
    // heap.html#page=40 opens with that page picked.
    const wanted = /^#page=(\d+)$/.exec(location.hash);
    if (wanted) map.pick(Number(wanted[1]));
  }
  // For the test of this page: set once everything is drawn.
  document.documentElement.dataset.ready = 'yes';
}

main().catch((error) => {
  byId('subtitle').textContent = `This page could not be drawn: ${error.message}`;
  document.documentElement.dataset.ready = 'failed';
});
