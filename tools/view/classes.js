// SPDX-License-Identifier: MIT
// Size classes and thread caches as tables that can be sorted.
function histogram(counts) {
  const most = Math.max(1, ...counts);
  const name = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(name, 'svg');
  const text = counts.map((n, i) => `${10 * i}–${10 * i + 10} %: ${countText(n)}`).filter((_, i) => counts[i]);
  svg.setAttribute('width', 84);
  svg.setAttribute('height', 18);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `spans by use: ${text.join(', ')}`);
  counts.forEach((n, i) => {
    const bar = document.createElementNS(name, 'rect');
    const height = n === 0 ? 1 : Math.max(2, 17 * n / most);
    for (const [key, value] of Object.entries({x: i * 8.4, y: 18 - height, width: 7, height,
      fill: n === 0 ? 'var(--line)' : (i < 2 ? 'var(--free_in_spans)' : 'var(--live)')})) {
      bar.setAttribute(key, value);
    }
    svg.append(bar);
  });
  svg.addEventListener('mousemove', (event) => showTooltip(event, `spans by part that is live\n${text.join('\n')}`));
  svg.addEventListener('mouseleave', hideTooltip);
  return svg;
}

function fill(part, whole) {
  const share = whole > 0 ? part / whole : 0;
  return element('span', {class: 'track'}, element('i', {class: 'fill', style: {width: `${100 * share}%`}}));
}

// columns: {title, value(row), show(row)}; a click on a title sorts by it.
function sortableTable(columns, rows, sortedBy) {
  const body = element('tbody');
  const state = {column: sortedBy, down: true};
  const fillBody = () => {
    const {value} = columns[state.column];
    const sorted = [...rows].sort((a, b) => (state.down ? value(b) - value(a) : value(a) - value(b)));
    body.replaceChildren(...sorted.map((row) => element('tr', {}, ...columns.map((column) => {
      const shown = column.show(row);
      return element('td', {}, ...(Array.isArray(shown) ? shown : [shown]));
    }))));
  };
  const sortBy = (i) => {
    state.down = state.column === i ? !state.down : true;
    state.column = i;
    fillBody();
  };
  const heads = columns.map((column, i) => element('th', {class: 'is-sortable', text: column.title,
    tabindex: 0, onclick: () => sortBy(i),
    onkeydown: (event) => { if (event.key === 'Enter') sortBy(i); }}));
  fillBody();
  return element('table', {}, element('thead', {}, element('tr', {}, ...heads)), body);
}

const slotCount = (row) => row.live_blocks + row.cached_blocks + row.free_blocks;

function showClasses(look) {
  if (look.classes.length === 0) return;
  byId('classes-section').hidden = false;
  const number = (title, key) => ({title, value: (row) => row[key], show: (row) => countText(row[key])});
  byId('classes').append(sortableTable([
    {title: 'block size', value: (row) => row.block_bytes, show: (row) => countText(row.block_bytes)},
    number('spans', 'spans'), number('live', 'live_blocks'), number('cached', 'cached_blocks'),
    number('free', 'free_blocks'),
    {title: 'live bytes', value: (row) => row.live_blocks * row.block_bytes,
      show: (row) => bytesText(row.live_blocks * row.block_bytes)},
    {title: 'free bytes', value: (row) => row.free_blocks * row.block_bytes + row.tail_bytes,
      show: (row) => bytesText(row.free_blocks * row.block_bytes + row.tail_bytes)},
    {title: 'in use', value: (row) => row.live_blocks / slotCount(row),
      show: (row) => [`${shareText(row.live_blocks, slotCount(row))} `, fill(row.live_blocks, slotCount(row))]},
    {title: 'spans by use', value: (row) => row.spans_by_use[0], show: (row) => histogram(row.spans_by_use)},
  ], look.classes, 5));
}

function showThreads(look) {
  const rows = look.threads.filter((row) => !row.is_shared || row.cached_blocks > 0);
  if (rows.length === 0) return;
  byId('threads-section').hidden = false;
  const count = (title, key) => ({title, value: (row) => row[key], show: (row) => countText(row[key])});
  const size = (title, key) => ({title, value: (row) => row[key], show: (row) => bytesText(row[key])});
  byId('threads').append(sortableTable([
    {title: 'thread', value: (row) => row.id, show: (row) => (row.id ? String(row.id) : row.address)},
    count('blocks', 'cached_blocks'), size('bytes', 'cached_bytes'),
    size('free pages', 'page_cache_bytes'), count('refills', 'refills'), count('flushes', 'flushes'),
  ], rows, 2));
  byId('threads').append(element('p', {class: 'hint', text: `On the shelf that all threads share: ` +
    `${countText(look.shelf.blocks)} blocks, ${bytesText(look.shelf.bytes)}.`}));
}
