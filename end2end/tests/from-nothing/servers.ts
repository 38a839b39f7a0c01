// The program on an empty data folder beside a directory of its own, both on free ports, and an end to all of it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { peopleFile } from './organisation';
import { startSlapd } from './slapd';

export interface Surroundings {
  /** Where the pages are. */
  address: string;
  directoryPort: number;
  /** The file with everybody in it. */
  people: string;
  /** Runs a command of the program, with what it reads from standard input. */
  command: (words: string[], input?: string) => string;
  stop: () => Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await end;
  clearTimeout(late);
}

export async function start(): Promise<Surroundings> {
  const folder = mkdtempSync(join(tmpdir(), 'quartermaster-from-nothing-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const children: ChildProcess[] = [];
  // Also where the tests are interrupted.
  const atExit = () => (children.forEach((child) => child.kill('SIGKILL')), remove());
  process.once('exit', atExit);
  const stop = async () => {
    for (const child of children.reverse()) await ended(child);
    remove();
    process.off('exit', atExit);
  };
  try {
    const people = join(folder, 'people.csv');
    writeFileSync(people, peopleFile());
    const directoryPort = await freePort();
    children.push(await startSlapd(join(folder, 'directory'), directoryPort));

    const target = process.env.CARGO_TARGET_DIR ?? '../target';
    const program = resolve(process.env.QUARTERMASTER_PROGRAM ?? join(target, 'debug/quartermaster'));
    const data = ['--data', join(folder, 'data')];
    const port = await freePort();
    const address = `http://127.0.0.1:${port}`;
    const command = (words: string[], input?: string) => execFileSync(program, [...words, ...data], { encoding: 'utf8', input });
    const output = process.env.QUARTERMASTER_E2E_LOG ? 'inherit' : 'ignore';
    children.push(spawn(program, ['serve', '--address', `127.0.0.1:${port}`, ...data], { stdio: ['ignore', 'ignore', output] }));
    for (let attempt = 0; ; attempt += 1) {
      const isReady = await fetch(`${address}/readyz`).then((answer) => answer.ok, () => false);
      if (isReady) break;
      if (attempt > 300) throw new Error('the program is not ready after 30 seconds');
      await new Promise((done) => setTimeout(done, 100));
    }
    return { address, directoryPort, people, command, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
