// SPDX-License-Identifier: MIT
// Memory over the time of a run: what is mapped, by use, as stacked areas; resident size and limit as
// lines.
const SERIES_HEIGHT = 340;
const MARGIN = {left: 74, right: 14, top: 12, bottom: 28};
const AREAS = CATEGORIES.filter((category) => !category.isVirtual);
const LINES = [
  {key: 'process_resident_bytes', label: 'resident (process)', colour: '--rss', dash: []},
  {key: 'limit_bytes', label: 'limit', colour: '--limit', dash: [6, 4]},
];

// Round steps of a scale from 0 to about `most`.
function ticks(most, count, bases) {
  const rough = most / count;
  let unit = 1;
  while (unit * bases[bases.length - 1] < rough) unit *= bases[bases.length - 1];
  const step = unit * (bases.find((base) => unit * base >= rough) || bases[bases.length - 1]);
  const values = [];
  for (let value = 0; value <= most; value += step) values.push(value);
  return values;
}

class SeriesView {
  constructor(moments) {
    this.moments = moments;
    this.canvas = element('canvas', {role: 'img', 'aria-label': 'Memory over time'});
    this.marked = -1;
    byId('series').append(this.canvas);
    const peak = (key) => Math.max(...moments.map((m) => m[key] || 0));
    const mapped = Math.max(...moments.map((m) => AREAS.reduce((sum, {key}) => sum + m[key], 0)));
    const shown = Math.max(mapped, peak('process_resident_bytes'));
    const limit = peak('limit_bytes');
    this.lines = LINES.filter(({key}) => key !== 'limit_bytes' || (limit > 0 && limit < 3 * shown));
    this.most = Math.max(1, shown, this.lines.length > 1 ? limit : 0) * 1.04;
    this.last = Math.max(1, moments[moments.length - 1].time_ms);
    byId('series-legend').append(...AREAS.map(({key, colour}) => element('span', {}, swatch(colour), LABELS[key])),
      ...this.lines.map(({label, colour}) => element('span', {}, swatch(colour), label)));
    this.canvas.addEventListener('mousemove', (event) => this.mark(event));
    this.canvas.addEventListener('mouseleave', () => { this.marked = -1; hideTooltip(); this.draw(); });
    addEventListener('resize', () => this.draw());
    this.draw();
  }

  x(time) { return MARGIN.left + (this.width - MARGIN.left - MARGIN.right) * time / this.last; }
  y(bytes) { return SERIES_HEIGHT - MARGIN.bottom - (SERIES_HEIGHT - MARGIN.top - MARGIN.bottom) * bytes / this.most; }

  draw() {
    this.width = byId('series').clientWidth || 1000;
    const context = sizeCanvas(this.canvas, this.width, SERIES_HEIGHT);
    this.drawScales(context);
    const sums = this.moments.map(() => 0);
    for (const {key, colour} of AREAS) this.drawArea(context, key, colourOf(colour), sums);
    for (const line of this.lines) this.drawLine(context, line);
    if (this.marked < 0) return;
    const x = this.x(this.moments[this.marked].time_ms);
    context.fillStyle = colourOf('--soft');
    context.fillRect(x - 0.5, MARGIN.top, 1, SERIES_HEIGHT - MARGIN.top - MARGIN.bottom);
  }

  drawScales(context) {
    context.font = '11px system-ui, sans-serif';
    context.textAlign = 'right';
    const megabyte = this.most > 4 << 20 ? 1 << 20 : 1 << 10;
    for (const value of ticks(this.most / megabyte, 5, [1, 2, 4, 5, 8, 10])) {
      const y = this.y(value * megabyte);
      context.fillStyle = colourOf('--line');
      context.fillRect(MARGIN.left, y, this.width - MARGIN.left - MARGIN.right, 1);
      context.fillStyle = colourOf('--soft');
      context.fillText(bytesText(value * megabyte), MARGIN.left - 8, y + 4);
    }
    context.textAlign = 'center';
    for (const value of ticks(this.last / 1000, 8, [0.1, 0.2, 0.5, 1, 2, 5, 10])) {
      context.fillText(`${Number(value.toFixed(2))} s`, this.x(value * 1000), SERIES_HEIGHT - 8);
    }
  }

  // `sums` is what lies below, and is raised by this area.
  drawArea(context, key, colour, sums) {
    const times = this.moments.map((m) => this.x(m.time_ms));
    context.beginPath();
    for (let i = 0; i < times.length; ++i) context.lineTo(times[i], this.y(sums[i] + this.moments[i][key]));
    for (let i = times.length - 1; i >= 0; --i) context.lineTo(times[i], this.y(sums[i]));
    context.fillStyle = colour;
    context.fill();
    this.moments.forEach((moment, i) => { sums[i] += moment[key]; });
  }

  drawLine(context, {key, colour, dash}) {
    context.beginPath();
    for (const moment of this.moments) {
      if (moment[key]) context.lineTo(this.x(moment.time_ms), this.y(moment[key]));
    }
    context.setLineDash(dash);
    context.lineWidth = 2;
    context.strokeStyle = colourOf('--card');
    context.lineWidth = 4;
    context.stroke();
    context.strokeStyle = colourOf(colour);
    context.lineWidth = 2;
    context.stroke();
    context.setLineDash([]);
  }

  mark(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const distance = (m) => Math.abs(this.x(m.time_ms) - x);
    this.marked = this.moments.reduce((best, m, i) => (distance(m) < distance(this.moments[best]) ? i : best), 0);
    const moment = this.moments[this.marked];
    this.draw();
    const lines = [...AREAS.map(({key}) => ({key, label: LABELS[key]})),
      {key: 'released_bytes', label: 'released'}, ...this.lines];
    showTooltip(event, [`${(moment.time_ms / 1000).toFixed(2)} s`,
      ...lines.map(({key, label}) => `${label}: ${bytesText(moment[key] || 0)}`)].join('\n'));
  }
}
