// What an operator is asked before something is stopped: what it would hit, for how long, and why.

import { call, get, Refused } from './api.js';
import { byId, el, say } from './dom.js';
import { count } from './format.js';

const KINDS = ['object', 'app', 'workspace', 'database', 'user'];
const TTLS = [['900', '15 minutes'], ['3600', '1 hour'], ['86400', '1 day'], ['', 'until it is lifted']];

function open(...content) {
  const dialog = byId('dialog');
  const before = document.activeElement;
  dialog.replaceChildren(...content);
  dialog.onclose = () => { dialog.replaceChildren(); before?.focus?.(); };
  dialog.showModal();
  return dialog;
}

function close() {
  byId('dialog').close();
}

function title(text) {
  return el('h2', { id: 'dialog-title' }, text);
}

function field(label, control) {
  return el('label', { className: 'field' }, label, control);
}

function options(pairs, chosen) {
  return pairs.map(([value, text]) => el('option', { value, selected: value === chosen }, text));
}

function effectText(effect) {
  const parts = [`${count(effect.queued_events)} events wait in queues`, `${count(effect.pending_deliveries)} deliveries wait in lanes`];
  if (effect.recent_events !== undefined) parts.push(`about ${count(effect.recent_events)} events in the last minute`);
  return `${parts.join(', ')}${effect.replaced ? '; the ban that is there is replaced' : ''}.`;
}

function explain(error) {
  const fields = (error.problem?.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`);
  return [error.message, ...fields].join('. ');
}

// Runs what a form asks for; mistakes are said in the form.
function submit(form, act) {
  const error = el('p', { className: 'error', role: 'alert', hidden: true });
  form.append(error);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const buttons = [...form.querySelectorAll('button')];
    buttons.forEach((button) => { button.disabled = true; });
    try {
      await act();
    } catch (failure) {
      error.textContent = explain(failure);
      error.hidden = false;
    } finally {
      buttons.forEach((button) => { button.disabled = false; });
    }
  });
}

export function banDialog(scope, changed) {
  const kind = el('select', { name: 'kind' }, options(KINDS.map((name) => [name, name]), scope?.kind ?? 'object'));
  const id = el('input', { name: 'id', required: true, inputMode: 'numeric', pattern: '[0-9]{1,20}', autocomplete: 'off', value: scope?.id ?? '' });
  const mode = el('select', { name: 'mode' }, options([['drop', 'drop: refuse its events'], ['hold', 'hold: let them wait'], ['throttle', 'throttle to a rate']], scope?.mode ?? 'drop'));
  const rate = el('input', { name: 'rate', type: 'number', min: 1, max: 4294967295, value: '100' });
  const rateField = field('Events per second', rate);
  const ttl = el('select', { name: 'ttl' }, options(TTLS, '3600'));
  const reason = el('input', { name: 'reason', maxLength: 127, required: true, autocomplete: 'off' });
  const descendants = el('input', { name: 'descendants', type: 'checkbox' });
  const purge = el('input', { name: 'purge', type: 'checkbox' });
  const effect = el('p', { className: 'effect', role: 'status', hidden: true });
  const form = el('form', { method: 'dialog' },
    el('div', { className: 'row' }, field('Scope', kind), field('Id', id)),
    field('Mode', mode), rateField, field('For', ttl), field('Why (others will read it)', reason),
    el('label', {}, descendants, ' also events that name the object among their ancestors'),
    el('label', {}, purge, ' drop what waits of it already'),
    effect,
    el('div', { className: 'actions' },
      el('button', { type: 'button', className: 'plain', onclick: close }, 'Cancel'),
      el('button', { type: 'button', className: 'plain', id: 'dry-run', onclick: () => preview() }, 'What would it hit?'),
      el('button', { className: 'danger', id: 'ban-now' }, 'Ban')));
  const body = () => ({
    kind: kind.value, id: id.value, mode: mode.value,
    ...(mode.value === 'throttle' ? { rate: Number(rate.value) } : {}),
    ...(descendants.checked ? { with_descendants: true } : {}),
    ...(ttl.value ? { ttl_s: Number(ttl.value) } : {}),
    ...(purge.checked ? { purge: true } : {}),
    reason: reason.value || 'only asked',
  });
  const fit = () => {
    rateField.hidden = mode.value !== 'throttle';
    descendants.disabled = kind.value !== 'object';
    if (descendants.disabled) descendants.checked = false;
  };
  const preview = async () => {
    if (!id.reportValidity()) return;
    effect.hidden = false;
    try {
      effect.textContent = effectText((await call('POST', '/v1/bans?dry_run=true', body())).effect);
    } catch (failure) {
      effect.textContent = explain(failure);
    }
  };
  kind.onchange = mode.onchange = fit;
  fit();
  submit(form, async () => {
    const answer = await call('POST', '/v1/bans', body());
    close();
    say(`${body().kind} ${body().id} is banned on every core (${answer.took_ms} ms). Undo it under Bans.`);
    changed();
  });
  open(title(scope ? `Ban ${scope.kind} ${scope.id}` : 'Ban a scope'), form);
  if (scope) preview();
}

export async function unban(ban, changed) {
  try {
    const answer = await call('DELETE', `/v1/bans/${ban.kind}/${ban.id}`);
    say(`${ban.kind} ${ban.id} is free again (${answer.took_ms ?? '–'} ms); what was held goes out in order.`);
  } catch (failure) {
    say(explain(failure));
  }
  changed();
}

export function pauseDialog(what, changed) {
  const ttl = el('select', { name: 'ttl' }, options(TTLS.slice(0, 3), '900'));
  const reason = el('input', { name: 'reason', maxLength: 127, required: true, autocomplete: 'off' });
  const form = el('form', { method: 'dialog' }, field('For', ttl), field('Why (others will read it)', reason),
    el('p', { className: 'effect' }, 'This stops it for everybody. It is an alarm while it lasts.'),
    el('div', { className: 'actions' },
      el('button', { type: 'button', className: 'plain', onclick: close }, 'Cancel'),
      el('button', { className: 'danger' }, 'Pause')));
  submit(form, async () => {
    await call('PUT', `/v1/pauses/${what}`, { ttl_s: Number(ttl.value), reason: reason.value });
    close();
    say(`${what} is paused.`);
    changed();
  });
  open(title(`Pause ${what}`), form);
}

export async function resume(what, changed) {
  try {
    await call('DELETE', `/v1/pauses/${what}`);
    say(`${what} goes on.`);
  } catch (failure) {
    say(explain(failure));
  }
  changed();
}

export function loginDialog(token, why, changed) {
  if (byId('dialog').open) return;
  const input = el('input', { name: 'token', type: 'password', required: true, autocomplete: 'off', spellcheck: 'false' });
  const form = el('form', { method: 'dialog' },
    why ? el('p', { className: 'error' }, why) : null,
    field('Token (millrace tokens add makes one)', input),
    el('p', { className: 'quiet' }, 'It is kept until this tab is closed.'),
    el('div', { className: 'actions' }, el('button', {}, 'Sign in')));
  submit(form, async () => {
    token(input.value.trim());
    try {
      await get('/v1/status');
    } catch (failure) {
      if (failure instanceof Refused && failure.status === 401) {
        token(null);
        throw new Error('This token is not known here.');
      }
    }
    close();
    changed();
  });
  open(title('Sign in'), form);
}
