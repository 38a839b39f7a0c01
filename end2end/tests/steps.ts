// What several walks do.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test as base, type Browser, type BrowserContextOptions, type Page } from '@playwright/test';

export const PASSWORD = 'harbour-and-vale';

// A page that complains in the console has failed, whatever it shows: refused scripts and broken islands end there.
export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on('pageerror', (error) => {
        // The browser's own, where a page comes too slowly for the one before it to fade into it.
        if (!error.message.startsWith('Transition was aborted')) complaints.push(error.message);
      });
      page.on('console', (message) => {
        // An answer of 4xx is what some walks ask for.
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

export async function signIn(page: Page, login: string) {
  await page.getByLabel(/^Login/).fill(login);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

// Somebody else, in a browser of their own.
export async function signedInAs(browser: Browser, login: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ ...options, storageState: { cookies: [], origins: [] } });
  const page = await context.newPage();
  await page.goto('/login');
  await signIn(page, login);
  return page;
}

// What came of the last form.
export const message = (page: Page) => page.locator('.banner[role=status]').first();

// Starts the complete job and answers with the number of its run; it may still be under way.
export async function startJob(page: Page, options: { dryRun?: boolean; incremental?: boolean } = {}): Promise<string> {
  await page.goto('/jobs');
  const form = page.locator('form.start').first();
  if (options.incremental) await form.getByText('Incremental').click();
  if (options.dryRun) await form.getByLabel('Dry run').check();
  await form.getByRole('button', { name: 'Start' }).click();
  await expect(page).toHaveURL(/\/jobs\/runs\/\d+/);
  return /runs\/(\d+)/.exec(page.url())![1];
}

// Waits for the run on the page to end, and expects that it ended well.
export async function expectCompleted(page: Page) {
  await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 50_000 });
  await expect(page.locator('.steps .step.completed')).toHaveCount(6);
}

// Makes the feed of people unreadable, until it is mended.
export function breakFeed(): { mend: () => void } {
  const people = join(process.env.QUARTERMASTER_E2E_DATA!, 'configuration/feeds/people.csv');
  const text = readFileSync(people, 'utf8');
  writeFileSync(people, 'employee_number\n1\n');
  return { mend: () => writeFileSync(people, text) };
}

const positions = () => join(process.env.QUARTERMASTER_E2E_DATA!, 'configuration/feeds/positions.csv');

// Moves somebody who has exactly one position to another department, in the feed; answers with the person's key.
export function moveInFeed(from: { department: string; title: string }, to: { department: string; title: string }): string {
  const lines = readFileSync(positions(), 'utf8').trimEnd().split('\n');
  const people = lines.slice(1).map((line) => line.split(','));
  const only = (key: string) => people.filter((position) => position[0] === key).length === 1;
  // Whoever leads a department stays: moving them would change other people's managers as well.
  const mover = people.find(
    ([key, department, title, , , manages, , ends]) =>
      department === from.department && title === from.title && manages === 'false' && ends === '' && only(key),
  );
  expect(mover, `somebody in ${from.department} who is ${from.title}`).toBeDefined();
  const key = mover![0];
  const moved = lines.map((line) =>
    line.startsWith(`${key},`)
      ? line.replace(`,${from.department},${from.title},`, `,${to.department},${to.title},`)
      : line,
  );
  writeFileSync(positions(), `${moved.join('\n')}\n`);
  return key;
}

// Takes that many people out of the feed, those who lead nobody first; answers with what puts them back.
export function loseInFeed(count: number): { restore: () => void } {
  const people = join(process.env.QUARTERMASTER_E2E_DATA!, 'configuration/feeds/people.csv');
  const texts = [people, positions()].map((file) => [file, readFileSync(file, 'utf8')] as const);
  const rows = texts[1][1].trimEnd().split('\n').slice(1).map((line) => line.split(','));
  const leads = new Set(rows.filter((position) => position[5] === 'true').map(([key]) => key));
  const lines = texts[0][1].trimEnd().split('\n');
  const lost = new Set(
    lines
      .slice(1)
      .map((line) => line.split(',')[0])
      .filter((key) => !leads.has(key))
      .slice(-count),
  );
  expect(lost.size).toBe(count);
  for (const [file, text] of texts) {
    const kept = text.trimEnd().split('\n').filter((line) => !lost.has(line.split(',')[0]));
    writeFileSync(file, `${kept.join('\n')}\n`);
  }
  return { restore: () => texts.forEach(([file, text]) => writeFileSync(file, text)) };
}

// The open lines that the page of bulk provision shows, as it gives them, and a way to fill one in.
export async function downloadLines(page: Page) {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download as CSV' }).click(),
  ]);
  const rows = readFileSync(await download.path(), 'utf8').trimEnd().split('\r\n');
  const fill = (row: string, outcome: string, note: string) => row.replace(/,,,,,$/, `,${outcome},,,${note},`);
  return { rows, fill };
}

// Changes somebody's title in the directory itself, behind the product's back, and has the directory read; unless there is
// such a change already.
export async function nativelyChanged(page: Page): Promise<string> {
  await page.goto('/native-changes');
  if ((await page.locator('main tr[data-row]').count()) === 0) {
    const file = join(process.env.QUARTERMASTER_E2E_DATA!, 'configuration/applications/directory.toml');
    const url = /^url = "(.*)"/m.exec(readFileSync(file, 'utf8'))![1];
    const headers = { authorization: 'Bearer demo-directory', 'content-type': 'application/scim+json' };
    const found = await page.request.get(`${url}/Users?filter=${encodeURIComponent('externalId eq "E10002"')}`, { headers });
    const user = (await found.json()).Resources[0];
    const changed = await page.request.patch(`${url}/Users/${user.id}`, {
      headers,
      data: {
        schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
        Operations: [{ op: 'replace', path: 'title', value: 'Harbour master' }],
      },
    });
    expect(changed.ok()).toBe(true);
    await startJob(page);
    await expect(async () => {
      await page.reload();
      await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 500 });
    }).toPass({ timeout: 50_000 });
  }
  return '/native-changes';
}

// A user is added without a profile, linked to a person, given a profile, and signs in: the tester, asked of every page of
// the rail, says what they find there.
export async function walkOfANewUser(page: Page, browser: Browser, login: string, person: string, options: BrowserContextOptions) {
  await page.goto('/users');
  await page.getByRole('link', { name: 'Add a user' }).click();
  await page.getByLabel(/^Login/).fill(login);
  await page.getByLabel(/^Name to show/).fill(`New ${login}`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Add the user' }).click();
  await expect(message(page)).toContainText(`${login} can sign in`);
  await expect(page.locator('main h1')).toHaveText(`New ${login}`);
  const user = new URL(page.url()).pathname;

  await page.getByLabel('Name or key of a person').fill(person);
  await page.getByRole('button', { name: 'Find people' }).click();
  await page.locator('tr', { hasText: person }).getByRole('button', { name: /^Link/ }).click();
  await expect(message(page)).toContainText('Linked');
  await expect(page.locator('section', { hasText: 'Person' }).last()).toContainText(person);

  const stranger = await signedInAs(browser, login, options);
  expect((await stranger.goto('/jobs'))!.status()).toBe(403);

  await page.getByLabel('User desk').check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(message(page)).toContainText('Saved');
  await page.getByLabel('Auditor').check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(message(page)).toContainText('Manages users and audits: /Users/Manage in user-desk and /Certifications/View in auditor');
  await page.goto(user);
  await expect(page.getByLabel('Auditor')).not.toBeChecked();

  for (const path of ['/', '/users', '/users/new', '/permissions', '/identities', '/jobs', '/orders', '/access', '/drafts/edit?kind=rule']) {
    const status = (await stranger.goto(path))!.status();
    await page.goto(`/permissions/test?user=${login}&what=${encodeURIComponent(path)}`);
    await expect(page.locator('#answer')).toContainText(status === 200 ? /^Yes: / : /^No: /);
  }
  await stranger.goto('/users');
  await expect(stranger.locator('nav[aria-label=Main] li')).toHaveText(['Home', 'My access', /^Forms/, 'Identities', 'Users']);
  // Whoever may manage users raises nobody beyond themselves.
  await stranger.goto(user);
  await stranger.getByLabel('Administrator').check();
  await stranger.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(message(stranger)).toContainText('/Users/Elevate');
  await page.goto(`/permissions/test?user=${login}&what=/Jobs/Run`);
  await expect(page.locator('#answer')).toContainText('The smallest entry that would be enough: /Jobs/Run');
  await expect(page.locator('#answer')).toContainText('/Jobs in the profile operator, a parent path');

  await page.goto(user);
  await page.getByRole('button', { name: 'Disable' }).click();
  await expect(message(page)).toContainText('Disabled, and signed out everywhere');
  await stranger.goto('/users');
  await expect(stranger).toHaveURL(/\/login/);
  await stranger.context().close();
}

// Opens the palette by its keys, which work as soon as the page is there: before its own code has come as well.
export async function openPalette(page: Page): Promise<void> {
  const field = page.getByRole('dialog', { name: 'Find and do anything' }).getByRole('combobox');
  await page.waitForLoadState('domcontentloaded');
  await page.keyboard.press('Control+k');
  await expect(field).toBeFocused();
}
