// Asana's own client library, unmodified, against millrace-controld: creates, lists, pages, gets, updates and deletes webhooks.
//
//   node asana_client.mjs BASE-URL TOKEN-FILE OTHER-TOKEN-FILE RECEIVER-URL
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Asana from 'asana';

const [base, tokenFile, otherFile, receiver] = process.argv.slice(2);
const tokens = [tokenFile, otherFile].map((file) => readFileSync(file, 'utf8').trim());
const client = Asana.ApiClient.instance;
client.basePath = base;
const become = (token) => { client.authentications.token.accessToken = token; };
const webhooks = new Asana.WebhooksApi();

const refused = async (promise, status, words) => {
  const error = await promise.then(() => null, (e) => e);
  assert.ok(error, `expected ${status}`);
  assert.equal(error.status, status, error.response?.text);
  assert.match(JSON.parse(error.response.text).errors[0].message, words);
};
const create = (resource, path, filters) =>
  webhooks.createWebhook({ data: { resource, target: receiver + path, ...(filters && { filters }) } }, {});

become(tokens[0]);
const filters = [{ resource_type: 'task', action: 'changed', fields: ['name', 'notes'] }, { resource_type: 'story' }];
const first = await create('5001', '/a', filters);
assert.match(first.data.gid, /^[0-9]+$/);
assert.equal(first.data.resource_type, 'webhook');
assert.equal(first.data.resource.gid, '5001');
assert.equal(first.data.target, `${receiver}/a`);
assert.deepEqual(first.data.filters, filters);
const state = async () => (await fetch(`${receiver}/state`)).json();
assert.equal(first['X-Hook-Secret'], (await state()).secrets['/a'][0], 'the secret of the handshake stands beside the data');

const duplicate = 'Duplicated webhook. You already have an existing webhook for the given resource and target. Delete the old one before creating another.';
await refused(create('5001', '/a'), 403, new RegExp(`^${duplicate}$`));
await refused(create('5001', '/refuse'), 400, /handshake/);
await refused(webhooks.createWebhook({ data: { resource: '5001', target: 'http://localhost:1/' } }, {}), 403, /localhost/);
await refused(webhooks.createWebhook({ data: { resource: '5001', target: 'http://10.0.0.1/' } }, {}), 403, /allow_targets/);
await refused(webhooks.createWebhook({ data: { resource: 'x', target: `${receiver}/b` } }, {}), 400, /^resource: /);
await refused(create('5001', '/b', [{ action: 'eaten' }]), 400, /filters/);
await refused(webhooks.createWebhook({ data: { resource: '7', resource_type: 'workspace', target: `${receiver}/b` } }, {}), 400, /needs filters/);
await refused(webhooks.getWebhooks('', {}), 400, /workspace/);

for (const path of ['/b', '/c', '/d', '/e'])
  await create('5002', path);
const gids = new Set();
let page = await webhooks.getWebhooks('21', { limit: 2 });
for (let pages = 0; page?.data; pages++) {
  assert.ok(page.data.length <= 2 && pages < 4);
  page.data.forEach((webhook) => gids.add(webhook.gid));
  page = await page.nextPage();
}
assert.equal(gids.size, 5, 'paging finds each once');
const ofResource = await webhooks.getWebhooks('21', { resource: '5001' });
assert.deepEqual(ofResource.data.map((webhook) => webhook.gid), [first.data.gid]);
assert.deepEqual((await webhooks.getWebhooks('22', {})).data, []);

const got = await webhooks.getWebhook(first.data.gid, {});
for (const field of ['active', 'created_at', 'last_success_at', 'last_failure_at', 'last_failure_content', 'delivery_retry_count',
  'next_attempt_after', 'failure_deletion_timestamp', 'filters'])
  assert.ok(field in got.data, field);
assert.equal(got.data.active, true);
assert.deepEqual(Object.keys((await webhooks.getWebhook(first.data.gid, { opt_fields: 'target,resource.gid' })).data).sort(),
  ['gid', 'resource', 'target']);

const narrower = [{ resource_type: 'task', action: 'added' }];
const updated = await webhooks.updateWebhook({ data: { filters: narrower } }, first.data.gid, {});
assert.deepEqual(updated.data.filters, narrower);
assert.deepEqual((await webhooks.getWebhook(first.data.gid, {})).data.filters, narrower);
await webhooks.updateWebhook({ data: { filters: [] } }, first.data.gid, {});

become(tokens[1]); // another user: nothing of it is there
assert.deepEqual((await webhooks.getWebhooks('21', {})).data, []);
await refused(webhooks.getWebhook(first.data.gid, {}), 404, /Unknown object/);
await refused(webhooks.deleteWebhook(first.data.gid), 404, /Unknown object/);
await refused(webhooks.updateWebhook({ data: { filters: [] } }, first.data.gid, {}), 404, /Unknown object/);
const theirs = await create('5001', '/a'); // no duplicate: it is another user's
await webhooks.deleteWebhook(theirs.data.gid);

become(tokens[0]);
for (const gid of gids)
  if (gid !== first.data.gid)
    assert.deepEqual((await webhooks.deleteWebhook(gid)).data, {});
await refused(webhooks.getWebhook([...gids].find((gid) => gid !== first.data.gid), {}), 404, /Unknown object/);
assert.equal((await webhooks.getWebhooks('21', {})).data.length, 1);
become('nonsense');
await refused(webhooks.getWebhooks('21', {}), 401, /token/);
console.log(first.data.gid);
