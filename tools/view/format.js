// SPDX-License-Identifier: MIT
// Numbers as text, elements, the tooltip.
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function bytesText(bytes) {
  let unit = 0;
  let value = bytes;
  for (; value >= 1023.95 && unit + 1 < UNITS.length; ++unit) value /= 1024;
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

const countText = (n) => n.toLocaleString('en');
const shareText = (part, whole) => (whole > 0 ? `${(100 * part / whole).toFixed(1)} %` : '–');

// element('td', {class: 'x', text: 'y', title: 'z'}, child, ...)
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') node.textContent = value;
    else if (name === 'style') Object.assign(node.style, value);
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const byId = (id) => document.getElementById(id);

function showTooltip(event, text) {
  const tooltip = byId('tooltip');
  tooltip.hidden = false;
  tooltip.textContent = text;
  const box = tooltip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
  const top = event.clientY + 18 + box.height < innerHeight
    ? event.clientY + 18 : event.clientY - box.height - 10;
  tooltip.style.left = `${Math.max(8, left)}px`;
  tooltip.style.top = `${Math.max(8, top)}px`;
}

function hideTooltip() { byId('tooltip').hidden = true; }

// A canvas as sharp as the screen; its context draws in CSS pixels.
function sizeCanvas(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
