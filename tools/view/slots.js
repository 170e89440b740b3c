// SPDX-License-Identifier: MIT
// The span that was picked, slot by slot.
const MOST_DRAWN_WIDTH = 1100;

function drawSlots(map, item) {
  const slots = slotsOf(map, item);
  if (slotState(map, item, 0) === null) {
    return element('p', {class: 'hint', text: 'The heap is so large that its slots were left out of this page.'});
  }
  const columns = Math.min(slots, slots > 512 ? 128 : 64);
  const size = Math.max(6, Math.min(18, Math.floor(MOST_DRAWN_WIDTH / columns)));
  const canvas = element('canvas', {role: 'img',
    'aria-label': `${map.live[item]} live, ${map.cached[item]} cached or dead of ${slots} slots`});
  const context = sizeCanvas(canvas, columns * size + 1, Math.ceil(slots / columns) * size + 1);
  const colours = {live: colourOf('--live'), cached: colourOf('--thread_cache'),
    dead: colourOf('--thread_cache')};
  for (let slot = 0; slot < slots; ++slot) {
    const x = (slot % columns) * size;
    const y = Math.floor(slot / columns) * size;
    const state = slotState(map, item, slot);
    if (state === 'free') {
      context.strokeStyle = colourOf('--line');
      context.strokeRect(x + 1.5, y + 1.5, size - 3, size - 3);
    } else {
      context.fillStyle = colours[state];
      context.fillRect(x + 1, y + 1, size - 2, size - 2);
    }
  }
  canvas.addEventListener('mousemove', (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / size);
    const slot = Math.floor((event.clientY - box.top) / size) * columns + column;
    if (column >= columns || slot >= slots) { hideTooltip(); return; }
    const address = BigInt(addressOf(map, map.start[item])) + BigInt(slot * blockBytesOf(map, item));
    showTooltip(event, `slot ${slot}, ${slotState(map, item, slot)}\n0x${address.toString(16)}`);
  });
  canvas.addEventListener('mouseleave', hideTooltip);
  return canvas;
}

function showSpan(map, page) {
  const item = itemAt(map, page);
  const panel = byId('span-panel');
  panel.replaceChildren(element('div', {text: describePage(map, page).split('\n').join(' · ')}));
  if (!hasSlots(map, item)) return;
  const other = map.state[item] === STATE.collected ? 'dead, not swept yet' : 'in a thread cache';
  panel.append(element('div', {class: 'legend'},
    element('span', {}, swatch('--live'), 'live'),
    element('span', {}, swatch('--thread_cache'), other),
    element('span', {}, swatch('--line'), 'free')), drawSlots(map, item));
}
