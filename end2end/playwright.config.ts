// Starts the demo on a free port with a data folder of its own, and walks through it as people do. One walk after the other: they
// share the organisation, as people share one. Only where nothing is changed any more, two look at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defineConfig } from '@playwright/test';

// Workers read this file again and must come to the same values.
if (!process.env.QUARTERMASTER_E2E_PORT) {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const address = probe.address();
  process.env.QUARTERMASTER_E2E_PORT = String(typeof address === 'object' && address ? address.port : 0);
  await new Promise((done) => probe.close(done));
  const folder = mkdtempSync(join(tmpdir(), 'quartermaster-end2end-'));
  process.env.QUARTERMASTER_E2E_DATA = folder;
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
}
const address = `127.0.0.1:${process.env.QUARTERMASTER_E2E_PORT}`;
const data = process.env.QUARTERMASTER_E2E_DATA;
const target = process.env.CARGO_TARGET_DIR ?? '../target';
const program = resolve(process.env.QUARTERMASTER_PROGRAM ?? join(target, 'debug/quartermaster'));
const screenshots = process.env.QUARTERMASTER_SCREENSHOTS;

const signedIn = { storageState: join(import.meta.dirname, 'test-results/signed-in.json') };

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results/artifacts',
  workers: 2,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    baseURL: `http://${address}`,
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.QUARTERMASTER_BROWSER ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: {
    command: `${program} demo --address ${address} --data ${data} --directory-port 0 --badge-delay 1`,
    url: `http://${address}/readyz`,
    stdout: 'ignore',
    stderr: process.env.QUARTERMASTER_E2E_LOG ? 'pipe' : 'ignore',
    timeout: 60_000,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 10_000 },
  },
  projects: screenshots
    ? [
        { name: 'sign in', testMatch: 'sign-in.setup.ts' },
        { name: 'screenshots', testMatch: 'screenshots.ts', dependencies: ['sign in'], use: signedIn },
      ]
    : [
        { name: 'sign in', testMatch: 'sign-in.setup.ts' },
        {
          name: 'journeys',
          testMatch: ['journeys.spec.ts', 'search.spec.ts'],
          dependencies: ['sign in'],
          use: signedIn,
          workers: 1,
        },
        {
          name: 'without scripts',
          testMatch: 'without-scripts.spec.ts',
          dependencies: ['journeys'],
          use: { ...signedIn, javaScriptEnabled: false },
          workers: 1,
        },
        { name: 'pages', testMatch: 'pages.setup.ts', dependencies: ['without scripts'], use: signedIn },
        {
          name: 'accessibility',
          testMatch: 'accessibility.spec.ts',
          dependencies: ['pages'],
          // What is found says all; a trace of each look would take longer than the looks.
          use: { ...signedIn, trace: 'off' },
          fullyParallel: true,
        },
        // Beside the demo: it starts a server on an empty folder and a directory, and ends them.
        // Traces of so many keys would take longer than the walk.
        {
          name: 'from nothing',
          testMatch: 'from-nothing.spec.ts',
          dependencies: ['accessibility'],
          use: { trace: 'off' },
          workers: 1,
        },
      ],
});
