// The same as plain links and forms.
import { readFileSync } from 'node:fs';
import { downloadLines, expect, loseInFeed, message, moveInFeed, nativelyChanged, signIn, signedInAs, startJob, test, walkOfANewUser } from './steps';

test.describe.configure({ mode: 'serial' });

async function reloadUntilCompleted(page: import('@playwright/test').Page) {
  await expect(async () => {
    await page.reload();
    await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 500 });
  }).toPass({ timeout: 50_000 });
}

test('every page is there', async ({ page }) => {
  for (const path of ['/', '/identities', '/orders', '/review', '/work-items', '/forms', '/jobs', '/applications', '/roles', '/configuration', '/drafts', '/native-changes', '/violations', '/reconciliation', '/bulk-changes', '/approvals', '/certifications', '/events', '/search?q=pay', '/views']) {
    await page.goto(path);
    await expect(page.locator('main h1')).toBeVisible();
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
  }
});

test('what somebody asks for is approved by one of two', async ({ page }) => {
  await page.goto('/approvals');
  const card = page.locator('.approvals > li', { hasText: 'Systems administrator' });
  await expect(card).toContainText('2 of them have to agree');
  await card.getByRole('button', { name: /^Decline/ }).click();
  await expect(message(page)).toContainText('Say why it is declined');
  await card.getByLabel(/^Comment on/).fill('The rooms are ready');
  await card.getByRole('button', { name: /^Approve/ }).click();
  await expect(message(page)).toContainText('1 request approved. 1 still waits for others.');
  await page.goto('/approvals?whose=all');
  await expect(card).toContainText('Demo administrator approved: The rooms are ready');
  await card.getByRole('link', { name: /^Request \d+/ }).click();
  await expect(page.locator('main')).toContainText('Waits for');
});

test('an application is connected in a draft, put right and tried', async ({ page }) => {
  await page.goto('/configuration');
  await page.getByRole('link', { name: 'New application' }).click();
  await page.getByLabel('Short name').fill('wiki');
  await page.getByLabel('Display name').fill('Wiki');
  await page.getByLabel('Kind of connection').selectOption('scim');
  await page.locator('fieldset', { hasText: 'Kind of connection' }).last().getByRole('button', { name: 'Use this kind' }).click();
  await expect(message(page)).toContainText('Saved in the draft');
  await expect(page.locator('main [role=alert]')).toContainText('url');
  await page.getByLabel('URL', { exact: true }).fill('http://127.0.0.1:9/scim');
  await page.getByLabel(/^Concurrency/).fill('many');
  await page.getByRole('button', { name: 'Save and stay here' }).click();
  await expect(page.locator('main [role=alert]')).toContainText('concurrency');
  await expect(page.getByLabel(/^Concurrency/)).toHaveValue('many');
  await page.getByLabel(/^Concurrency/).fill('2');
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  await expect(page.getByRole('heading', { name: /New application/ })).toBeVisible();
  await page.getByRole('button', { name: 'Try the connection of wiki' }).click();
  await expect(message(page)).toContainText('The connection of wiki does not work.');
  await page.getByRole('button', { name: 'Discard the draft' }).click();
});

test('an employee asks for access, the manager agrees, and the employee has it', async ({ browser }) => {
  test.setTimeout(120_000);
  const employee = await signedInAs(browser, 'employee', { javaScriptEnabled: false });
  await employee.getByRole('link', { name: 'My access' }).first().click();
  await expect(employee.locator('main')).toContainText('Entitlements');
  await employee.getByRole('link', { name: 'Request access' }).click();
  await employee.getByLabel('Words').fill('from home');
  await employee.getByRole('button', { name: 'Search' }).click();
  const offer = employee.locator('.offers > li', { hasText: 'Remote access' });
  await expect(offer).toContainText('Has to be approved, for at most 365 days');
  await employee.getByLabel('Why').fill('Nights on call');
  await offer.getByRole('button', { name: 'Add: Remote access' }).click();
  await expect(offer).toContainText('Chosen');
  await employee.getByLabel('Last day').fill('2020-01-01');
  await employee.getByRole('button', { name: 'Look at what would happen' }).click();
  await expect(employee.locator('#request')).toContainText('is over. Choose a later one');
  await employee.getByLabel('Last day').fill('');
  await employee.getByRole('button', { name: 'Look at what would happen' }).click();
  await expect(employee.locator('#preview')).toContainText('The manager: Demo manager.');
  await expect(employee.locator('#preview .ledger')).toContainText('Cloud directory');
  await employee.getByRole('button', { name: 'Send the request' }).click();
  await expect(message(employee)).toContainText('The request is sent');
  await expect(employee.locator('.stages')).toContainText('Waits for Demo manager');
  const followed = employee.url();
  await employee.goto('/access/request?text=from+home');
  await expect(employee.locator('.offers > li', { hasText: 'Remote access' })).toContainText('Asked for already');
  for (const path of ['/requests', '/identities', '/requests/new', '/orders']) {
    expect((await employee.goto(path))!.status()).toBe(403);
  }

  const manager = await signedInAs(browser, 'manager', { javaScriptEnabled: false });
  await manager.goto('/approvals');
  const card = manager.locator('.approvals > li', { hasText: 'Remote access' });
  await card.getByLabel(/^Comment on/).fill('Agreed');
  await card.getByRole('button', { name: /^Approve/ }).click();
  await expect(message(manager)).toContainText('1 request approved');
  await manager.goto('/access');
  await manager.locator('select[name=person]').selectOption({ label: 'Mei Bakker' });
  await manager.getByRole('button', { name: 'Show' }).click();
  await expect(manager.locator('main h1')).toHaveText('Access of Mei Bakker');
  await manager.context().close();

  await employee.goto(followed);
  await expect(employee.locator('.stages')).toContainText('Demo manager approved: Agreed');
  await expect(async () => {
    await employee.reload();
    await expect(employee.locator('.head-state')).toContainText('Completed', { timeout: 500 });
  }).toPass({ timeout: 60_000 });
  await employee.goto('/access');
  const held = employee.locator('tr', { hasText: 'Remote access' }).first();
  await expect(held).toContainText('Nights on call');
  await held.getByRole('link', { name: 'Give back: Remote access' }).click();
  await employee.getByLabel('Why').fill('No longer on call');
  await employee.getByRole('button', { name: 'Look at what would happen' }).click();
  await employee.getByRole('button', { name: 'Send the request' }).click();
  await expect(message(employee)).toContainText('The request is sent');
  await employee.context().close();
});

test('a manager certifies what their people hold', async ({ page, browser }) => {
  await page.goto('/certifications/new');
  await page.getByLabel('Name').fill('Without scripts');
  await page.getByLabel('Last day').fill('2099-01-01');
  await page.getByLabel('People for whom a condition holds').fill("identity.manager == 'E10310'");
  await page.getByLabel('Roles', { exact: true }).check();
  await page.getByRole('button', { name: 'Begin the campaign' }).click();
  await expect(message(page)).toContainText('The campaign is on record');
  await expect(page.locator('main h1')).toContainText('Without scripts');
  const campaign = new URL(page.url()).pathname;

  const manager = await signedInAs(browser, 'manager', { javaScriptEnabled: false });
  await manager.getByRole('link', { name: /^Certifications \d+ waiting/ }).click();
  await manager.getByRole('link', { name: 'Without scripts' }).click();
  await expect(manager).toHaveURL(`${campaign}?mine=yes`);
  const open = manager.locator('tr[data-row]', { hasText: 'To decide' });
  const count = await open.count();
  expect(count).toBeGreaterThan(1);
  await open.first().getByRole('button', { name: /^Revoke/ }).click();
  await expect(message(manager)).toContainText('1 item revoked; nothing happens before you sign off');
  for (const box of await open.locator('input[type=checkbox]').all()) await box.check();
  await manager.getByLabel('Comment').fill('Needed every day');
  await manager.getByRole('button', { name: 'Approve', exact: true }).click();
  await expect(message(manager)).toContainText('approved; nothing happens before you sign off');
  await manager.getByRole('link', { name: 'See what you have decided, and sign off' }).click();
  await expect(manager.locator('.approvals > li')).toHaveCount(1);
  await manager.getByRole('button', { name: 'Sign off' }).click();
  await expect(message(manager)).toContainText(`Signed off: ${count - 1} certified, 1 revoked`);
  await manager.context().close();

  // What a rule gives waits for whoever answers for it, and is not done before.
  await page.goto(`${campaign}?state=with_owner`);
  await expect(page.locator('tr[data-row]')).toHaveCount(1);
  await page.getByLabel('Comment').fill('Everybody in the department has it');
  await page.getByRole('button', { name: /^It stays/ }).click();
  await expect(message(page)).toContainText('1 item kept');
});

test('a job is started and followed by reloading', async ({ page }) => {
  const run = await startJob(page, { incremental: true });
  await reloadUntilCompleted(page);
  await page.getByRole('link', { name: /^Warnings and errors/ }).click();
  await expect(page).toHaveURL(`/jobs/runs/${run}?level=warning`);
  await expect(page.locator('.log-choice')).toContainText(/lines? of information/);
  await page.getByRole('list', { name: 'Lines of which step' }).getByRole('link', { name: 'Collect' }).click();
  await expect(page.locator('.log-line')).toHaveCount(0);
  await page.goto('/jobs/compare');
  await page.getByRole('button', { name: 'Compare' }).click();
  await expect(page.locator('.compared').first()).toBeVisible();
});

test('a work item is confirmed', async ({ page }) => {
  await page.goto('/work-items');
  await page.locator('tr[data-row] a').first().click();
  await page.getByLabel('Note').fill('Without scripts');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('1 work item confirmed');
});

test('a filled file is sent, and what is not taken is corrected', async ({ page }) => {
  await page.goto('/work-items/bulk?application=mainframe');
  const { rows, fill } = await downloadLines(page);
  const item = rows[1].split(',')[0];
  const sheet = [rows[0], fill(rows[1], 'done', ''), fill(rows[2], 'perhaps', '')].join('\n');
  await page.getByLabel('Filled file').setInputFiles({ name: 'lines.csv', mimeType: 'text/csv', buffer: Buffer.from(sheet) });
  await page.getByRole('button', { name: 'Send the file' }).click();
  await expect(message(page)).toContainText('1 line reported; 1 not taken');
  const rest = await page.getByLabel('Rows, with the header').inputValue();
  await page.getByLabel('Rows, with the header').fill(rest.replace('perhaps', 'done'));
  await page.getByRole('button', { name: 'Send the rows' }).click();
  await expect(message(page)).toContainText('1 line reported.');
  await page.goto(`/work-items/${item}`);
  await page.locator('summary', { hasText: 'Give to somebody else' }).click();
  await page.locator('select[name=to]').selectOption('user:mainframe');
  await page.getByLabel('Comment').fill('You know her');
  await page.getByRole('button', { name: 'Give', exact: true }).click();
  await expect(message(page)).toContainText('given to them');
  await expect(page.locator('main')).toContainText('Demo mainframe operator');
});

test('an order is reviewed property by property, and what was declined is kept', async ({ page }) => {
  await page.goto('/review');
  const order = page.locator('.review-order').first();
  const person = (await order.locator('h2').textContent())!.trim();
  for (const choice of await order.locator('input[value="approve"]').all()) await choice.check({ force: true });
  await order.locator('tr', { hasText: 'Phone' }).locator('input[value="decline"]').check({ force: true });
  await page.getByRole('button', { name: 'Go on with what is chosen' }).click();
  await expect(page.locator('main h1')).toHaveText('What will happen');
  await page.getByLabel('Comment').fill('The bank needs no telephone');
  await page.getByRole('button', { name: 'Decide about 1 order' }).click();
  await expect(message(page)).toContainText('1 order decided');
  await page.goto('/review/declined');
  await expect(page.locator('tr[data-row]', { hasText: person })).toContainText('The bank needs no telephone');
  await page.getByRole('button', { name: 'Reopen' }).first().click();
  await expect(message(page)).toContainText('Reopened');
});

test('what was changed in an application itself is accepted, and then set back', async ({ page }) => {
  test.setTimeout(120_000);
  await page.goto(await nativelyChanged(page));
  const line = page.locator('tr[data-row]', { hasText: 'Harbour master' });
  await expect(line).toContainText('Waits for a decision');
  await page.getByLabel('Comment').fill('She is, since May');
  await line.getByRole('button', { name: /^Accept/ }).click();
  await expect(message(page)).toContainText('1 native change accepted');
  await expect(line).toContainText('She is, since May');
  await line.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Set back ticked' }).click();
  await expect(message(page)).toContainText('1 native change to be set back');
  await expect(async () => {
    await page.reload();
    await expect(line).toContainText('Set back', { timeout: 500 });
    await expect(line.getByRole('link', { name: /^order/ })).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 50_000 });
});

test('people are found, and a permission explains itself', async ({ page }) => {
  await page.goto('/identities');
  await page.locator('form.filters input[name=text]').fill('E10003');
  await page.locator('form.filters').getByRole('button').first().click();
  await page.locator('tr[data-row] a').first().click();
  const permission = page.locator('.grants li[data-row]').first();
  await permission.locator('summary').click();
  await expect(permission.locator('.grant-more')).toBeVisible();
});

test('a change in the feed is followed up', async ({ page }) => {
  const key = moveInFeed(
    { department: 'Sales', title: 'Sales Representative' },
    { department: 'Marketing', title: 'Campaign Specialist' },
  );
  const run = await startJob(page);
  await reloadUntilCompleted(page);
  await page.goto(`/identities?text=${key}`);
  const person = (await page.locator('tr[data-row] a').first().textContent())!.trim();
  await page.goto(`/orders?run=${run}`);
  await expect(page.locator('main')).toContainText(person);
});

test('a run is undone, and what it did is not done again without a person', async ({ page }) => {
  await page.goto('/jobs');
  const run = (await page.locator('main a[href^="/jobs/runs/"]').first().getAttribute('href'))!;
  await page.goto(run);
  await page.getByRole('link', { name: /Undo this run/ }).click();
  await expect(page).toHaveURL(`${run}/undo`);
  await expect(page.locator('main')).toContainText('Goes back to Sales.');
  await page.getByLabel('Why').fill('The feed was wrong');
  await page.getByRole('checkbox', { name: /I have looked at it/ }).check();
  await page.getByRole('button', { name: 'Undo this' }).click();
  await expect(page).not.toHaveURL(/undo/);
  await expect(page.locator('main h1')).toHaveText('Undo of a run');
  await expect(page.locator('main')).toContainText('The feed was wrong');
  await reloadUntilCompleted(page);
  await page.goto(run);
  await expect(page.locator('main')).toContainText('Undone by');
  const again = await startJob(page);
  await reloadUntilCompleted(page);
  await page.goto(`/orders?state=awaiting_approval&run=${again}`);
  await page.locator('tr[data-row] a[data-open]').first().click();
  await expect(page.locator('main')).toContainText('took the same back');
});

async function reloadUntilStopped(page: import('@playwright/test').Page, run: string) {
  await expect(async () => {
    await page.goto(`/jobs/runs/${run}`);
    await expect(page.locator('.run-summary')).toContainText('Stopped for a decision', { timeout: 500 });
  }).toPass({ timeout: 50_000 });
  await page.getByRole('link', { name: /^Look at what was stopped/ }).click();
  await expect(page.getByRole('heading', { name: 'Stopped by a threshold' })).toBeVisible();
}

test('a feed that lacks people is stopped, looked at and rejected', async ({ page }) => {
  const feed = loseInFeed(40);
  try {
    const run = await startJob(page);
    await reloadUntilStopped(page, run);
    await expect(page.locator('main')).toContainText('40 changes were stopped before the first effect');
    await page.getByLabel('Why').fill('The feed is not complete');
    await page.getByRole('button', { name: /^Reject/ }).click();
    await expect(message(page)).toContainText('nothing of it happens');
    await expect(page.locator('main')).toContainText('The feed is not complete');
  } finally {
    feed.restore();
  }
});

test('what goes beyond a threshold goes on at the word of a person', async ({ page }) => {
  const feed = loseInFeed(26);
  try {
    const run = await startJob(page);
    await reloadUntilStopped(page, run);
    await page.getByLabel('Why').fill('They have all left');
    await page.getByRole('button', { name: /^Approve exactly these 26 changes/ }).click();
    await expect(message(page)).toContainText('goes on with exactly this plan');
    // Twenty-six people are more than a twentieth of the directory as well: their accounts are another question.
    await reloadUntilStopped(page, run);
    await expect(page.locator('main')).toContainText('deleted or disabled');
    await page.getByLabel('Why').fill('They have all left');
    await page.getByRole('button', { name: /^Approve exactly these/ }).click();
    await expect(message(page)).toContainText('goes on with exactly this plan');
    await reloadUntilCompleted(page);
    await page.goto(`/jobs/runs/${run}?tab=preview`);
    await expect(page.locator('main')).toContainText('Approved and carried out');
  } finally {
    feed.restore();
  }
});

test('the theme is chosen by a form', async ({ page }) => {
  await page.goto('/orders');
  await page.locator('.menu summary').click();
  await page.getByRole('button', { name: 'Dark' }).click();
  await expect(page).toHaveURL('/orders');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.locator('.menu summary').click();
  await page.getByRole('button', { name: 'System' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'system');
});

test('a form keeps what was typed until it is answered', async ({ page }) => {
  await page.goto('/forms?scope=all');
  await page.locator('tr[data-row] a').first().click();
  await page.getByRole('button', { name: 'Send the answers' }).click();
  await expect(message(page)).toContainText('Nothing was filled in');
  await page.getByLabel('Phone number').fill('none');
  await page.getByRole('button', { name: 'Send the answers' }).click();
  await expect(page.getByLabel('Phone number')).toHaveValue('none');
  await expect(page.getByLabel('Phone number')).toHaveAttribute('aria-invalid', 'true');
  await page.getByLabel('Phone number').fill('+31 10 555 9002');
  await page.getByRole('button', { name: 'Send the answers' }).click();
  await expect(message(page)).toContainText('1 answer is taken');
});

test('a role loses a part in a draft, what that means is shown, and it is taken out again', async ({ page }) => {
  await page.goto('/roles/controller');
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  await page.getByRole('checkbox').first().uncheck();
  await page.getByLabel('Add, line 1').fill('a word that names nothing');
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  await expect(message(page)).toContainText('names nothing');
  // Nothing that was typed is lost.
  await expect(page.getByLabel('Add, line 1')).toHaveValue('a word that names nothing');
  await page.getByLabel('Add, line 1').fill('');
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  await expect(page.locator('main')).toContainText(/Access changes for \d+ of \d+ people/);
  await page.getByRole('button', { name: 'Take out role controller' }).click();
  await expect(message(page)).toContainText('stays as it is live');
  await page.getByRole('button', { name: 'Discard the draft' }).click();
  await expect(message(page)).toContainText('nothing of it is live');
});

test('what was filled in is not lost when the sign-in has ended in between', async ({ browser }) => {
  const page = await signedInAs(browser, 'admin', { javaScriptEnabled: false });
  await page.goto('/drafts/edit?kind=category');
  await page.getByLabel('Short name').fill('night-works');
  await page.getByLabel(/^Display name/).fill('Night & day "works"');
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Save into the draft' }).first().press('Enter');
  await expect(page.getByRole('status')).toContainText('It is kept on this page');
  await page.getByLabel('Login').fill('admin');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.locator('main')).toContainText('is not right');
  await signIn(page, 'admin');
  await expect(page.getByRole('heading', { name: 'You are signed in again' })).toBeVisible();
  await expect(page.locator('main')).toContainText('Night & day "works"');
  await page.getByRole('button', { name: 'Send it now' }).click();
  await expect(page.getByRole('heading', { name: /New category/ })).toBeVisible();
  await page.getByRole('button', { name: 'Discard the draft' }).click();
  await expect(message(page)).toContainText('nothing of it is live');
  await page.context().close();
});

test('what the directory has is named by a rule and drafted, the rest by hand', async ({ page }) => {
  await page.goto('/found-entitlements');
  const row = page.getByRole('row', { name: /APP Berth Planner Read/ });
  await expect(row).toContainText('directory-group-berth-planner-read');
  await row.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Draft what is ticked' }).click();
  await expect(page.locator('main')).toContainText('directory-berth-planner-read');
  await expect(page.locator('main')).toContainText('Nobody');
  await page.getByRole('button', { name: 'Discard the draft' }).click();
  await page.goto('/found-entitlements?show=unnamed');
  await page.getByRole('link', { name: 'Add by hand: Old Fax Distribution' }).click();
  await expect(page.getByLabel('Key in the application')).toHaveValue('Old Fax Distribution');
});

test('a bulk change for chosen people keeps what was filled in, and is discarded', async ({ page }) => {
  await page.goto('/identities?department=Sales');
  await page.getByRole('link', { name: 'Give or take something for all of these' }).click();
  const people = page.locator('form[action="/api/pages/bulk-changes/choose"]');
  await expect(people.getByLabel('Department')).toHaveValue('Sales');
  await people.getByLabel('Department').selectOption('');
  await people.getByLabel('Or for whom a condition holds').fill("identity.department ==");
  await people.getByLabel('Role, access profile, entitlement or account type').fill('role:controller');
  await people.getByLabel('Why').fill('All of Finance');
  await people.getByRole('button', { name: 'Preview for these people' }).click();
  await expect(message(page)).toContainText('The condition cannot be used');
  await expect(people.getByLabel('Why')).toHaveValue('All of Finance');
  await people.getByLabel('Or for whom a condition holds').fill("identity.department == 'Finance'");
  await people.getByRole('button', { name: 'Preview for these people' }).click();
  await expect(page.locator('.page-head')).toContainText('Waiting for confirmation');
  await page.getByRole('button', { name: 'Discard it' }).click();
  await expect(message(page)).toContainText('nothing of it happened');
});

test('whom a condition holds for is asked without scripts, and nothing typed is lost', async ({ page }) => {
  await page.goto('/drafts/edit?kind=rule');
  await page.getByLabel('Name', { exact: true }).fill('people-of-sales');
  await page.getByLabel('Condition').fill("identity.department == 'Sales'");
  await page.getByLabel('Add, line 1').fill('role:controller');
  await page.getByRole('button', { name: 'Whom it holds for' }).click();
  await expect(page.locator('.matching')).toContainText(/Holds for [1-9]\d* of \d+ people today/);
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('people-of-sales');
  await expect(page.getByLabel('Condition')).toHaveValue("identity.department == 'Sales'");
  await expect(page.getByRole('checkbox', { checked: true })).toHaveCount(1);
});

test('role mining says what is wrong, keeps what was filled in, and says what it looked at', async ({ page }) => {
  await page.goto('/roles');
  await page.getByRole('link', { name: 'Mining' }).click();
  const people = page.getByLabel('People that a proposal is about, at least');
  await expect(people).toHaveValue('5');
  await people.fill('few');
  await page.getByLabel('Precision, at least, in percent').fill('99.5');
  await page.getByRole('button', { name: 'Look for proposals' }).click();
  await expect(page.getByRole('alert')).toContainText('few is no whole number');
  await expect(people).toHaveValue('few');
  await people.fill('2');
  await page.getByRole('button', { name: 'Look for proposals' }).click();
  await expect(page.getByRole('region', { name: 'Proposals' })).toContainText('held by hand or by nothing');
  await expect(page.getByLabel('Precision, at least, in percent')).toHaveValue('99.5');
});

test('things are found, a view is kept, and a list is downloaded', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('searchbox', { name: 'Search everything' }).fill('E10002');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/search?q=E10002');
  await page.locator('.hits a[href^="/identities/"]').first().click();
  await expect(page).toHaveURL(/\/identities\/\d+$/);

  await page.goto('/identities?text=E1000');
  const shown = await page.locator('tr[data-row]').count();
  await page.getByText('Save this view').click();
  await page.locator('.list-tools form').getByLabel('Name').fill('First people');
  await page.locator('.list-tools form').getByRole('button', { name: 'Save' }).click();
  await expect(message(page)).toContainText('“First people” is saved');
  await page.getByRole('link', { name: 'Manage views' }).click();
  const line = page.locator('.kept-views > li', { hasText: 'First people' });
  await line.getByLabel('Rename First people').click();
  await line.getByLabel('New name of First people').fill('Oldest people');
  await line.getByRole('button', { name: 'Rename: First people' }).click();
  await expect(message(page)).toContainText('has its new name');
  await page.getByRole('link', { name: 'Oldest people' }).click();
  await expect(page).toHaveURL('/identities?text=E1000');

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export as CSV' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('identities.csv');
  const lines = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
  expect(lines.length - 1).toBe(shown);
  await page.goto('/views');
  await page.getByRole('button', { name: 'Delete: Oldest people' }).click();
  await expect(message(page)).toContainText('is deleted');
});

test('a user is added, linked and given a profile', async ({ page, browser }) => {
  test.setTimeout(120_000);
  await walkOfANewUser(page, browser, 'quinn', 'E10008', { javaScriptEnabled: false });
});
