import { writeFileSync } from 'node:fs';
import { everyPage, ownPages, pageList } from './pages';
import { signedInAs, test } from './steps';

test('every page has something on it', async ({ page, browser }) => {
  test.setTimeout(300_000);
  const every = await everyPage(page);
  const employee = await signedInAs(browser, 'employee');
  const own = await ownPages(employee);
  await employee.context().close();
  writeFileSync(pageList, JSON.stringify({ every, own }));
});
