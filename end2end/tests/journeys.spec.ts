// The way through the product, in the order in which somebody new would go it.
import { breakFeed, downloadLines, expect, expectCompleted, message, moveInFeed, signIn, startJob, test, walkOfANewUser } from './steps';

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

test('what nobody knew is asked, answered, and goes out with the answer', async ({ page }) => {
  await page.goto('/forms');
  await expect(page.locator('main')).toContainText('Nothing for you to answer');
  await page.getByRole('link', { name: 'Everybody’s' }).click();
  const row = page.locator('tr[data-row]').first();
  const person = (await row.locator('.name').textContent())!.trim();
  await row.locator('a').first().click();
  await expect(page).toHaveURL(/\/forms\/\d+/);
  const form = page.url();
  await expect(page.locator('main')).toContainText('Needed for Mainframe user in Mainframe');

  await page.getByLabel('Phone number').fill('ask the desk');
  await page.getByRole('button', { name: 'Send the answers' }).click();
  await expect(message(page)).toContainText('Nothing was taken');
  await expect(page.getByLabel('Phone number')).toHaveValue('ask the desk');
  await expect(page.locator('.field-error')).toContainText('does not match');
  await page.getByLabel('Phone number').fill('+31 10 555 9000');
  await page.getByRole('button', { name: 'Send the answers' }).click();
  await expect(message(page)).toContainText('1 answer is taken');
  await expect(page.locator('main')).toContainText('+31 10 555 9000');

  // The order that waited is replaced, and a person has it to do.
  const items = `/work-items?text=${encodeURIComponent(person)}`;
  await expect(async () => {
    await page.goto(items);
    await expect(page.locator('tr[data-row]')).toHaveCount(1, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
  await page.locator('tr[data-row] a').first().click();
  await expect(page.locator('main')).toContainText('+31 10 555 9000');
  const order = (await page.locator('a[href^="/orders/"]').first().getAttribute('href'))!;
  await page.getByLabel('Note').fill('Told the password by phone');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await startJob(page);
  await expectCompleted(page);
  await page.goto(order);
  await expect(page.locator('.page-head')).toContainText('Confirmed');

  // Changed later, the answer is what the next order says; here it was written at creation only.
  await page.goto(form);
  await page.getByText('Change', { exact: true }).click();
  await page.getByLabel('New answer: Phone number').fill('+31 10 555 9001');
  await page.getByRole('button', { name: 'Change the answer' }).click();
  await expect(message(page)).toContainText('The answer is changed');
  await expect(page.locator('main')).toContainText('+31 10 555 9001');
});

test('several work items are confirmed at once', async ({ page }) => {
  await page.goto('/work-items');
  const boxes = page.locator('tr[data-row] input[type=checkbox]');
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('2 work items confirmed');
});

test('many lines are reported at once, by ticks and by file', async ({ page }) => {
  await page.goto('/work-items');
  await page.getByRole('link', { name: 'Bulk provision' }).click();
  await page.getByLabel('Application').selectOption('mainframe');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/application=mainframe/);
  const boxes = page.locator('tr[data-row] input[type=checkbox]');
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await expect(page.locator('.bulk-bar [role=status]')).toContainText('2 selected');
  await page.getByLabel('Note').fill('Done together');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('2 lines reported');
  await expect(page).toHaveURL(/application=mainframe/);

  const { rows, fill } = await downloadLines(page);
  const item = rows[1].split(',')[0];
  const own = rows.filter((row) => row.startsWith(`${item},`));
  const filled = own.map((row) => fill(row, 'done', 'Typed in'));
  const sheet = [rows[0], ...filled, fill(rows.at(-1)!, 'perhaps', '')].join('\n');
  await page.getByLabel('Rows, with the header').fill(sheet);
  await page.getByRole('button', { name: 'Send the rows' }).click();
  await expect(message(page)).toContainText(`${own.length} lines reported, 1 work item closed; 1 not taken`);
  await expect(message(page)).toContainText(`Line ${own.length + 2}: \`perhaps\` is no outcome`);
  await expect(page.getByLabel('Rows, with the header')).toHaveValue(/perhaps/);
  await page.goto(`/work-items/${item}`);
  await expect(page.locator('main')).toContainText('Typed in');
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
  await expect(held.locator('.grant-why').filter({ hasText: 'request' })).toHaveCount(1);
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
  await expect(message(page)).toContainText(/Say why .+ cannot be done/);
  await page.goBack();
  await page.getByLabel('Note').fill('The terminal refuses the profile');
  await page.getByRole('button', { name: 'Cannot be done' }).click();
  await page.goto(order);
  await expect(page.locator('main')).toContainText('The terminal refuses the profile');
});

test('work is taken, asked about, answered and done in part', async ({ page, browser }) => {
  await page.goto('/work-items?application=mainframe');
  await page.locator('tr[data-row] a[data-open]').first().click();
  const address = page.url();
  const order = (await page.locator('a[href^="/orders/"]').first().getAttribute('href'))!;
  await page.getByRole('button', { name: 'I do it' }).click();
  await expect(message(page)).toContainText('yours');
  await page.locator('summary', { hasText: 'Ask somebody' }).click();
  await page.getByLabel('Whom').selectOption('employee');
  await page.getByLabel('Question', { exact: true }).fill('Which department is it to be?');
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(message(page)).toContainText('The clock stands');
  await expect(page.locator('.head-state')).toContainText('Clock stands');

  const context = await browser.newContext({ storageState: { cookies: [], origins: [] } });
  const other = await context.newPage();
  await other.goto('/login');
  await signIn(other, 'employee');
  await other.getByRole('link', { name: 'Questions 1 to you' }).click();
  await other.getByRole('link', { name: 'Which department is it to be?' }).click();
  await other.getByLabel('Answer', { exact: true }).fill('The one of the feed.');
  await other.getByRole('button', { name: 'Answer' }).click();
  await expect(message(other)).toContainText('The clock goes on');
  await context.close();

  await page.goto(address);
  await expect(page.getByRole('list', { name: 'History' })).toContainText('The one of the feed.');
  await expect(page.locator('.head-state')).not.toContainText('Clock stands');
  const last = page.locator('.lines tr').filter({ has: page.locator('input[type=radio]') }).last();
  await last.getByText('Not', { exact: true }).click();
  await last.getByRole('textbox').fill('The group is full');
  await page.getByRole('button', { name: 'Confirm done' }).click();
  await expect(message(page)).toContainText('partly done');
  await page.goto(order);
  await expect(page.locator('main')).toContainText('The group is full');
  await expect(page.locator('.page-head')).toContainText('Failed');
});

test('a rule is drafted by keyboard, tried with somebody and discarded; a role is changed and published', async ({ page }) => {
  await page.goto('/rules');
  await page.getByRole('link', { name: 'New rule' }).focus();
  await page.keyboard.press('Enter');
  await page.getByLabel('Name', { exact: true }).focus();
  await page.keyboard.type('sales-to-the-vault');
  await page.keyboard.press('Tab');
  await page.keyboard.type("identity.department == 'No such place' ||");
  await page.getByLabel('Add, line 1').focus();
  await page.keyboard.type('role:controller');
  await page.keyboard.press('Enter');
  await expect(message(page)).toContainText('Nothing is live before you publish');
  // What was typed is kept, and where it is wrong is said.
  await expect(page.locator('main [role=alert]')).toContainText('when, line 1');
  await expect(page.getByRole('button', { name: 'Publish' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Put it right' }).click();
  await expect(page.getByLabel('Condition')).toHaveValue("identity.department == 'No such place' ||");
  // While it is typed, the line beneath says whom it is for.
  const line = page.locator('.matching');
  await expect(line).toContainText('Not a condition yet: line 1');
  await page.getByLabel('Condition').fill("identity.department == 'Sales'");
  await expect(line).toContainText(/Holds for [1-9]\d* of \d+ people today: /);
  await page.getByLabel('Condition').fill("identity.department == 'Sales' && identity.display_name == 'Nobody'");
  await expect(line).toContainText(/Holds for 0 of \d+ people today\./);
  await page.getByLabel('Condition').fill("identity.department == 'Sales'");
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  await expect(page.locator('main')).toContainText(/Access changes for \d+ of \d+ people/);
  await expect(page.locator('main')).toContainText(/Rule sales-to-the-vault would hold for \d+ people/);
  const person = page.locator('tr', { has: page.locator('td[data-label="Gains"]') }).first();
  const key = (await person.locator('.mono').first().textContent())!;
  await page.getByLabel('Key in the identity source').fill(key);
  await page.getByRole('button', { name: 'Try', exact: true }).click();
  await expect(page.locator('main')).toContainText('Would gain');
  await page.locator('summary', { hasText: 'Why' }).click();
  await expect(page.locator('main')).toContainText('Rule sales-to-the-vault holds because');
  // What the next run would make of it, by keyboard as well.
  await page.getByRole('link', { name: 'Orders and risks' }).press('Enter');
  await expect(page.locator('main')).toContainText(/It brings about [1-9]\d* orders?, for [1-9]\d* of \d+ people/);
  await expect(page.getByRole('region', { name: 'Orders that it brings about' })).toContainText('sales-to-the-vault');
  await page.getByRole('link', { name: 'Changes and people' }).press('Enter');
  await page.getByRole('button', { name: 'Discard the draft' }).click();
  await expect(message(page)).toContainText('nothing of it is live');
  await page.goto('/rules?text=sales-to-the-vault');
  await expect(page.locator('main')).toContainText('Nothing found');

  await page.goto('/roles/controller');
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  await page.getByLabel('What for').fill('Checks what accountants book.');
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  await expect(page.locator('main')).toContainText("Nobody's access changes");
  await page.getByRole('button', { name: 'Publish' }).click();
  await expect(message(page)).toContainText('Published');
  await page.goto('/roles/controller');
  await expect(page.locator('main')).toContainText('Checks what accountants book.');
  await expect(page.getByRole('region', { name: 'Versions' })).toContainText('with the draft');

  // It is not what the files say any more, and stands in the middle of what leads to it and from it.
  await page.goto('/configuration');
  await expect(page.getByRole('heading', { name: /changed on pages since/ })).toBeVisible();
  await page.locator('summary', { hasText: 'What was changed' }).click();
  await expect(page.locator('main')).toContainText('role controller: description');
  await page.goto('/roles/controller');
  await page.getByRole('link', { name: 'Graph', exact: true }).click();
  const graph = page.getByRole('region', { name: /^Graph of role/ });
  await graph.getByRole('link').filter({ hasText: /rule/ }).first().focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: /^Graph of rule/ })).toBeVisible();
});

test('a category is added by keyboard, published and named by a role', async ({ page }) => {
  await page.goto('/drafts/edit?kind=category');
  await page.getByLabel('Short name').focus();
  await page.keyboard.type('harbour-works');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Harbour works');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: /New category/ })).toBeVisible();
  await page.getByRole('button', { name: 'Publish' }).click();
  await expect(message(page)).toContainText('Published');
  await page.goto('/configuration');
  await page.locator('#categories').getByRole('link', { name: 'Harbour works' }).click();
  await expect(page.getByLabel(/^Display name/)).toHaveValue('Harbour works');
});

test('a bulk change is previewed, applied and taken back', async ({ page }) => {
  await page.goto('/requests');
  await page.getByRole('link', { name: 'Bulk changes' }).click();
  await page.getByLabel('Why').first().fill('Covers at the year’s end');
  const rows = ['identity,action,kind,name', 'E10002,give,entitlement,payroll-view', 'nobody,give,entitlement,payroll-view'];
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'year-end.csv', mimeType: 'text/csv', buffer: Buffer.from(rows.join('\n')) });
  await page.getByRole('button', { name: 'Preview the file' }).click();
  await expect(page).toHaveURL(/\/bulk-changes\/\d+/);
  await expect(page.locator('.page-head')).toContainText('Waiting for confirmation');
  await expect(page.locator('tr[data-row]').filter({ hasText: 'Refused' })).toContainText('nobody');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Apply: this bulk change' }).click();
  await expect(message(page)).toContainText('1 request is made');
  await page.locator('summary', { hasText: 'Undo' }).click();
  await page.getByLabel('Why').fill('The wrong list');
  await page.getByRole('button', { name: 'Undo: this bulk change' }).click();
  await expect(message(page)).toContainText('1 row is taken back');
  await expect(page.locator('.page-head')).toContainText('Undone');
});

test('a user is added, linked to a person and given a profile, and sees exactly what the tester says', async ({ page, browser }) => {
  test.setTimeout(120_000);
  await walkOfANewUser(page, browser, 'noor', 'E10007', {});
});
