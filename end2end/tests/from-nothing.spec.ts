// An administrator's first half hour: from an empty database to people who have their access in a directory, each by the page
// that docs/RUNNING.md names, and by keyboard alone.
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { Keyboard } from './from-nothing/keyboard';
import { ADMINISTRATOR, DEPARTMENTS, DIRECTORY_PASSWORD, PEOPLE, SUFFIX, groupOf, leads, people, systemsOf } from './from-nothing/organisation';
import { type Surroundings, start } from './from-nothing/servers';
import { lookUp } from './from-nothing/slapd';
import { PASSWORD, message } from './steps';

test.describe.configure({ mode: 'serial', timeout: 240_000 });

let surroundings: Surroundings;
let context: BrowserContext;
let page: Page;
let keys: Keyboard;
const complaints: string[] = [];

test.beforeAll(async ({ browser }) => {
  surroundings = await start();
  context = await browser.newContext({ baseURL: surroundings.address, viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.on('pageerror', (error) => {
    // The browser's own, where a page comes too slowly for the one before it to fade into it.
    if (!error.message.startsWith('Transition was aborted')) complaints.push(error.message);
  });
  page.on('console', (line) => {
    if (line.type() === 'error') complaints.push(line.text());
  });
  keys = new Keyboard(page);
});

test.afterAll(async () => {
  await context?.close();
  await surroundings?.stop();
  expect(complaints).toEqual([]);
});

// What each person is found to be a member of in the directory.
const memberships = (login: string) =>
  lookUp(surroundings.directoryPort, `(member=uid=${login},ou=people,${SUFFIX})`, 'cn').sort();

const everybody = people();
const newcomers = everybody.filter((person) => !person.known);
const slug = (text: string) => text.toLowerCase().replaceAll(' ', '-');

async function publish() {
  await keys.press(/^Publish$/);
  await expect(message(page)).toContainText('Published');
}

async function runEnds(run: () => Promise<void>) {
  await run();
  await expect(page).toHaveURL(/\/jobs\/runs\/\d+/);
  await expect(page.locator('.run-summary')).toContainText('Completed', { timeout: 60_000 });
}

test('the first user is added to an empty database and signs in', async () => {
  expect(surroundings.command(['user', 'add', 'anna'], PASSWORD)).toContain('anna can sign in');
  await page.goto('/');
  // The field for the login has the focus.
  await page.keyboard.insertText('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.insertText(PASSWORD);
  await keys.enter();
  await expect(page).toHaveURL('/');
  await expect(page.getByRole('region', { name: 'First steps' })).toContainText('Connect a source of people');
});

test('people and a directory are described in one draft, tried, and published', async () => {
  await keys.past();
  await keys.press(/^Connect a source of people$/);
  await keys.type(/^Short name$/, 'hr');
  await keys.type(/^Display name$/, "identity.given_name + ' ' + identity.family_name");
  await keys.type(/^Key$/, 'employee_number');
  await keys.type(/^File/, surroundings.people);
  await keys.unfold(/^Add$/);
  for (const attribute of ['given_name', 'family_name', 'department', 'title']) {
    await keys.type(/^Name$/, attribute);
    await keys.type(/^Value$/, attribute);
  }
  await keys.type(/^Manager/, 'manager_number');
  await keys.type(/^Starts/, 'hire_date');
  await keys.type(/^Ends/, 'end_date');
  await keys.enter();
  await expect(page.getByRole('heading', { name: 'New identity source hr' })).toBeVisible();
  await expect(page.locator('main')).toContainText('attributes.given_name');
  await keys.press(/^Try reading hr$/);
  await expect(message(page)).toContainText('The identity source hr can be read.');
  await expect(message(page)).toContainText(`${PEOPLE} people in`);

  await keys.unfold(/^Something else$/);
  await keys.press(/^New application$/);
  await keys.type(/^Short name$/, 'directory');
  await keys.type(/^Display name$/, 'Directory');
  await keys.to(/^Kind of connection$/);
  await page.keyboard.type('LDAP');
  await keys.press(/^Use this kind$/);
  // Goes on where the kind was chosen.
  await keys.type(/^URL$/, `ldap://127.0.0.1:${surroundings.directoryPort}`);
  await keys.type(/^Bind DN$/, ADMINISTRATOR);
  await keys.type(/^Password$/, DIRECTORY_PASSWORD);
  await keys.type(/^Account base$/, `ou=people,${SUFFIX}`);
  await keys.type(/^Account classes$/, 'inetOrgPerson');
  await keys.type(/^Account RDN$/, 'uid');
  await keys.type(/^Group base/, `ou=groups,${SUFFIX}`);
  await keys.enter();
  await keys.press(/^Try the connection of directory$/);
  await expect(message(page)).toContainText('The connection of directory works.');

  await keys.unfold(/^Something else$/);
  await keys.press(/^New account type$/);
  await keys.type(/^Short name$/, 'directory-account');
  await keys.type(/^Display name$/, 'Directory account');
  await keys.type(/^Application$/, 'directory');
  await keys.type(/^Key$/, 'uid');
  await keys.unfold(/^Add$/);
  const login = '(identity.given_name.left(1) + identity.family_name + identity.key).lower()';
  const attributes: [string, string][] = [
    ['uid', login],
    ['cn', 'identity.display_name'],
    ['sn', 'identity.family_name'],
    ['givenName', 'identity.given_name'],
    ['mail', `${login} + '@vale.example'`],
    ['employeeNumber', 'identity.key'],
    ['departmentNumber', 'identity.department'],
    ['title', 'identity.title'],
  ];
  for (const [name, expression] of attributes) {
    await keys.type(/^Name$/, name);
    await keys.type(/^Expression/, expression);
    await keys.press(/^Save and add more: Attributes$/);
  }
  await keys.unfold(/^Correlation/);
  await keys.unfold(/^Add one$/);
  await keys.type(/^Identity$/, 'identity.key');
  await keys.type(/^Account$/, 'employeeNumber');
  await keys.type(/^Confidence$/, '100');
  await keys.enter();
  await expect(page.getByRole('heading', { name: 'New account type directory-account' })).toBeVisible();
  await expect(page.locator('main')).toContainText("Nobody's access changes, of 0 people.");
  await publish();
});

test('people, accounts and groups are read, and accounts find their owners', async () => {
  for (const step of ['Collect', 'Synchronize']) {
    await keys.go('Job execution');
    await keys.unfold(/^Run a single step$/);
    await runEnds(() => keys.press(new RegExp(`^Start ${step}$`)));
  }
  await expect(page.locator('main')).toContainText(`${PEOPLE} new`);
  const known = everybody.length - newcomers.length;
  await expect(page.locator('main')).toContainText(`${known} accounts found an owner`);
});

test('naming rules make entitlements and access profiles of the groups that were found', async () => {
  await keys.go('Role model');
  await keys.press(/^Found$/);
  await expect(page.locator('main')).toContainText('No naming rule fits.');
  await keys.press(/^New naming rule$/);
  const rule = async (name: string, pattern: string, entitlement: [string, string], profile: [string, string]) => {
    await keys.type(/^Short name$/, name);
    await keys.type(/^Account type$/, 'directory-account');
    await keys.type(/^Pattern$/, pattern);
    await keys.type(/^Display name/, entitlement[1]);
    await keys.type(/^Name$/, entitlement[0]);
    await keys.unfold(/^Access profile/);
    await keys.type(/^Display name/, profile[1]);
    await keys.type(/^Name$/, profile[0]);
    await keys.enter();
    await expect(page.getByRole('heading', { name: `New naming rule ${name}` })).toBeVisible();
  };
  await rule('applications', 'APP (?<system>.+) (?<right>Read|Change)', ['group-{system}-{right}', '{system}: {right}'], ['{system}-{right}', '{system}, {right}']);
  await keys.unfold(/^Something else$/);
  await keys.press(/^New naming rule$/);
  await rule('departments', 'Department (?<department>.+)', ['group-{department}', 'Department {department}'], ['works-in-{department}', 'Works in {department}']);
  await publish();

  await keys.go('Role model');
  await keys.press(/^Found$/);
  await keys.press(/^Draft all that a rule names$/);
  await expect(page.locator('main summary', { hasText: '45 new access profiles, 45 new entitlements' })).toBeVisible();
  await expect(page.locator('main')).toContainText(`Nobody's access changes, of ${PEOPLE} people.`);
  await publish();
});

// On the page of a draft: a rule more, which says while it is typed for whom it holds.
async function addRule(name: string, condition: string, holds: number, things: string[]) {
  await keys.press(/^New rule$/);
  await keys.type(/^Name$/, name);
  await keys.type(/^Condition$/, condition);
  await expect(page.locator('main')).toContainText(`Holds for ${holds} of ${PEOPLE} people today`);
  for (const thing of things) await keys.type(/^Add, line/, thing);
  await keys.press(/^Save into the draft$/);
  await expect(page.locator('main')).toContainText(`New rule ${name}`);
}

const managers = everybody.filter((person) => person.title === 'Sales Manager');

test('a draft warns of what the first run would take away, until what is there is marked', async () => {
  await keys.go('Role model');
  await keys.press(/^Rules/);
  await addRule('sales-managers', "identity.title == 'Sales Manager'", managers.length, systemsOf('Sales').map((system) => `${slug(system)}-change`));
  const warning = page.getByRole('alert').filter({ hasText: 'Nothing was ordered in Directory yet' });
  await expect(warning).toBeVisible();
  const draft = page.url();
  await keys.press(/^Go-live$/);
  await keys.press(/^Mark as there before: Directory$/);
  await expect(message(page)).toContainText('Marked as there before');
  await keys.go('Role model');
  await keys.press(/^Drafts/);
  await keys.press(/^Add rule sales-managers$/);
  await expect(page).toHaveURL(draft);
  await expect(warning).toHaveCount(0);
});

test('roles and rules are drafted, tried with somebody, looked at for everybody, checked and published', async () => {
  for (const department of DEPARTMENTS) {
    await keys.press(/^New role$/);
    await keys.type(/^Name$/, slug(department));
    await keys.type(/^What people call it$/, `${department} staff`);
    const parts = [`works-in-${slug(department)}`, ...systemsOf(department).map((system) => `${slug(system)}-read`)];
    for (const part of parts) await keys.type(/^Add, line/, part);
    await keys.press(/^Save into the draft$/);
    await expect(page.locator('main')).toContainText(`New role ${slug(department)}`);
  }
  for (const department of DEPARTMENTS) {
    const held = everybody.filter((person) => person.department === department).length;
    // A role that only the draft has, by what people call it.
    await addRule(`${slug(department)}-staff`, `identity.department == '${department}'`, held, [`${department} staff`]);
  }

  // The effect on everybody, and on one.
  const effect = page.getByRole('region', { name: 'What it would do' });
  await expect(effect).toContainText(`Access changes for ${PEOPLE} of ${PEOPLE} people.`);
  await expect(effect).toContainText('Nothing.');
  await expect(page.getByRole('heading', { name: `Rule sales-managers would hold for ${managers.length} people` })).toBeVisible();
  const somebody = newcomers[0];
  await keys.type(/^Key in the identity source$/, somebody.number);
  await keys.enter();
  const tried = page.getByRole('region', { name: `Tried with ${somebody.number}` });
  await expect(tried).toContainText(`${somebody.given} ${somebody.family}`);
  await expect(tried).toContainText(`Rule ${slug(somebody.department)}-staff holds because department = ${somebody.department}`);

  // A mistake is told with what proves it, and taken out again.
  const check = page.getByRole('region', { name: 'What the policy check would newly find' });
  await addRule('nobody', "identity.department == 'Sales' && identity.department == 'Finance'", 0, ['crm-read']);
  await expect(check).toContainText('nobody');
  await keys.press(/^Take out rule nobody/);
  await expect(check.getByText('nobody')).toHaveCount(0);
  await publish();
});

test('a dry run says what would happen, the job does it, and each order is verified in the directory', async () => {
  const before = memberships(newcomers[0].login);
  expect(before).toEqual([]);
  await keys.press(/^Job execution$/);
  await keys.to(/^Dry run$/);
  await page.keyboard.press('Space');
  await runEnds(() => keys.press(/^Start Complete job$/));
  await expect(page.locator('main')).toContainText(/A real run would make \d+ orders/);
  await keys.past();
  await keys.press(/^What it would do$/);
  await expect(page.locator('main')).toContainText('Nothing has been changed');
  expect(memberships(newcomers[0].login)).toEqual([]);

  await keys.go('Job execution');
  await keys.press(/^Start Complete job$/);
  // More than a run does without being asked: somebody looks at it, and says why it is right.
  await expect(page.locator('.run-summary')).toContainText('Stopped for a decision', { timeout: 60_000 });
  await expect(page.locator('main')).toContainText('No order was written');
  await keys.press(/^Look at what was stopped, and decide$/);
  await keys.type(/^Why$/, 'The first run of the directory');
  await runEnds(() => keys.press(/^Approve exactly these/));
  await keys.go('Orders');
  const states = page.getByRole('navigation', { name: /state/i }).or(page.locator('.chips')).first();
  await expect(states).toContainText('Confirmed');
  await expect(page.locator('main')).not.toContainText('Failed 1');

  for (const person of newcomers) {
    const reads = systemsOf(person.department).map((system) => `APP ${system} Read`);
    const changes = leads(person) && person.department === 'Sales' ? systemsOf('Sales').map((system) => `APP ${system} Change`) : [];
    expect(memberships(person.login), person.login).toEqual([...reads, ...changes, `Department ${person.department}`].sort());
    expect(lookUp(surroundings.directoryPort, `(uid=${person.login})`, 'title')).toEqual([person.title]);
  }
  // Whoever was forgotten is in the group now, and nobody lost what was there before.
  for (const department of DEPARTMENTS) {
    const members = lookUp(surroundings.directoryPort, `(cn=Department ${department})`, 'member');
    const expected = everybody.filter((person) => person.department === department).length;
    expect(members.filter((member) => member !== ADMINISTRATOR)).toHaveLength(expected);
  }
  expect(lookUp(surroundings.directoryPort, `(cn=All staff)`, 'member').length).toBe(everybody.length - newcomers.length + 1);
  expect(groupOf('All staff')).toContain(SUFFIX);
  const shiftLead = everybody.find((person) => person.title === 'Shift Lead' && person.known)!;
  expect(memberships(shiftLead.login)).toContain('APP Cranes Change');
});

test('every order is verified, and the page of a person says why they have it', async () => {
  await page.goto('/orders?state=verified');
  await expect(page.locator('main')).toContainText('Confirmed');
  const somebody = newcomers[0];
  await keys.type(/^Search everything$/, somebody.number);
  await keys.enter();
  await keys.past();
  await keys.press(new RegExp(`^${somebody.given} ${somebody.family}$`));
  await expect(page.locator('main h1')).toHaveText(`${somebody.given} ${somebody.family}`);
  const group = page.locator('.grants li[data-row]').filter({ hasText: `Department ${somebody.department}` });
  await expect(group).toContainText('Confirmed');
  await expect(group).toContainText(`rule ${slug(somebody.department)}-staff`);
  await keys.unfold(new RegExp(`^Department ${somebody.department}`));
  await expect(group).toContainText(`department = ${somebody.department}`);
  await keys.type(/^Name$/i, 'crm-change');
  await keys.enter();
  await expect(page.locator('main')).toContainText('sales-managers');
});
