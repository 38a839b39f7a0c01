// How long the server takes for a page: node end2end/page-times.mjs ADDRESS LOGIN PASSWORD [REQUESTS]
//
// Signs in to a running Quartermaster (its own server, on this machine) and asks for each list and detail page in turn,
// one request at a time, beside /livez, which does nothing: the ratio to it is what the page itself costs. Prints a JSON
// line a page with the median and the extremes in milliseconds, and the ratio to the limit of 20 ms.
const [address, login, password, wanted = '40'] = process.argv.slice(2);
if (!password) {
  console.error('usage: node end2end/page-times.mjs ADDRESS LOGIN PASSWORD [REQUESTS]');
  process.exit(2);
}
const limit = 20;
const requests = Number(wanted);

const answer = await fetch(`${address}/login`, {
  method: 'POST',
  redirect: 'manual',
  headers: { 'content-type': 'application/x-www-form-urlencoded', origin: address, 'sec-fetch-site': 'same-origin' },
  body: new URLSearchParams({ login, password, return_to: '/' }),
});
const cookie = answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
if (!cookie.includes('sid=')) {
  console.error(`Signing in failed with status ${answer.status}.`);
  process.exit(1);
}

async function get(path) {
  const began = performance.now();
  const page = await fetch(address + path, { headers: { cookie } });
  const body = await page.text();
  return { took: performance.now() - began, status: page.status, body };
}

const first = (body, pattern) => body.match(pattern)?.[1];
const identities = (await get('/identities')).body;
const orders = (await get('/orders')).body;
const items = (await get('/work-items')).body;
const runs = (await get('/jobs')).body;
const pages = [
  '/',
  '/identities',
  first(identities, /href="(\/identities\/\d+)"/),
  '/orders',
  first(orders, /href="(\/orders\/\d+)"/),
  '/work-items',
  first(items, /href="(\/work-items\/\d+)"/),
  '/jobs',
  first(runs, /href="(\/jobs\/runs\/\d+)"/),
  '/applications',
].filter(Boolean);

const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
const times = new Map(['/livez', ...pages].map((path) => [path, []]));
for (let round = 0; round < requests; round += 1) {
  for (const [path, taken] of times) {
    const { took, status } = await get(path);
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    taken.push(took);
  }
}
const floor = median(times.get('/livez'));
for (const [path, taken] of times) {
  const middle = median(taken);
  console.log(
    JSON.stringify({
      page: path,
      requests: taken.length,
      median_ms: Number(middle.toFixed(2)),
      min_ms: Number(Math.min(...taken).toFixed(2)),
      max_ms: Number(Math.max(...taken).toFixed(2)),
      ratio_to_livez: Number((middle / floor).toFixed(1)),
      ratio_to_limit: Number((middle / limit).toFixed(3)),
    }),
  );
}
