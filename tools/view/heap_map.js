// SPDX-License-Identifier: MIT
// The heap map: arenas one below the other, a line for each chunk, a cell for each page. The canvas
// is as large as its frame and draws what the frame is scrolled to.
const ARENA_CHUNKS = 16;
const LABEL_WIDTH = 118;
const ARENA_GAP = 14;
const ZOOMS = [1, 2, 4, 8];

class HeapMapView {
  constructor(map, onPick) {
    this.map = map;
    this.onPick = onPick;
    this.mode = 'use';
    this.zoom = 1;
    this.showsAbsent = map.head.knows_resident;
    this.showsHuge = true;
    this.picked = -1;
    this.frame = byId('map-frame');
    this.canvas = byId('map');
    this.placeLines();
    this.listen();
    this.controls();
    this.resize();
  }

  // A gap before each arena and wherever addresses are not neighbours.
  placeLines() {
    const {chunks} = this.map.head;
    const chunkBytes = BigInt(this.map.chunkPages * this.map.pageSize);
    this.isFirst = chunks.map(([address], i) => {
      const start = BigInt(`0x${address}`);
      return i === 0 || start % (chunkBytes * BigInt(ARENA_CHUNKS)) === 0n ||
        start !== BigInt(`0x${chunks[i - 1][0]}`) + chunkBytes;
    });
  }

  resize() {
    const room = this.frame.clientWidth - LABEL_WIDTH - 8;
    this.cellWidth = Math.max(1, Math.floor(room / this.map.chunkPages)) * this.zoom;
    this.lineHeight = 5 + 3 * this.zoom;
    this.top = [];
    let y = 2;
    this.isFirst.forEach((isFirst) => {
      y += isFirst ? ARENA_GAP : 0;
      this.top.push(y);
      y += this.lineHeight;
    });
    this.frame.style.height = `${Math.min(520, y + 16)}px`;
    const space = byId('map-space');
    space.style.height = `${y + 8}px`;
    space.style.width = `${LABEL_WIDTH + this.map.chunkPages * this.cellWidth + 4}px`;
    this.context = sizeCanvas(this.canvas, this.frame.clientWidth, this.frame.clientHeight);
    this.draw();
  }

  draw() {
    const {context, frame} = this;
    const dx = frame.scrollLeft;
    const dy = frame.scrollTop;
    context.clearRect(0, 0, frame.clientWidth, frame.clientHeight);
    for (let line = 0; line < this.top.length; ++line) {
      const y = this.top[line] - dy;
      if (y + this.lineHeight < 0 || y - ARENA_GAP > frame.clientHeight) continue;
      this.drawLine(line, y, dx);
    }
    if (this.picked >= 0) this.drawPicked(dx, dy);
    // Labels last: they stay where they are when the map is scrolled sideways.
    this.drawLabels(dy);
  }

  drawLabels(dy) {
    const {context} = this;
    context.fillStyle = colourOf('--map-ground');
    context.fillRect(0, 0, LABEL_WIDTH - 4, this.frame.clientHeight);
    context.fillStyle = colourOf('--soft');
    context.font = '11px ui-monospace, "DejaVu Sans Mono", monospace';
    this.top.forEach((top, line) => {
      if (this.isFirst[line]) {
        context.fillText(this.map.head.chunks[line][0], 8, top - dy + this.lineHeight);
      }
    });
  }

  drawLine(line, y, dx) {
    const {map, context, cellWidth} = this;
    const first = line * map.chunkPages;
    const end = first + map.chunkPages;
    const height = this.lineHeight - 1;
    for (let item = itemAt(map, first); item < map.items && map.start[item] < end; ++item) {
      const from = Math.max(map.start[item], first);
      const to = Math.min(map.start[item + 1], end);
      const x = LABEL_WIDTH + (from - first) * cellWidth - dx;
      const width = (to - from) * cellWidth;
      if (x + width < LABEL_WIDTH || x > this.frame.clientWidth) continue;
      context.fillStyle = itemColour(map, item, line, this.mode);
      context.fillRect(x, y, width - (cellWidth > 3 ? 1 : 0), height);
      if (this.showsAbsent && isUsed(map.state[item])) this.drawAbsent(from, to, x, y, height);
    }
    if (this.showsHuge) this.drawHuge(first, end, y + height - 2, dx);
  }

  // Pages of a used item that are not in memory: hollow.
  drawAbsent(from, to, x, y, height) {
    const {map, context, cellWidth} = this;
    context.fillStyle = colourOf('--map-ground');
    for (let page = from; page < to;) {
      let next = page + 1;
      const isAbsent = (map.resident[page] & 15) === 0;
      while (next < to && ((map.resident[next] & 15) === 0) === isAbsent) ++next;
      if (isAbsent) {
        context.globalAlpha = 0.72;
        context.fillRect(x + (page - from) * cellWidth, y + 1, (next - page) * cellWidth, height - 2);
        context.globalAlpha = 1;
      }
      page = next;
    }
  }

  drawHuge(first, end, y, dx) {
    const {map, context, cellWidth} = this;
    context.fillStyle = colourOf('--ink');
    for (let page = first; page < end;) {
      let next = page + 1;
      const isHuge = (map.resident[page] & 16) !== 0;
      while (next < end && ((map.resident[next] & 16) !== 0) === isHuge) ++next;
      if (isHuge) {
        context.fillRect(LABEL_WIDTH + (page - first) * cellWidth - dx, y, (next - page) * cellWidth, 2);
      }
      page = next;
    }
  }

  drawPicked(dx, dy) {
    const {map, context, cellWidth} = this;
    const item = itemAt(map, this.picked);
    context.strokeStyle = colourOf('--ink');
    context.lineWidth = 2;
    const from = Math.max(map.start[item], this.picked - map.chunkPages);
    const to = Math.min(map.start[item + 1], this.picked + map.chunkPages);
    for (let page = from; page < to;) {
      const line = Math.floor(page / map.chunkPages);
      const end = Math.min(to, (line + 1) * map.chunkPages);
      const x = LABEL_WIDTH + (page - line * map.chunkPages) * cellWidth - dx;
      context.strokeRect(x - 1, this.top[line] - dy - 1, (end - page) * cellWidth + 1, this.lineHeight + 1);
      page = end;
    }
  }

  // The page under the pointer; -1: none.
  pageAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left + this.frame.scrollLeft - LABEL_WIDTH;
    const y = event.clientY - box.top + this.frame.scrollTop;
    const column = Math.floor(x / this.cellWidth);
    if (column < 0 || column >= this.map.chunkPages) return -1;
    const line = this.top.findIndex((top) => y >= top && y < top + this.lineHeight);
    return line < 0 ? -1 : line * this.map.chunkPages + column;
  }

  pick(page) {
    if (page < 0 || page >= this.map.start[this.map.items]) return;
    this.picked = page;
    const top = this.top[Math.floor(page / this.map.chunkPages)];
    if (top < this.frame.scrollTop || top + this.lineHeight > this.frame.scrollTop + this.frame.clientHeight) {
      this.frame.scrollTop = top - this.frame.clientHeight / 2;
    }
    this.draw();
    this.onPick(this.map, page);
  }

  walk(key) {
    const item = this.picked < 0 ? 0 : itemAt(this.map, this.picked);
    const {chunkPages, start} = this.map;
    const steps = {
      ArrowRight: () => start[Math.min(item + 1, this.map.items - 1)],
      ArrowLeft: () => start[Math.max(item - 1, 0)],
      ArrowDown: () => this.picked + chunkPages,
      ArrowUp: () => this.picked - chunkPages,
    };
    if (steps[key]) this.pick(steps[key]());
    return Boolean(steps[key]);
  }

  listen() {
    this.frame.addEventListener('scroll', () => this.draw());
    addEventListener('resize', () => this.resize());
    this.canvas.addEventListener('mousemove', (event) => {
      const page = this.pageAt(event);
      if (page < 0) hideTooltip();
      else showTooltip(event, describePage(this.map, page));
    });
    this.canvas.addEventListener('mouseleave', hideTooltip);
    this.canvas.addEventListener('click', (event) => this.pick(this.pageAt(event)));
    this.canvas.addEventListener('keydown', (event) => {
      if (this.walk(event.key)) event.preventDefault();
    });
  }

  controls() {
    const check = (text, field) => element('label', {}, Object.assign(element('input', {
      type: 'checkbox',
      onchange: (event) => { this[field] = event.target.checked; this.draw(); },
    }), {checked: this[field]}), text);
    const mode = element('select', {id: 'map-mode',
      onchange: (event) => { this.mode = event.target.value; this.legend(); this.draw(); }},
    ...Object.entries(MODES).map(([value, text]) => element('option', {value, text})));
    const zoom = element('select', {id: 'map-zoom',
      onchange: (event) => { this.zoom = Number(event.target.value); this.resize(); }},
    ...ZOOMS.map((value) => element('option', {value, text: `${value} ×`})));
    const parts = [element('label', {}, 'colour', mode), element('label', {}, 'zoom', zoom)];
    if (this.map.head.knows_resident) {
      parts.push(check('hollow where not resident', 'showsAbsent'), check('underline huge pages', 'showsHuge'));
    }
    byId('map-controls').append(...parts);
    this.legend();
  }

  legend() { byId('map-legend').replaceChildren(...mapLegend(this.map, this.mode)); }
}
