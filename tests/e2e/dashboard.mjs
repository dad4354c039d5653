// Clicks through the dashboard as an operator would: dashboard.mjs URL TOKEN-FILE SHOTS-DIRECTORY ROUTER-PID. Exit 0: everything held.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { chromium } from 'playwright-core';

const [url, tokenFile, shots, router] = process.argv.slice(2);
const token = fs.readFileSync(tokenFile, 'utf8').trim();
const axe = fs.readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const complaints = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  // What the API refuses is told on the page; a browser lists it, too.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (401|404|503)|ERR_CONNECTION_REFUSED/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  await page.fill('input[type=password]', token);
  await page.keyboard.press('Enter');
  await page.locator('#state', { hasText: 'running' }).waitFor();
  await page.locator('#charts canvas').first().waitFor();
  return page;
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const one of violations) complaints.push(`${what}: ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target).join(', ')}`);
}

const page = await open(1280, 900, 'light');
const row = page.locator('#hot-table tr', { hasText: '999999' }).first();
await row.waitFor();
assert.match(await row.innerText(), /\b1\b[^]*30\d[^]*10\d/, 'the hot object stands there with app, workspace and database');
await accessible(page, 'page');

// By keyboard alone: to the button, into the dialog, out of it again.
await row.locator('button', { hasText: 'Ban' }).focus();
await page.keyboard.press('Enter');
await page.locator('dialog[open]').waitFor();
await page.keyboard.press('Escape');
await page.locator('dialog[open]').waitFor({ state: 'detached' });

await row.locator('button', { hasText: 'Ban' }).click();
await page.locator('dialog .effect', { hasText: 'wait in queues' }).waitFor();
await page.fill('dialog input[name=reason]', 'a task in a loop');
await page.selectOption('dialog select[name=ttl]', '900');
await accessible(page, 'dialog');
await page.screenshot({ path: `${shots}/dashboard-ban.png` });
await page.click('#ban-now');
const ban = page.locator('#bans-table tr', { hasText: 'object 999999' });
await ban.waitFor();
assert.match(await ban.innerText(), /\d+ min \d+ s/, 'the ban counts down');
await page.locator('#tiles').waitFor();
await page.waitForTimeout(4000);
await page.evaluate(() => window.scrollTo(0, 0));
await page.screenshot({ path: `${shots}/dashboard-light.png`, fullPage: true });
await page.locator('#bans-table button', { hasText: 'Unban' }).click();
await page.locator('#bans-table', { hasText: 'Nothing is banned' }).waitFor();

const dark = await open(1280, 900, 'dark');
await dark.waitForTimeout(3000);
await accessible(dark, 'dark');
await dark.screenshot({ path: `${shots}/dashboard-dark.png` });
const narrow = await open(390, 844, 'light');
await narrow.waitForTimeout(3000);
await accessible(narrow, 'narrow');
assert.equal(await narrow.evaluate(() => document.documentElement.scrollWidth), 390, 'nothing hangs over at 390 pixels');
await narrow.screenshot({ path: `${shots}/dashboard-narrow.png` });

process.kill(Number(router), 'SIGKILL');
await page.locator('#notice', { hasText: 'lost the data plane' }).waitFor({ timeout: 15000 });
await accessible(page, 'disconnected');
await browser.close();
assert.deepEqual([...new Set(complaints)], []);
console.log('clicked through: hot object, ban, countdown, unban, three sizes, no router');
