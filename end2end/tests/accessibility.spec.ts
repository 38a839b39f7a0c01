// axe on every page, light and dark, wide and narrow; nothing may stick out sideways.
import AxeBuilder from '@axe-core/playwright';
import { everyPage, ownPages } from './pages';
import { expect, signedInAs, test } from './steps';

for (const [scheme, width] of [['light', 1440], ['dark', 380]] as const) {
  test(`every page is accessible, ${scheme} and ${width} pixels wide`, async ({ page, browser }) => {
    // Some hundred pages, each looked at whole.
    test.setTimeout(900_000);
    const pages = await everyPage(page);
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 900 });
    const findings: string[] = [];
    const look = async (name: string, at: typeof page) => {
      // Of what is right axe need not say where it is.
      const axe = new AxeBuilder({ page: at }).options({ resultTypes: ['violations'] });
      const { violations } = await axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
      findings.push(...violations.map(({ id, nodes }) => `${name}: ${id} at ${nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`));
      const surplus = await at.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (surplus > 0) findings.push(`${name}: ${surplus} pixels too wide`);
    };
    for (const [name, path] of pages) {
      await page.goto(path);
      await look(name, page);
    }
    const employee = await signedInAs(browser, 'employee', { colorScheme: scheme, viewport: { width, height: 900 } });
    for (const [name, path] of await ownPages(employee)) {
      await employee.goto(path);
      await look(name, employee);
    }
    await employee.context().close();
    const signedOut = { colorScheme: scheme, viewport: { width, height: 900 }, storageState: { cookies: [], origins: [] } };
    const context = await browser.newContext(signedOut);
    const stranger = await context.newPage();
    await stranger.goto('/login');
    await look('login', stranger);
    await context.close();
    expect(findings).toEqual([]);
  });
}
