// A receiver of webhooks: shakes hands (but for /refuse), verifies signatures with a secret of the path, counts. GET /state tells.
//
//   node asana_receiver.mjs PORT
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

const state = { secrets: {}, verified: {}, wrong: 0 };
const sign = (secret, body) => createHmac('sha256', secret).update(body).digest('hex');

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    const secret = request.headers['x-hook-secret'];
    if (request.url === '/state') {
      response.end(JSON.stringify(state));
    } else if (request.url === '/refuse') {
      response.writeHead(404).end();
    } else if (secret !== undefined) {
      (state.secrets[request.url] ??= []).push(secret);
      response.writeHead(200, { 'X-Hook-Secret': secret }).end();
    } else {
      const right = (state.secrets[request.url] ?? []).some((known) => sign(known, body) === request.headers['x-hook-signature']);
      if (right)
        state.verified[request.url] = (state.verified[request.url] ?? 0) + JSON.parse(body).events.length;
      else
        state.wrong++;
      response.writeHead(right ? 200 : 401).end();
    }
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
