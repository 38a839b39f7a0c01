// Finding things by keyboard, and keeping what a list was narrowed to.
import { readFileSync } from 'node:fs';
import { expect, message, openPalette, signedInAs, test } from './steps';

test.describe.configure({ mode: 'serial' });

test('the palette finds a person, an order and something to do, by keyboard alone', async ({ page }) => {
  await page.goto('/identities?text=E10002');
  const person = (await page.locator('tr[data-row] a[data-open]').first().textContent())!;
  // A page is kept as opened by its code, which somebody who is quicker never waits for.
  await page.waitForFunction(() => localStorage.getItem('recently-opened')?.includes('"/identities?'));
  await page.goto('/orders');
  const order = (await page.locator('tr[data-row] a[data-open]').first().textContent())!;

  const palette = page.getByRole('dialog', { name: 'Find and do anything' });
  const field = palette.getByRole('combobox');
  const lines = palette.getByRole('option');
  await openPalette(page);
  // What was opened last stands there before anything is typed; where one is, one need not go.
  await expect(lines.first()).toContainText('Identities');
  await expect(palette.getByRole('option', { name: '/orders Opened before' })).toHaveCount(0);
  await expect(field).toHaveAttribute('aria-activedescendant', 'palette-0');
  await page.keyboard.press('ArrowDown');
  await expect(field).toHaveAttribute('aria-activedescendant', 'palette-1');
  await expect(lines.nth(1)).toHaveAttribute('aria-selected', 'true');

  await page.keyboard.type('E10002');
  await expect(lines.first()).toContainText(person);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/identities\/\d+$/);
  await expect(page.locator('main h1')).toContainText(person);

  await openPalette(page);
  await page.keyboard.type(`order ${order}`);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`/orders/${order}`);

  await openPalette(page);
  await page.keyboard.type('start complete');
  await expect(lines.first()).toContainText('Start the complete job');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/jobs');

  // Escape goes back to where one was.
  const first = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Orders' });
  await openPalette(page);
  await page.keyboard.press('Escape');
  await first.focus();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nobody-of-this-name');
  await expect(palette.getByRole('status')).toContainText('Nothing found');
  await page.keyboard.press('Escape');
  await expect(palette).toBeHidden();
  await expect(first).toBeFocused();
});

test('the palette takes what is typed before the code of the page has come', async ({ page }) => {
  let arrives = () => {};
  const held = new Promise<void>((resolve) => (arrives = resolve));
  await page.route(/\/pkg\/.*\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('/roles');
  await openPalette(page);
  await page.keyboard.type('audit trail');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/roles');
  arrives();
  await expect(page).toHaveURL('/events?stream=audit');
  await expect(page.locator('main h1')).toHaveText('Audit trail');

  // By its button as well, and closed again by the same keys.
  await page.unroute(/\/pkg\/.*\.wasm$/);
  await page.route(/\/pkg\/.*\.wasm$/, () => {});
  await page.goto('/orders');
  const palette = page.getByRole('dialog', { name: 'Find and do anything' });
  await page.getByRole('button', { name: 'Find and do anything' }).click();
  await expect(palette.getByRole('combobox')).toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(palette).toBeHidden();
});

test('what happened is narrowed, kept as a view and taken along', async ({ page }) => {
  await page.goto('/events');
  await expect(page.locator('.list-tools')).toHaveCount(0);
  await page.getByRole('link', { name: 'What happened' }).click();
  await page.getByLabel('Type').selectOption({ label: 'Person joined' });
  await page.getByLabel('Person, key, or name of a thing').fill('E10002');
  await page.getByRole('button', { name: 'Filter' }).click();
  await expect(page.locator('main tr[data-row]')).toHaveCount(1);
  await page.getByText('Save this view').click();
  const form = page.locator('.list-tools form');
  await form.getByLabel('Name').fill('One joined');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(message(page)).toContainText('“One joined” is saved');
  await expect(page).toHaveURL('/events?stream=events&text=E10002&type=identity.joined');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Export as CSV' }).click(),
  ]);
  const lines = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
  expect(lines[0]).toBe('Number,Type,Person,Key,Application,What,Order,Run,When');
  expect(lines.slice(1)).toHaveLength(1);
  expect(lines[1]).toContain(',identity.joined,');

  await page.getByRole('link', { name: 'Audit trail' }).click();
  await page.getByLabel('Who, what, or to what').fill('admin');
  await page.getByRole('button', { name: 'Filter' }).click();
  await expect(page.locator('main tr[data-row]').first()).toContainText('admin');
  await page.goto('/review');
  await expect(page.locator('.list-tools')).toContainText('Export as CSV');
  await page.goto('/views');
  await page.getByRole('button', { name: 'Delete: One joined' }).click();
  await expect(message(page)).toContainText('is deleted');
});

test('a letter after g goes somewhere, and typing goes nowhere', async ({ page }) => {
  await page.goto('/');
  // Keys are listened to once the page's own code has come.
  await expect(async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await expect(page).toHaveURL('/roles', { timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
  const field = page.getByRole('searchbox', { name: 'Search everything' });
  await expect(async () => {
    await page.keyboard.press('/');
    await expect(field).toBeFocused({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
  await field.fill('');
  await page.keyboard.type('go jo');
  await expect(page).toHaveURL('/roles');
  await expect(field).toHaveValue('go jo');
});

test('a saved view is there in another browser, and the menu opens the list with it', async ({ page, browser }) => {
  await page.goto('/orders?state=verified&mechanism=direct');
  await page.getByText('Save this view').click();
  const form = page.locator('.list-tools form');
  await form.getByLabel('Name').fill('Confirmed directly');
  await form.getByLabel('Open the list with it from the menu').check();
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(message(page)).toContainText('“Confirmed directly” is saved');
  await expect(page).toHaveURL('/orders?state=verified&mechanism=direct');

  const other = await signedInAs(browser, 'admin');
  await other.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Orders' }).click();
  await expect(other).toHaveURL('/orders?state=verified&mechanism=direct');
  const chip = other.getByRole('list', { name: 'Saved views' }).getByRole('link', { name: /Confirmed directly/ });
  await expect(chip).toHaveAttribute('aria-current', 'page');
  await other.goto('/identities');
  await openPalette(other);
  await other.keyboard.type('confirmed dir');
  await expect(other.getByRole('option').first()).toContainText('Confirmed directly');
  await other.keyboard.press('Enter');
  await expect(other).toHaveURL('/orders?state=verified&mechanism=direct');
  await other.context().close();

  await page.goto('/views');
  await page.getByRole('button', { name: 'Delete: Confirmed directly' }).click();
  await expect(message(page)).toContainText('is deleted');
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Orders' }).click();
  await expect(page).toHaveURL('/orders');
});
