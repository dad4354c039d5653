// Numbers, durations and times as people read them.

const UNITS = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  for (const [scale, unit] of UNITS)
    if (size >= scale) return trim(value / scale) + unit;
  return trim(value);
}

function trim(value) {
  const size = Math.abs(value);
  if (size < 0.005) return '0';
  return size >= 100 || Number.isInteger(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

export function count(value) {
  return value === null || value === undefined ? '–' : Number(value).toLocaleString('en-US');
}

export function seconds(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (value < 1e-3) return `${trim(value * 1e6)} µs`;
  if (value < 1) return `${trim(value * 1e3)} ms`;
  if (value < 60) return `${trim(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.floor(value % 3600 / 60)} min`;
  return `${Math.floor(value / 86400)} d ${Math.floor(value % 86400 / 3600)} h`;
}

export function micros(value) {
  return value === null || value === undefined ? '–' : seconds(value / 1e6);
}

export function clock(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? '–' : at.toLocaleTimeString('en-GB');
}

export function percent(share) {
  return share === null || share === undefined ? '–' : `${Math.round(share * 100)} %`;
}
