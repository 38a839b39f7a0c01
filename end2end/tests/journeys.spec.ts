// The way through the product, in the order in which somebody new would go it.
import { breakFeed, expect, expectCompleted, message, moveInFeed, startJob, test } from './steps';

test.describe.configure({ mode: 'serial' });

test('a dry run shows what would happen and changes nothing', async ({ page }) => {
  await startJob(page, { dryRun: true });
  await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 50_000 });
  await page.getByRole('link', { name: 'What it would do' }).first().click();
  await expect(page.locator('main')).toContainText('Nothing has been changed');
  await page.goto('/orders');
  await expect(page.locator('tr[data-row], li[data-row]')).toHaveCount(0);
});

test('the complete job is started and watched, and survives a reload', async ({ page }) => {
  const run = await startJob(page);
  await page.reload();
  await expect(page.locator('.log li').first()).toBeVisible();
  await expectCompleted(page);
  await page.goto('/jobs');
  await expect(page.locator(`a[href="/jobs/runs/${run}"]`).first()).toBeVisible();
});

test('somebody’s permissions show their state, their dates and why', async ({ page }) => {
  await page.goto('/identities?text=E10002');
  await page.locator('tr[data-row] a').first().click();
  await expect(page.getByRole('link', { name: /View permissions/ })).toBeVisible();
  const permission = page.locator('.grants li[data-row]').filter({ hasText: 'Confirmed' }).first();
  await permission.locator('summary').click();
  await expect(permission.locator('.grant-more')).toContainText(/rule/i);
  await expect(permission.locator('.grant-since')).toContainText('since');
});

test('a question is answered: why, and why not', async ({ page }) => {
  await page.goto('/identities?text=E10002');
  await page.locator('tr[data-row] a').first().click();
  await page.getByLabel('Name', { exact: true }).fill('directory-group-everyone');
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(page.locator('main')).toContainText('employees');
  await page.getByLabel('Name', { exact: true }).fill('mainframe-pay-batch');
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(page.locator('main')).toContainText('payments-clerks');
});

test('an order shows its whole way', async ({ page }) => {
  await page.goto('/orders?state=verified');
  await page.locator('[data-row] a[data-open]').first().click();
  await expect(page).toHaveURL(/\/orders\/\d+/);
  await expect(page.locator('main')).toContainText('Confirmed');
  await expect(page.locator('main')).toContainText(/attempt/i);
});

test('work done by hand is confirmed, and verified by the next job', async ({ page }) => {
  await page.goto('/work-items');
  const rows = page.locator('tr[data-row]');
  await rows.first().locator('a').first().click();
  await expect(page).toHaveURL(/\/work-items\/\d+/);
  const order = (await page.locator('a[href^="/orders/"]').first().getAttribute('href'))!;
  await page.getByRole('button', { name: 'I do it' }).click();
  await expect(message(page)).toContainText('yours');
  await page.getByLabel('Note').fill('Done at the terminal, ticket 4711');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(page).toHaveURL('/work-items');
  await expect(message(page)).toContainText('1 work item confirmed');
  await page.goto(order);
  await expect(page.locator('.page-head')).toContainText('Done, not yet confirmed');
  await startJob(page);
  await expectCompleted(page);
  await page.goto(order);
  await expect(page.locator('.page-head')).toContainText('Confirmed');
});

test('several work items are confirmed at once', async ({ page }) => {
  await page.goto('/work-items');
  const boxes = page.locator('tr[data-row] input[type=checkbox]');
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('2 work items confirmed');
});

test('access is given by hand, with a preview, and followed until it is verified', async ({ page }) => {
  await page.goto('/identities?text=E10002');
  await page.locator('tr[data-row] a').first().click();
  await page.getByRole('link', { name: 'Change access by hand' }).click();
  await page.getByLabel('Role, access profile, entitlement or account type').fill('payroll-reports-of-nobody');
  await page.getByRole('button', { name: 'Add' }).click();
  await expect(page.locator('.field-error')).toContainText('Nothing is called');
  await page.getByLabel('Role, access profile, entitlement or account type').fill('entitlement:payroll-reports');
  await page.getByRole('button', { name: 'Add' }).click();
  await expect(page.locator('.chosen')).toContainText('Give');
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(page.locator('.field-error')).toContainText('Say why');
  await page.getByLabel('Why').fill('Covers for the controller');
  await page.getByRole('button', { name: 'Preview' }).click();
  await expect(page.locator('#preview')).toContainText('1 order');
  await page.getByRole('button', { name: 'Submit' }).click();
  await expect(page).toHaveURL(/\/requests\/\d+/);
  await expect(message(page)).toContainText('submitted');
  const request = page.url();
  await expect(async () => {
    await page.goto(request);
    await expect(page.locator('.head-state')).toContainText('Completed', { timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
  await page.locator('main a[href^="/orders/"]').first().click();
  await expect(page.locator('.page-head')).toContainText('Confirmed');
  await expect(page.locator('main')).toContainText('Covers for the controller');
  await page.goto('/identities?text=E10002');
  await page.locator('tr[data-row] a').first().click();
  const held = page.locator('.grants li[data-row]').filter({ hasText: 'payroll-reports' });
  await expect(held.locator('.grant-why')).toContainText('request');
});

test('a new department in the feed causes exactly the orders that follow', async ({ page }) => {
  const key = moveInFeed(
    { department: 'Marketing', title: 'Campaign Specialist' },
    { department: 'Sales', title: 'Sales Representative' },
  );
  const run = await startJob(page);
  await expectCompleted(page);
  await page.goto(`/identities?text=${key}`);
  const person = (await page.locator('tr[data-row] a').first().textContent())!.trim();
  await page.goto(`/orders?run=${run}`);
  const rows = page.locator('[data-row]').filter({ has: page.locator('a[href^="/orders/"]') });
  await expect(rows.first()).toBeVisible();
  for (const row of await rows.all()) await expect(row).toContainText(person);
});

test('a run that failed is run again from where it failed, and the two are compared', async ({ page }) => {
  const broken = breakFeed();
  const failed = await startJob(page);
  await expect(page.locator('.run-summary')).toContainText('Failed', { timeout: 50_000 });
  await expect(page.locator('.steps .step.queued')).toHaveCount(5);
  await page.getByRole('link', { name: /^Errors/ }).click();
  await expect(page.locator('.log-line.error').first()).toBeVisible();
  await expect(page.locator('.log-line.warning')).toHaveCount(0);
  await page.getByRole('list', { name: 'Lines of which step' }).getByRole('link', { name: 'Collect' }).click();
  await expect(page).toHaveURL(/level=error&step=collect/);
  broken.mend();
  await page.getByRole('button', { name: 'Run the rest' }).click();
  await expect(page).not.toHaveURL(new RegExp(`runs/${failed}`));
  await expectCompleted(page);
  const rest = /runs\/(\d+)/.exec(page.url())![1];
  await expect(page.locator('.page-head')).toContainText(`does the rest of run ${failed}`);

  await page.goto('/jobs?job=complete');
  const cell = page.locator(`.run-grid a[href="/jobs/runs/${failed}#step-0"]`);
  await expect(cell).toHaveAccessibleName(/^Collect, Failed in /);
  await expect(cell.locator('.grid-word')).toHaveText('Failed');
  await cell.focus();
  await expect(page.locator(`.run-grid a[href="/jobs/runs/${failed}#step-1"]`)).toHaveAccessibleName('Synchronize, Not run');
  await page.setViewportSize({ width: 380, height: 800 });
  await expect(page.locator('.run-grid')).toBeHidden();
  await expect(page.locator('.runs tr[data-row] .cells').first()).toBeVisible();
  await page.setViewportSize({ width: 1440, height: 900 });

  await page.goto(`/jobs/runs/${rest}`);
  await page.getByRole('link', { name: `Compare with run ${failed}` }).click();
  await expect(page.locator('.compared').nth(1).locator('tbody tr')).toHaveCount(6);
  await expect(page.locator('.compared').first()).toContainText('Failed');
  await page.locator('select[name=left]').selectOption(rest);
  await page.getByRole('button', { name: 'Compare' }).click();
  await expect(page).toHaveURL(new RegExp(`left=${rest}&right=${rest}`));
});

test('jobs of the configuration say when they start, and one of them runs', async ({ page }) => {
  await page.goto('/jobs');
  const other = page.locator('.job-list > li').filter({ hasText: 'Cloud Directory alone' });
  await other.getByRole('button', { name: 'Start' }).click();
  await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 50_000 });
  await expect(page.locator('.steps .step')).toHaveCount(7);
  await page.goto('/jobs');
  await expect(page.locator('.job-list > li').filter({ hasText: 'Everything, every week' })).toContainText('0 3 * * SUN');
  const off = page.locator('.job-list > li').filter({ hasText: 'every quarter of an hour' });
  await expect(off).toContainText('enabled = false');
  await expect(off.getByRole('button')).toHaveCount(0);
});

test('an application is tested, and shows its accounts', async ({ page }) => {
  await page.goto('/applications');
  await page.locator('a[href="/applications/directory"]').first().click();
  await page.getByRole('button', { name: /Test/ }).click();
  await expect(page.locator('main')).toContainText(/answer|connected|signed in|reached/i);
  await page.goto('/applications/directory?tab=accounts');
  await expect(page.locator('tr[data-row]').first()).toBeVisible();
});

// Last: a failed order is told at the end of every later job, until somebody sees to it.
test('what cannot be done is reported with a reason', async ({ page }) => {
  await page.goto('/work-items');
  await page.locator('tr[data-row] a').first().click();
  const order = (await page.locator('a[href^="/orders/"]').first().getAttribute('href'))!;
  await page.getByRole('button', { name: 'Cannot be done' }).click();
  await expect(message(page)).toContainText('why it cannot be done');
  await page.goBack();
  await page.getByLabel('Note').fill('The terminal refuses the profile');
  await page.getByRole('button', { name: 'Cannot be done' }).click();
  await page.goto(order);
  await expect(page.locator('main')).toContainText('The terminal refuses the profile');
});
