// Elements out of descriptions. Text goes in as text, never as markup: most of it was sent by somebody.

export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key in node && typeof value !== 'string') node[key] = value;
    else node.setAttribute(key === 'className' ? 'class' : key, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

// A table of rows: columns are {title, cell(row), number, className}. Where the focus was, it stays.
export function table(place, caption, columns, rows, empty) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  if (rows.length === 0) {
    place.replaceChildren(el('p', { className: 'empty' }, empty));
    return;
  }
  const left = place.scrollLeft;
  const head = el('tr', {}, columns.map((column) =>
    el('th', { scope: 'col', className: column.number ? 'number' : null }, column.title)));
  const body = rows.map((row) => el('tr', {}, columns.map((column) =>
    el('td', { className: column.number ? 'number' : column.className }, column.cell(row) ?? '–'))));
  place.replaceChildren(el('table', {}, el('caption', {}, caption), el('thead', {}, head), el('tbody', {}, body)));
  place.scrollLeft = left;
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

export function chip(text, kind) {
  return el('span', { className: `chip ${kind}` }, text);
}

let silence;
export function say(text) {
  byId('said').textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { byId('said').textContent = ''; }, 8000);
}
