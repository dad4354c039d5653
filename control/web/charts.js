// Lines over the last minutes. The chart library is there or it is not: without it the newest values stand alone.

import { el } from './dom.js';
import { short } from './format.js';

const KEYS = ['one', 'two', 'three', 'four'];
// Its legend writes style attributes, which the page's policy forbids; the caption says what it would.
if (window.Dygraph) window.Dygraph.PLUGINS = window.Dygraph.PLUGINS.filter((plugin) => plugin !== window.Dygraph.Plugins.Legend);
const DASHES = [null, [7, 3], [2, 3], [9, 3, 2, 3]];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// {title, unit, series: [{title, value(row)}]}
export class Chart {
  constructor(place, spec) {
    this.spec = spec;
    this.log = false;
    this.plot = el('div', { className: 'plot', role: 'img', 'aria-label': spec.title });
    this.scale = el('button', { type: 'button', className: 'plain', 'aria-pressed': 'false', onclick: () => this.toggle() }, 'log');
    this.values = spec.series.map(() => el('span', { className: 'value' }));
    const keys = spec.series.map((series, i) =>
      el('span', {}, el('span', { className: `key ${KEYS[i]}${DASHES[i] ? ' dashed' : ''}` }, series.title), this.values[i]));
    place.append(el('figure', {}, el('figcaption', {}, el('strong', {}, spec.title), this.scale, el('span', { className: 'keys' }, keys)), this.plot));
  }

  toggle() {
    this.log = !this.log;
    this.scale.setAttribute('aria-pressed', String(this.log));
    this.graph?.updateOptions({ logscale: this.log });
  }

  options(rows) {
    const unit = this.spec.format ?? short;
    return {
      file: rows,
      labels: ['time', ...this.spec.series.map((series) => series.title)],
      colors: this.spec.series.map((series, i) => colour(KEYS[i])),
      axes: {
        x: { gridLineColor: colour('grid') },
        y: { axisLabelFormatter: unit, valueFormatter: unit, axisLabelWidth: 56, gridLineColor: colour('grid') },
      },
    };
  }

  // Rows of /v1/history; redrawn whole, which is cheap.
  show(rows) {
    const data = rows.map((row) => [new Date(row.at), ...this.spec.series.map((series) => {
      const value = series.value(row);
      return this.log && value <= 0 ? null : value;
    })]);
    const last = rows.at(-1);
    const say = this.spec.format ?? short;
    this.plot.setAttribute('aria-label', `${this.spec.title}: ${this.spec.series.map((series) =>
      `${series.title} ${last ? say(series.value(last)) : 'unknown'}`).join(', ')}`);
    this.read(this.spec.series.map((series) => last ? series.value(last) : null));
    if (!window.Dygraph || data.length < 2) return;
    if (this.graph) {
      this.graph.updateOptions(this.options(data));
      return;
    }
    const dashes = Object.fromEntries(this.spec.series.map((series, i) => [series.title, { strokePattern: DASHES[i] }]));
    this.graph = new window.Dygraph(this.plot, data, {
      ...this.options(data), series: dashes, legend: 'never', includeZero: true, strokeWidth: 1.6, drawPoints: false,
      interactionModel: { mousemove: window.Dygraph.defaultInteractionModel?.mousemove }, rightGap: 8, connectSeparatedPoints: true,
      highlightCallback: (event, x, points, index) => this.read(this.spec.series.map((series, i) => this.graph.getValue(index, i + 1))),
    });
  }

  // The values under the pointer, else the newest ones, stand beside the names.
  read(values) {
    const say = this.spec.format ?? short;
    values.forEach((value, i) => { this.values[i].textContent = ` ${say(value)}`; });
  }
}
