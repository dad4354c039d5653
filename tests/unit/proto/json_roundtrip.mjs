// A receiver may verify the signature over the body as JavaScript writes it again: every rendered body must survive
// that to the byte. Usage: json_roundtrip.mjs <program that prints one body per line>
import { execFileSync } from 'node:child_process';

const output = execFileSync(process.argv[2], { maxBuffer: 1 << 28 });
let bodies = 0;
let start = 0;
for (let end = output.indexOf(10); end >= 0; end = output.indexOf(10, start)) {
	const raw = output.subarray(start, end);
	start = end + 1;
	bodies++;
	const again = Buffer.from(JSON.stringify(JSON.parse(raw.toString('utf8'))), 'utf8');
	if (!again.equals(raw)) {
		console.error(`body ${bodies} differs:\n  ours  ${raw}\n  again ${again}`);
		process.exit(1);
	}
}
if (start !== output.length || bodies < 8000) {
	console.error(`only ${bodies} bodies came`);
	process.exit(1);
}
console.log(`${bodies} bodies survive JSON.stringify(JSON.parse(body))`);
