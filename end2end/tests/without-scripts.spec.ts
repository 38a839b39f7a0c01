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
  for (const path of ['/', '/identities', '/orders', '/review', '/work-items', '/jobs', '/applications']) {
    await page.goto(path);
    await expect(page.locator('main h1')).toBeVisible();
    await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
  }
});

test('a job is started and followed by reloading', async ({ page }) => {
  await startJob(page, { incremental: true });
  await reloadUntilCompleted(page);
});

test('a work item is confirmed', async ({ page }) => {
  await page.goto('/work-items');
  await page.locator('tr[data-row] a').first().click();
  await page.getByLabel('Note').fill('Without scripts');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('1 work item confirmed');
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
