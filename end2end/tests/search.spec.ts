// Finding things by keyboard, and keeping what a list was narrowed to.
import { expect, message, openPalette, signedInAs, test } from './steps';

test.describe.configure({ mode: 'serial' });

test('the palette finds a person, an order and something to do, by keyboard alone', async ({ page }) => {
  await page.goto('/identities?text=E10002');
  const person = (await page.locator('tr[data-row] a[data-open]').first().textContent())!;
  await page.goto('/orders');
  const order = (await page.locator('tr[data-row] a[data-open]').first().textContent())!;

  const palette = page.getByRole('dialog', { name: 'Find and do anything' });
  const field = palette.getByRole('combobox');
  const lines = palette.getByRole('option');
  await openPalette(page);
  // What was opened last stands there before anything is typed.
  await expect(lines.first()).toContainText('Orders');
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
