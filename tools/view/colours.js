// SPDX-License-Identifier: MIT
// What colour stands for what. The colours themselves are custom properties of page.css; they differ
// in lightness, too, so that they can be told apart without seeing hues.
const CATEGORIES = [
  {key: 'live_bytes', colour: '--live'},
  {key: 'free_in_spans_bytes', colour: '--free_in_spans'},
  {key: 'thread_cache_bytes', colour: '--thread_cache'},
  {key: 'central_cache_bytes', colour: '--central_cache'},
  {key: 'page_cache_bytes', colour: '--page_cache'},
  {key: 'free_pages_bytes', colour: '--free_pages'},
  {key: 'metadata_bytes', colour: '--metadata'},
  {key: 'collected_bytes', colour: '--solo'},
  {key: 'released_bytes', colour: '--released', isVirtual: true},
];

const LABELS = {
  live_bytes: 'live',
  free_in_spans_bytes: 'free in spans',
  thread_cache_bytes: 'in thread caches',
  central_cache_bytes: 'in central caches',
  page_cache_bytes: 'in page caches',
  free_pages_bytes: 'free pages',
  metadata_bytes: 'metadata',
  collected_bytes: 'collected heap',
  released_bytes: 'released',
};

let computed = null;

function colourOf(property) {
  computed = computed || getComputedStyle(document.documentElement);
  return computed.getPropertyValue(property).trim();
}

function isDark() { return document.documentElement.dataset.theme === 'dark'; }

// Follows the system until the reader chooses; `redraw` is for what is on canvases.
function initTheme(redraw) {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const set = (dark) => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    computed = null;
    redraw();
  };
  system.addEventListener('change', (event) => set(event.matches));
  byId('theme').addEventListener('click', () => set(!isDark()));
  const wanted = new URLSearchParams(location.search).get('theme');
  set(wanted ? wanted === 'dark' : system.matches);
}

// Small classes run from blue to magenta; a full span has the whole colour, an empty one hardly any.
function spanColour(share, fullness) {
  const hue = 238 + 112 * share;
  const strength = 0.12 + 0.88 * fullness;
  const lightness = isDark() ? 0.27 + 0.43 * strength : 0.95 - 0.45 * strength;
  return `oklch(${lightness.toFixed(3)} ${(0.02 + 0.15 * strength).toFixed(3)} ${hue.toFixed(0)})`;
}

// Spans of the collected heap are green.
function collectedColour(fullness) {
  const strength = 0.12 + 0.88 * fullness;
  const lightness = isDark() ? 0.27 + 0.43 * strength : 0.95 - 0.42 * strength;
  return `oklch(${lightness.toFixed(3)} ${(0.02 + 0.13 * strength).toFixed(3)} 150)`;
}

// New is warm, old is cold and dim.
function ageColour(age) {
  const old = Math.min(1, Math.log2(1 + age) / 8);
  const lightness = isDark() ? 0.78 - 0.42 * old : 0.58 + 0.32 * old;
  return `oklch(${lightness.toFixed(3)} ${(0.17 - 0.13 * old).toFixed(3)} ${(45 + 190 * old).toFixed(0)})`;
}

function swatch(colour, isVirtual) {
  return element('i', {class: isVirtual ? 'swatch is-virtual' : 'swatch',
    style: {backgroundColor: colour.startsWith('--') ? `var(${colour})` : colour}});
}
