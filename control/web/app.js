// The page's clock: asks for what each section shows, as often as it is worth, and says when it cannot.

import { Refused, get, token } from './api.js';
import { banDialog, loginDialog } from './dialogs.js';
import { byId } from './dom.js';
import * as show from './sections.js';

const STALE_S = 3;
const HISTORY_S = 300;
const may = { operate: false };
let bans = [];
let failures = 0;

const JOBS = [
  { every: 1, path: () => '/v1/status', then: (answer) => { takeStatus(answer); show.showStatus(answer); } },
  { every: 1, path: () => `/v1/history?seconds=${HISTORY_S}`, then: (answer) => show.showHistory(rowsOf(answer)) },
  { every: 2, path: () => `/v1/hot?kind=${value('hot-kind')}&by=${value('hot-by')}&limit=12`,
    then: (answer) => show.showHot(answer, value('hot-kind'), may, soon) },
  { every: 2, path: () => '/v1/bans?limit=200', then: (answer) => { bans = answer.data ?? []; } },
  { every: 2, path: () => '/v1/pauses', then: (answer) => show.showPauses(answer.data ?? [], may, soon) },
  { every: 2, path: () => '/v1/alarms', then: (answer) => show.showAlarms(answer.data ?? []) },
  { every: 3, path: () => '/v1/webhooks?limit=100', then: (answer) => show.showWebhooks(answer.data ?? []) },
  { every: 5, path: () => '/v1/endpoints?limit=100', then: (answer) => show.showEndpoints(answer.data ?? []) },
  { every: 5, path: () => `/v1/ledgers?kind=${value('ledger-kind')}&limit=100`, then: (answer) => show.showLedgers(answer.data ?? []) },
  { every: 5, path: () => '/v1/latencies', then: (answer) => show.showLatencies(answer.data ?? []) },
  { every: 5, path: () => '/v1/audit?limit=20', then: (answer) => show.showAudit(answer.data ?? []) },
];

function value(id) {
  return byId(id).value;
}

// Arrays by column, or one object a second.
function rowsOf(answer) {
  if (Array.isArray(answer.data)) return answer.data;
  const names = Object.keys(answer).filter((name) => Array.isArray(answer[name]));
  return (answer.at ?? []).map((at, i) => Object.fromEntries(names.map((name) => [name, answer[name][i]])));
}

function setState(text, kind, notice) {
  byId('state').textContent = text;
  byId('state').className = `chip ${kind}`;
  byId('notice').textContent = notice ?? '';
  byId('notice').hidden = !notice;
  document.body.classList.toggle('stale', Boolean(notice));
}

function takeStatus(answer) {
  const router = answer.router ?? {};
  may.operate = ['operate', 'admin'].includes(answer.role);
  byId('new-ban').hidden = !may.operate;
  byId('session').hidden = !token();
  if (router.connected === false)
    setState('router not reachable', 'bad', 'The control daemon has lost the data plane. Figures are the last ones it saw; millrace --direct status asks the router itself.');
  else if ((router.stale_s ?? 0) > STALE_S)
    setState('stale', 'warn', `The last figures are ${Math.round(router.stale_s)} s old: the router is stopped, or very busy.`);
  else
    setState(router.state ?? 'running', router.state === 'running' ? 'good' : 'warn');
}

function failed(error) {
  if (error instanceof Refused && (error.status === 401 || error.status === 403) && !may.operate) {
    if (error.status === 401) loginDialog(token, token() ? 'The token is not accepted any more.' : '', soon);
    return;
  }
  if (error instanceof Refused) return; // one section has nothing to say
  failures++;
  if (failures >= 2)
    setState('disconnected', 'bad', 'The control daemon does not answer. This page tries again every second; the router goes on without it.');
}

async function run(job) {
  if (job.busy) return;
  job.busy = true;
  try {
    const answer = await get(job.path());
    failures = 0;
    job.then(answer);
  } catch (error) {
    failed(error);
  } finally {
    job.busy = false;
  }
}

function soon() {
  JOBS.forEach(run);
}

let second = 0;
function tick() {
  if (document.hidden || byId('dialog').querySelector('input[type=password]')) return;
  JOBS.filter((job) => second % job.every === 0).forEach(run);
  show.showBans(bans, may, soon);
  second++;
}

function themes() {
  const root = document.documentElement;
  const kept = localStorage.getItem('millrace-theme');
  if (kept) root.dataset.theme = kept;
  byId('theme').onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    localStorage.setItem('millrace-theme', root.dataset.theme);
  };
}

themes();
byId('new-ban').onclick = () => banDialog(null, soon);
byId('session').onclick = () => { token(null); location.reload(); };
for (const id of ['hot-kind', 'hot-by', 'ledger-kind']) byId(id).onchange = soon;
document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
tick();
setInterval(tick, 1000);
