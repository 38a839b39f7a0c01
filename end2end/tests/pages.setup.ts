import { everyPage, ownPages } from './pages';
import { signedInAs, test } from './steps';

test('every page has something on it', async ({ page, browser }) => {
  test.setTimeout(300_000);
  await everyPage(page);
  const employee = await signedInAs(browser, 'employee');
  await ownPages(employee);
  await employee.context().close();
});
