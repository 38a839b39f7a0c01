import { PASSWORD, expect, message, signIn, test } from './steps';

test('somebody signs in and comes to the page that was asked for', async ({ page }) => {
  await page.goto('/jobs');
  await expect(page).toHaveURL('/login?return_to=%2Fjobs');
  await page.getByLabel('Login').fill('admin');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(message(page)).toContainText('is not right');
  await page.getByLabel('Login').fill('admin');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL('/jobs');
  await page.context().storageState({ path: 'test-results/signed-in.json' });
});

test('signing out ends the session', async ({ page }) => {
  await page.goto('/login');
  await signIn(page, 'employee');
  await expect(page).toHaveURL('/');
  await page.locator('.menu summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL('/login');
  await page.goto('/');
  await expect(page).toHaveURL('/login');
});
