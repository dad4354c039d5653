// A webhook receiver written against docs/WIRE.md's neighbours only: docs/LOAD.md and the Asana webhook contract. It shares no code
// with Millrace. It checks every request twice - HMAC over the raw bytes, and over what JavaScript makes of the JSON - and at
// the end every event against the sender's ledger: none rejected, lost, doubled or out of order.
//
//   node receiver.js PORT LEDGER PATHS     PATHS webhooks are expected; ends on SIGTERM, prints one JSON line, exits 0 or 1
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const [port, ledgerPath, paths] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const secrets = new Map(); // path -> secret
const bodies = new Map(); // path + webhook-id -> hash of the body
const lanes = new Map(); // path -> {last: object -> number, seen: numbers}
const report = {requests: 0, handshakes: 0, events: 0, rejected_raw: 0, rejected_reserialised: 0, redelivered: 0,
  changed_body: 0, duplicates: 0, out_of_order: 0, unexpected: 0, null_users: 0, non_ascii: 0, actions: {}};

function sign(secret, body) {
  return crypto.createHmac('sha256', secret).update(body).digest('hex');
}

// The event's number, by docs/LOAD.md: in the change value, else the parent, else the user.
function numberOf(event) {
  const change = event.change;
  const value = change && (change.new_value || change.added_value || change.removed_value);
  if (value)
    return Number(value.gid);
  if (event.parent)
    return Number(event.parent.gid);
  return Number(event.user.gid);
}

function take(lane, event) {
  const number = numberOf(event), object = event.resource.gid;
  report.events++;
  report.actions[event.action] = (report.actions[event.action] || 0) + 1;
  if (event.user === null)
    report.null_users++;
  if (lane.seen.has(number)) {
    report.duplicates++;
    return;
  }
  if (number <= (lane.last.get(object) || 0))
    report.out_of_order++;
  lane.last.set(object, number);
  lane.seen.add(number);
}

function deliver(path, headers, raw) {
  const secret = secrets.get(path), signature = headers['x-hook-signature'];
  const text = raw.toString('utf8'), parsed = JSON.parse(text);
  report.requests++;
  if (secret === undefined || sign(secret, raw) !== signature) {
    report.rejected_raw++;
    return 401;
  }
  if (sign(secret, JSON.stringify(parsed)) !== signature) {
    report.rejected_reserialised++;
    return 401;
  }
  if (/[^\x00-\x7f]/.test(text))
    report.non_ascii++;
  const key = path + ' ' + headers['webhook-id'], hash = sign('', raw);
  if (bodies.has(key)) {
    report.redelivered++;
    if (bodies.get(key) !== hash)
      report.changed_body++;
    return 200;
  }
  bodies.set(key, hash);
  for (const event of parsed.events)
    take(lanes.get(path), event);
  return 200;
}

function handle(request, response, raw) {
  const secret = request.headers['x-hook-secret'];
  if (secret !== undefined) {
    secrets.set(request.url, secret);
    lanes.set(request.url, {last: new Map(), seen: new Set()});
    report.handshakes++;
    response.setHeader('X-Hook-Secret', secret);
    response.end();
    return;
  }
  response.statusCode = deliver(request.url, request.headers, raw);
  response.end();
}

// docs/LOAD.md, the ledger: a page of header, then 16 bytes per number: time, object (low 56 bits) and state (high byte).
function accepted() {
  const file = fs.readFileSync(ledgerPath), numbers = [];
  for (let at = 4096, number = 1; at + 16 <= file.length; at += 16, number++) {
    if (file[at + 15] === 2)
      numbers.push(number);
  }
  return numbers;
}

function finish() {
  const numbers = accepted();
  report.accepted = numbers.length;
  report.paths = lanes.size;
  const wanted = new Set(numbers), found = new Set();
  for (const lane of lanes.values()) {
    for (const number of lane.seen) {
      found.add(number);
      if (!wanted.has(number))
        report.unexpected++;
    }
  }
  report.lost = numbers.filter((number) => !found.has(number)).length;
  const bad = report.rejected_raw + report.rejected_reserialised + report.changed_body + report.duplicates
    + report.out_of_order + report.unexpected + report.lost + (lanes.size === paths ? 0 : 1)
    + (report.accepted > 0 ? 0 : 1);
  console.log(JSON.stringify(report));
  process.exit(bad === 0 ? 0 : 1);
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => handle(request, response, Buffer.concat(parts)));
});
server.keepAliveTimeout = 60000;
server.listen(port, '127.0.0.1', () => console.error('listening'));
process.on('SIGTERM', finish);
