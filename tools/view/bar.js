// SPDX-License-Identifier: MIT
// Where the memory is: a bar of what is resident, a bar of what is mapped, a table for both.
function barParts(look) {
  const parts = CATEGORIES.map(({key, colour, isVirtual}) => {
    const row = look.categories[key];
    return {label: row.label, mapped: row.mapped_bytes, resident: row.resident_bytes || 0, colour,
      isVirtual, isHeap: true};
  });
  const greys = look.others.map((other, i) => ({
    label: other.label,
    mapped: other.mapped_bytes,
    resident: other.resident_bytes,
    colour: `color-mix(in srgb, var(--others) ${100 - 11 * i}%, var(--card))`,
  }));
  if (look.heap_rest_bytes) {
    parts.push({label: 'heap, in no category', mapped: 0, resident: look.heap_rest_bytes,
      colour: '--warn', isHeap: true});
  }
  return parts.concat(greys);
}

const cssColour = (colour) => (colour.startsWith('--') ? `var(${colour})` : colour);

function drawBar(parts, field, title) {
  const sum = parts.reduce((total, part) => total + part[field], 0);
  const bar = element('div', {class: 'bar', role: 'img',
    'aria-label': parts.filter((p) => p[field]).map((p) => `${p.label} ${bytesText(p[field])}`).join(', ')});
  for (const part of parts) {
    if (part[field] === 0) continue;
    const text = `${part.label}\n${bytesText(part[field])}, ${shareText(part[field], sum)} of ${title}`;
    bar.append(element('i', {
      class: part.isVirtual ? 'is-virtual' : '',
      style: {flex: `${part[field]} 0 0`, backgroundColor: cssColour(part.colour)},
      onmousemove: (event) => showTooltip(event, text),
      onmouseleave: hideTooltip,
    }));
  }
  return element('div', {class: 'bar-row'}, element('span', {text: title}), bar,
    element('span', {text: bytesText(sum)}));
}

function barTable(parts, knowsResident) {
  const total = (field, of) => of.reduce((sum, part) => sum + part[field], 0);
  const all = total('resident', parts);
  const cells = (label, part) => [
    element('td', {}, ...label),
    element('td', {text: bytesText(part.mapped)}),
    element('td', {text: knowsResident ? bytesText(part.resident) : '–'}),
    element('td', {text: knowsResident ? shareText(part.resident, all) : '–'}),
  ];
  const row = (part) => element('tr', {}, ...cells([swatch(part.colour, part.isVirtual), part.label], part));
  const sum = (label, of) => element('tr', {class: 'is-sum'}, ...cells([label],
    {mapped: total('mapped', of), resident: total('resident', of)}));
  const heap = parts.filter((part) => part.isHeap);
  const others = parts.filter((part) => !part.isHeap);
  const body = element('tbody', {}, ...heap.map(row), sum('the heap', heap), ...others.map(row));
  if (others.length) body.append(sum('the process', parts));
  return element('table', {}, element('thead', {}, element('tr', {},
    ...['', 'mapped', 'resident', 'of resident'].map((text) => element('th', {text})))), body);
}

function showBars(look) {
  const parts = barParts(look);
  const knowsResident = look.process_resident_bytes !== undefined;
  byId('bar-section').hidden = false;
  if (knowsResident) byId('bars').append(drawBar(parts, 'resident', 'resident'));
  byId('bars').append(drawBar(parts, 'mapped', 'mapped'));
  byId('bar-table').append(barTable(parts, knowsResident));
}
