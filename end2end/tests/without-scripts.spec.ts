// The same as plain links and forms.
import { expect, message, moveInFeed, startJob, test } from './steps';

test.describe.configure({ mode: 'serial' });

async function reloadUntilCompleted(page: import('@playwright/test').Page) {
  await expect(async () => {
    await page.reload();
    await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 500 });
  }).toPass({ timeout: 50_000 });
}

test('every page is there', async ({ page }) => {
  for (const path of ['/', '/identities', '/orders', '/work-items', '/jobs', '/applications']) {
    await page.goto(path);
    await expect(page.locator('main h1')).toBeVisible();
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
  }
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
