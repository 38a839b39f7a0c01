// Every page there is, with something on it: name and address.
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, nativelyChanged } from './steps';

// Where they are written down for whoever looks at all of them.
export const pageList = join(import.meta.dirname, '../test-results/pages.json');

// The step before a decision, with one order approved.
async function chosen(page: Page): Promise<string> {
  await page.goto('/review');
  const names = await page.locator('.review-order').first().locator('input[value="approve"]').evaluateAll((inputs) =>
    inputs.map((input) => (input as HTMLInputElement).name),
  );
  return `/review/confirm?${names.map((name) => `${name}=approve`).join('&')}`;
}

// A form that was answered; answers one where there is none yet.
async function answered(page: Page): Promise<string> {
  const form = page.locator('main a[href^="/forms/"]').first();
  await page.goto('/forms?scope=all&state=answered');
  if ((await form.count()) === 0) {
    await page.goto('/forms?scope=all');
    await form.click();
    await page.getByLabel('Phone number').fill('+31 10 555 9003');
    await page.getByRole('button', { name: 'Send the answers' }).click();
    await page.goto('/forms?scope=all&state=answered');
  }
  return (await form.getAttribute('href'))!;
}

// A request for a day that has not come: it is there to look at and changes nothing.
async function asked(page: Page, identity: string): Promise<string> {
  await page.goto('/requests');
  const known = page.locator('main a[data-open]').first();
  if (await known.count()) return (await known.getAttribute('href'))!;
  const person = identity.split('/').pop();
  await page.goto(`/requests/new?identity=${person}&item=give:entitlement:payroll-view&justification=Covers&not_before=2099-01-01&preview=yes`);
  await page.getByRole('button', { name: 'Submit' }).click();
  return new URL(page.url()).pathname;
}

// A bulk change that waits; begins one where there is none. It is never applied.
async function bulkChanged(page: Page): Promise<string> {
  await page.goto('/bulk-changes');
  const known = page.locator('main a[data-open]').first();
  if (await known.count()) return (await known.getAttribute('href'))!;
  await page.getByLabel('Why').first().fill('To look at');
  await page.getByLabel('Or rows, with the headers').fill('identity,action,kind,name\nE10002,give,entitlement,payroll-reports\nnobody,give,role,x');
  await page.getByRole('button', { name: 'Preview the file' }).click();
  return new URL(page.url()).pathname;
}

// A draft that changes something; makes one where there is none. Nothing of it is ever published.
async function drafted(page: Page): Promise<string> {
  await page.goto('/drafts');
  const known = page.locator('main a[data-open]').first();
  if (await known.count()) return (await known.getAttribute('href'))!;
  await page.goto('/drafts/edit?kind=rule');
  await page.getByLabel('Name', { exact: true }).fill('night-shift');
  await page.getByLabel('Condition').fill("identity.department == 'Sales'");
  await page.getByLabel('Add, line 1').fill('role:controller');
  await page.getByRole('button', { name: 'Save into the draft' }).click();
  return new URL(page.url()).pathname;
}

// The campaign that the demo begins once a run has given people what they should have.
async function certified(page: Page): Promise<string> {
  const campaign = page.locator('main a[data-open]').first();
  await expect(async () => {
    await page.goto('/certifications');
    await expect(campaign).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 20_000 });
  return new URL((await campaign.getAttribute('href'))!, page.url()).pathname;
}

// A page with a view on it; keeps one where there is none.
async function kept(page: Page): Promise<string> {
  await page.goto('/views');
  if (await page.locator('.kept-views > li').count()) return '/views';
  await page.goto('/orders?state=errored');
  await page.getByText('Save this view').click();
  await page.locator('.list-tools form').getByLabel('Name').fill('Failed');
  await page.locator('.list-tools form').getByRole('button', { name: 'Save' }).click();
  return '/views';
}

export async function everyPage(page: Page): Promise<[string, string][]> {
  const first = async (list: string, link: string, mark = '') => {
    await page.goto(list);
    return (await page.locator(`main a${mark}[href^="${link}"]`).first().getAttribute('href'))!;
  };
  const identity = await first('/identities?text=E10002', '/identities/');
  const run = await first('/jobs', '/jobs/runs/');
  const number = /runs\/(\d+)/.exec(run)![1];
  return [
    ['home', '/'],
    ['identities', '/identities'],
    ['identity', identity],
    ['identity-accounts', `${identity}?tab=accounts`],
    ['identity-orders', `${identity}?tab=orders`],
    ['why', `${identity}?kind=entitlement&name=mainframe-pay-batch`],
    ['why-unknown', `${identity}?name=mainframe-pay-bach`],
    ['orders', '/orders'],
    ['orders-none', '/orders?text=nobody-of-this-name'],
    ['orders-confirm', '/orders?act=hold'],
    ['order', await first('/orders?application=directory', '/orders/')],
    ['work-items', '/work-items'],
    ['work-item', await first('/work-items', '/work-items/', '[data-open]')],
    ['work-items-mine', '/work-items?scope=mine'],
    ['work-items-overdue', '/work-items?overdue=yes'],
    ['work-items-questions', '/work-items/questions'],
    ['work-items-bulk', '/work-items/bulk'],
    ['forms', '/forms?scope=all'],
    ['forms-none', '/forms'],
    ['form-answered', await answered(page)],
    ['form', await first('/forms?scope=all', '/forms/')],
    ['review', '/review'],
    ['review-confirm', await chosen(page)],
    ['review-declined', '/review/declined'],
    ['native-changes', await nativelyChanged(page)],
    ['native-changes-none', '/native-changes?kind=deleted'],
    ['violations', '/violations'],
    ['violations-none', '/violations?state=closed&level=75'],
    ['reconciliation', '/reconciliation'],
    ['reconciliation-none', '/reconciliation?text=nobody-of-this-name'],
    ['reconciliation-all', '/reconciliation?all=1'],
    ['reconciliation-accounts', '/reconciliation?view=accounts'],
    ['reconciliation-orphans', '/reconciliation?view=orphans'],
    ['reconciliation-redundant', '/reconciliation?view=redundant'],
    ['reconciliation-roles', '/reconciliation?view=roles'],
    ['reconciliation-decided', '/reconciliation?view=decided'],
    ['go-live', '/reconciliation/go-live'],
    ['requests', '/requests'],
    ['requests-none', '/requests?text=nobody-of-this-name'],
    ['request', await asked(page, identity)],
    ['request-new', '/requests/new?find=E1000'],
    ['request-preview', `/requests/new?identity=${identity.split('/').pop()}&item=give:entitlement:payroll-reports&justification=Covers&preview=yes`],
    ['request-mistake', `/requests/new?identity=${identity.split('/').pop()}&justification=Covers&preview=yes`],
    ['approvals', '/approvals'],
    ['approvals-all', '/approvals?whose=all'],
    ['approvals-none', '/approvals?request=1'],
    ['certifications', '/certifications'],
    ['certifications-new', '/certifications/new'],
    ['certification', await certified(page)],
    ['certification-mine', `${await certified(page)}?mine=yes`],
    ['certification-none', `${await certified(page)}?text=nobody-of-this-name`],
    ['certification-sign-off', `${await certified(page)}/sign-off`],
    ['bulk-changes', '/bulk-changes'],
    ['bulk-change', await bulkChanged(page)],
    ['jobs', '/jobs'],
    ['jobs-filtered', '/jobs?job=complete'],
    ['run', run],
    ['run-log', `${run}?level=warning&step=fulfil`],
    ['comparison', `/jobs/compare?left=${number}&right=${number}`],
    ['comparison-choose', '/jobs/compare'],
    ['run-undo', `${run}/undo`],
    ['applications', '/applications'],
    ['application', '/applications/directory'],
    ['application-accounts', '/applications/directory?tab=accounts'],
    ['application-proposed', '/applications/directory?tab=accounts&show=proposed'],
    ['application-unclassified', '/applications/directory?tab=accounts&show=unclassified'],
    ['application-schema', '/applications/directory?tab=schema'],
    ['integration', '/integrations/treasury-desk'],
    ['agents', '/agents'],
    ['access-unknown', '/access'],
    ['users', '/users'],
    ['users-none', '/users?text=nobody-of-this-name'],
    ['user', await first('/users?text=operator', '/users/', '[data-open]')],
    ['user-find', `${await first('/users?text=auditor', '/users/', '[data-open]')}?find=E1000`],
    ['user-new', '/users/new'],
    ['permissions', '/permissions'],
    ['permissions-test', '/permissions/test'],
    ['permissions-test-yes', '/permissions/test?user=operator&what=/jobs'],
    ['permissions-test-no', '/permissions/test?user=employee&what=/Jobs/Run'],
    ['permissions-test-mistake', '/permissions/test?user=employee&what=/jobz'],
    ['permissions-notices', '/permissions/notices'],
    ['permissions-notices-by-name', '/permissions/notices?kind=approval'],
    ['events', '/events'],
    ['events-list', '/events?stream=events&type=order.*'],
    ['events-list-none', '/events?stream=events&text=nobody-of-this-name'],
    ['events-audit', '/events?stream=audit'],
    ['mails', '/mails'],
    ['my-mail', '/my-mail'],
    ['search', '/search?q=pay'],
    ['search-none', '/search?q=nobody-of-this-name'],
    ['search-empty', '/search'],
    ['views', await kept(page)],
    ['roles', '/roles'],
    ['role', await first('/roles', '/roles/', '[data-open]')],
    ['access-profiles', '/access-profiles'],
    ['access-profile', await first('/access-profiles', '/access-profiles/', '[data-open]')],
    ['entitlements', '/entitlements'],
    ['entitlement', await first('/entitlements', '/entitlements/', '[data-open]')],
    ['requests-kept', '/requests/kept'],
    ['found-entitlements', '/found-entitlements'],
    ['found-entitlements-unnamed', '/found-entitlements?show=unnamed'],
    ['mining', '/mining'],
    ['mining-found', '/mining?look=yes&access=found&access=by_hand&wanted=rules&wanted=bundles&people=2&precision=60&false_positives=50'],
    ['mining-wrong', '/mining?look=yes&access=found&wanted=rules&people=few'],
    ['configuration', '/configuration'],
    ['setting', '/drafts/edit?kind=application&name=crm'],
    ['setting-new', '/drafts/edit?kind=lifecycle_state'],
    ['lint', '/lint'],
    ['lint-none', '/lint?kind=never_true&severity=note'],
    ['attribute-quality', '/identities/quality'],
    ['graph', '/graph?kind=role&name=employee'],
    ['rules', '/rules'],
    ['rules-none', '/rules?text=nothing-of-this-name'],
    ['rule', await first('/rules', '/rules/', '[data-open]')],
    ['drafts', '/drafts?state=all'],
    ['draft', await drafted(page)],
    ['draft-tried', `${await drafted(page)}?person=E10002`],
    ['draft-orders', `${await drafted(page)}/orders`],
    ['draft-edit', '/drafts/edit?kind=rule'],
    ['draft-edit-entitlement', '/drafts/edit?kind=entitlement'],
    ['missing', '/no-such-page'],
  ];
}

// Every page on which people see and ask for access of their own, for somebody who has signed in as the demo's employee.
export async function ownPages(page: Page): Promise<[string, string][]> {
  await page.goto('/access?show=requests');
  const known = page.locator('main a[data-open]').first();
  if (!(await known.count())) {
    await page.goto('/access/request?item=give:entitlement:payroll-view&justification=Covers&not_before=2099-01-01&preview=yes');
    await page.getByRole('button', { name: 'Send the request' }).click();
    await page.goto('/access?show=requests');
  }
  const request = (await known.getAttribute('href'))!;
  return [
    ['access', '/access'],
    ['access-requests', '/access?show=requests'],
    ['access-request', request],
    ['access-ask', '/access/request'],
    ['access-ask-none', '/access/request?text=nothing-of-this-name'],
    ['access-ask-preview', '/access/request?item=give:access_profile:directory-vpn&justification=Covers&preview=yes'],
    ['access-ask-mistake', '/access/request?item=give:access_profile:directory-vpn&until=2020-01-01&preview=yes'],
  ];
}
