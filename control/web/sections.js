// One function per section of the page: what the API said, shown. None of them asks for anything itself.

import { Chart } from './charts.js';
import { banDialog, pauseDialog, resume, unban } from './dialogs.js';
import { byId, chip, el, table } from './dom.js';
import { clock, count, micros, percent, seconds, short } from './format.js';

const CHARTS = [
  { title: 'Events per second', series: [
    { title: 'offered', value: (row) => row.offered }, { title: 'accepted', value: (row) => row.accepted },
    { title: 'refused', value: (row) => row.refused }, { title: 'delivered', value: (row) => row.delivered }] },
  { title: 'Waiting', series: [
    { title: 'events in queues', value: (row) => row.queued ?? 0 }, { title: 'deliveries in lanes', value: (row) => row.pending }] },
  { title: 'Received until delivered', format: (value) => seconds(value / 1e6), series: [
    { title: 'p50', value: (row) => row.p50_us ?? 0 }, { title: 'p99', value: (row) => row.p99_us ?? 0 }] },
  { title: 'Busiest core', format: percent, series: [{ title: 'share of its time', value: (row) => row.busiest ?? 0 }] },
];
let charts;

export function showHistory(rows) {
  charts ??= CHARTS.map((spec) => new Chart(byId('charts'), spec));
  charts.forEach((chart) => chart.show(rows));
}

function tile(title, value, more) {
  return el('div', {}, el('dt', {}, title), el('dd', {}, value, more ? el('small', {}, ` ${more}`) : null));
}

export function showStatus(status) {
  const { router = {}, events = {}, deliveries = {}, rates = {}, stages = [] } = status;
  byId('release').textContent = [router.release && `millrace ${router.release}`, router.durability === 'memory' ? 'VOLATILE: a restart forgets' : 'journal on disk',
    router.uptime_s !== undefined && `up ${seconds(router.uptime_s)}`].filter(Boolean).join(' · ');
  byId('tiles').replaceChildren(
    tile('Offered', short(rates.offered), '/s'), tile('Accepted', short(rates.accepted), '/s'),
    tile('Refused', short(rates.refused), '/s'), tile('Delivered', short(rates.delivered), '/s'),
    tile('In queues', short(events.queued), 'events'), tile('In lanes', short(deliveries.pending), 'deliveries'),
    tile('Dropped', short((events.dropped ?? 0) + (deliveries.dropped ?? 0)), 'since the start'));
  table(byId('stages'), 'Stages', [
    { title: 'Stage', cell: (stage) => stage.name }, { title: 'CPU', number: true, cell: (stage) => String(stage.cpu) },
    { title: 'Busy', number: true, cell: (stage) => percent(stage.busy) },
    { title: 'Step p99', number: true, cell: (stage) => micros(stage.step_p99_us) },
    { title: 'Longest step', number: true, cell: (stage) => micros(stage.step_max_us) },
    { title: 'Last step', number: true, cell: (stage) => stage.heartbeat_age_s === null ? '–' : `${seconds(stage.heartbeat_age_s)} ago` },
  ], stages, 'No stage has reported yet.');
  showBalances(events, deliveries);
}

function balance(title, equation, terms, off) {
  const sum = terms.map(([name, value]) => `${name} ${count(value)}`).join(' · ');
  return el('div', {}, el('h3', {}, title), el('p', { className: 'quiet' }, equation), el('p', {}, sum),
    el('p', {}, off ? chip(`off by ${count(off)}: a bug, please report it`, 'bad') : chip('balanced', 'good')));
}

function showBalances(events, deliveries) {
  byId('balances').replaceChildren(
    balance('Events', 'offered = accepted + refused; accepted = queued + distributed + dropped',
      ['offered', 'accepted', 'refused', 'queued', 'distributed', 'dropped'].map((name) => [name, events[name]]), events.off_balance),
    balance('Deliveries', 'matched = delivered + pending + dropped',
      ['matched', 'delivered', 'pending', 'dropped'].map((name) => [name, deliveries[name]]), deliveries.off_balance));
}

export function showLatencies(rows) {
  table(byId('latencies'), 'Latency of each hop', [
    { title: 'Hop', cell: (row) => row.help || row.name, className: 'wide' }, { title: 'Count', number: true, cell: (row) => count(row.count) },
    ...['p50', 'p90', 'p99', 'p999', 'max'].map((name) => ({ title: name, number: true, cell: (row) => micros(row[`${name}_us`]) })),
  ], rows, 'Nothing has been measured yet.');
}

export function showHot(answer, kind, may, changed) {
  const rows = answer.data ?? [];
  if (kind === 'endpoint') {
    byId('hot-window').textContent = 'since the start';
    showEndpoints(rows, byId('hot-table'));
    return;
  }
  const most = Math.max(1, ...rows.map((row) => row.rate ?? 0));
  byId('hot-window').textContent = answer.window_s ? `over the last ${seconds(answer.window_s)}; ± is the bound of the error` : '';
  const actions = (row) => may.operate ? [
    row.banned
      ? el('button', { type: 'button', className: 'plain', 'data-key': `hot-unban-${row.id}`, onclick: () => unban({ kind, id: row.id }, changed) }, 'Unban')
      : el('button', { type: 'button', className: 'danger', 'data-key': `hot-ban-${row.id}`, onclick: () => banDialog({ kind, id: row.id }, changed) }, 'Ban'),
    row.banned ? null : el('button', { type: 'button', className: 'plain', 'data-key': `hot-hold-${row.id}`, onclick: () => banDialog({ kind, id: row.id, mode: 'hold' }, changed) }, 'Hold'),
  ] : null;
  const owner = kind === 'object' ? ['app', 'workspace', 'database'].map((name) =>
    ({ title: name, className: 'id', cell: (row) => row[name] })) : [];
  const bar = (row) => {
    const line = el('span', { className: 'bar-of', 'aria-hidden': 'true' });
    line.style.width = `${Math.max(2, 100 * (row.rate ?? 0) / most)}%`;
    return line;
  };
  table(byId('hot-table'), `Hot: ${kind}`, [
    { title: kind, className: 'id', cell: (row) => [row.id, row.banned ? [' ', chip(String(row.banned === true ? 'banned' : row.banned), 'warn')] : null].flat() },
    { title: 'Per second', number: true, cell: (row) => [short(row.rate), bar(row)] },
    { title: 'Counted', number: true, cell: (row) => `${count(row.count)}${row.error ? ` ± ${count(row.error)}` : ''}` },
    { title: 'Refused', number: true, cell: (row) => count(row.refused) }, { title: 'In queue', number: true, cell: (row) => count(row.queued) },
    ...owner, ...(may.operate ? [{ title: 'Act', cell: actions }] : []),
  ], rows, 'Nothing is busy.');
}

const STATES = { active: 'good', behind: 'warn', failing: 'bad', gone: 'bad', disabled: 'warn' };

export function showWebhooks(rows) {
  table(byId('webhooks-table'), 'Webhooks', [
    { title: 'Webhook', cell: (row) => row.name || row.id, className: 'wide' }, { title: 'Endpoint', cell: (row) => row.origin, className: 'wide' },
    { title: 'State', cell: (row) => chip(row.failing_since ? 'failing' : row.state, row.failing_since ? 'bad' : STATES[row.state] ?? '') },
    { title: 'Last', number: true, cell: (row) => row.last_status ? String(row.last_status) : '–' },
    { title: 'Waiting', number: true, cell: (row) => count(row.pending) }, { title: 'Oldest', number: true, cell: (row) => row.lag_s ? seconds(row.lag_s) : '–' },
    { title: 'Done in', number: true, cell: (row) => row.eta_s === null || row.eta_s === undefined ? '–' : seconds(row.eta_s) },
    { title: 'Delivered', number: true, cell: (row) => count(row.delivered) }, { title: 'Dropped', number: true, cell: (row) => count(row.dropped) },
    { title: 'Failed', number: true, cell: (row) => count(row.requests_failed) },
  ], rows, 'There is no webhook yet. The configuration file or POST /api/1.0/webhooks makes one.');
}

export function showEndpoints(rows, place = byId('endpoints-table')) {
  table(place, 'Endpoints', [
    { title: 'Endpoint', cell: (row) => row.origin, className: 'wide' }, { title: 'Webhooks', number: true, cell: (row) => count(row.webhooks) },
    { title: 'Failing', number: true, cell: (row) => count(row.failing) },
    { title: 'Waiting', number: true, cell: (row) => count(row.pending) }, { title: 'Oldest', number: true, cell: (row) => row.oldest_s ? seconds(row.oldest_s) : '–' },
    { title: 'Requests', number: true, cell: (row) => count(row.requests) }, { title: 'Failed', number: true, cell: (row) => count(row.requests_failed) },
    { title: 'Last', number: true, cell: (row) => row.last_status ? String(row.last_status) : '–' },
    { title: 'Mean answer', number: true, cell: (row) => row.request_mean_ms === null ? '–' : seconds(row.request_mean_ms / 1e3) },
  ], rows, 'There is no endpoint yet.');
}

export function showLedgers(rows) {
  const columns = ['accepted', 'refused', 'queued', 'distributed', 'dropped'];
  table(byId('ledgers-table'), 'Ledgers', [
    { title: 'Id', className: 'id', cell: (row) => row.id },
    ...columns.map((name) => ({ title: name, number: true, cell: (row) => count(row[name]) })),
  ], rows, 'Nothing has been counted yet.');
}

function countdown(ban, now) {
  if (!ban.expires_at) return 'until lifted';
  const left = (new Date(ban.expires_at).getTime() - now) / 1000;
  return left > 0 ? seconds(Math.ceil(left)) : 'ending';
}

export function showBans(bans, may, changed) {
  const now = Date.now();
  table(byId('bans-table'), 'Bans in force', [
    { title: 'Scope', className: 'id', cell: (ban) => `${ban.kind} ${ban.scope}${ban.with_descendants ? ' and below' : ''}` },
    { title: 'Mode', cell: (ban) => ban.mode === 'throttle' ? `throttle, ${count(ban.rate)}/s` : ban.mode },
    { title: 'Left', number: true, cell: (ban) => countdown(ban, now) }, { title: 'Since', cell: (ban) => clock(ban.created_at) },
    { title: 'By', cell: (ban) => `${ban.author || '–'}${ban.direct ? ' (direct)' : ''}` }, { title: 'Why', className: 'wide', cell: (ban) => ban.reason || '–' },
    ...(may.operate ? [{ title: 'Act', cell: (ban) => el('button', { type: 'button', className: 'plain', 'data-key': `unban-${ban.kind}-${ban.scope}`, onclick: () => unban({ kind: ban.kind, id: ban.scope }, changed) }, 'Unban') }] : []),
  ], bans, 'Nothing is banned.');
}

export function showPauses(pauses, may, changed) {
  const on = new Map(pauses.map((pause) => [pause.what, pause]));
  const focused = document.activeElement?.dataset?.key;
  byId('pauses').replaceChildren(...['ingest', 'distribution', 'delivery'].map((what) => {
    const pause = on.get(what);
    return el('span', {}, `${what}: `,
      pause ? chip(`paused by ${pause.author || 'somebody'} since ${clock(pause.since)}`, 'bad') : chip('running', 'good'), ' ',
      may.operate ? el('button', { type: 'button', className: 'plain', 'data-key': `pause-${what}`, onclick: () => pause ? resume(what, changed) : pauseDialog(what, changed) },
        pause ? 'Resume' : 'Pause') : null);
  }));
  if (focused) byId('pauses').querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

const ORDER = { firing: 0, pending: 1, ok: 2 };

function alarmCard(alarm) {
  const evidence = Object.entries(alarm.evidence ?? {}).flatMap(([name, value]) =>
    [el('dt', {}, name.replaceAll('_', ' ')), el('dd', {}, String(value))]);
  return el('article', { className: `alarm ${alarm.state}` },
    el('h3', {}, chip(alarm.state, alarm.state === 'firing' ? 'bad' : 'warn'), ` ${alarm.summary || alarm.name}`),
    el('p', { className: 'quiet' }, `${alarm.name} · ${alarm.severity}${alarm.since ? ` · since ${clock(alarm.since)}` : ''}`),
    evidence.length ? el('dl', {}, evidence) : null,
    alarm.command ? el('code', {}, alarm.command) : null,
    alarm.command ? el('button', { type: 'button', className: 'plain', 'data-key': `copy-${alarm.name}`, onclick: () => navigator.clipboard?.writeText(alarm.command) }, 'Copy the command') : null,
    alarm.runbook ? el('p', {}, 'Runbook: ', /^https?:/.test(alarm.runbook)
      ? el('a', { href: alarm.runbook, rel: 'noreferrer' }, alarm.runbook) : el('code', {}, alarm.runbook)) : null);
}

export function showAlarms(alarms) {
  const busy = alarms.filter((alarm) => alarm.state !== 'ok').sort((a, b) => ORDER[a.state] - ORDER[b.state]);
  const firing = busy.filter((alarm) => alarm.state === 'firing').length;
  byId('alarm-count').hidden = firing === 0;
  byId('alarm-count').textContent = String(firing);
  const place = byId('alarms-list');
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place.replaceChildren(...(busy.length ? busy.map(alarmCard) : [el('p', { className: 'empty' }, `All ${alarms.length} alarms are quiet.`)]));
  if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

export function showAudit(rows) {
  table(byId('audit-table'), 'Audit', [
    { title: 'When', cell: (row) => clock(row.at) }, { title: 'Who', cell: (row) => `${row.who || '–'}${row.via === 'direct' ? ' (direct)' : ''}` },
    { title: 'Did', cell: (row) => row.act }, { title: 'Scope', className: 'id', cell: (row) => typeof row.scope === 'object' && row.scope ? `${row.scope.kind} ${row.scope.id}` : row.scope || '–' },
    { title: 'Result', cell: (row) => String(row.result ?? '–') },
  ], rows, 'Nobody has changed anything yet.');
}
