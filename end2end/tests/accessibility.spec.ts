// axe on every page, light and wide, then dark and narrow; nothing may stick out sideways.
import { readFileSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import { pageList } from './pages';
import { expect, signedInAs, test } from './steps';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const LOOKS = [['light', 1440], ['dark', 380]] as const;
// Pages are dealt out, so that two browsers look at once.
const PARTS = 2;

for (let part = 0; part < PARTS; part++) {
  test(`every page is accessible, light and wide, dark and narrow, part ${part + 1} of ${PARTS}`, async ({ page, browser }) => {
    // Some sixty pages, each looked at whole and twice.
    test.setTimeout(900_000);
    const { every, own }: Record<string, [string, string][]> = JSON.parse(readFileSync(pageList, 'utf8'));
    const findings: string[] = [];
    const look = async (name: string, at: typeof page, path: string) => {
      await at.goto(path);
      for (const [colorScheme, width] of LOOKS) {
        await at.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await at.setViewportSize({ width, height: 900 });
        const where = `${name}, ${colorScheme} and ${width} pixels wide`;
        // Of what is right axe need not say where it is.
        const axe = new AxeBuilder({ page: at }).options({ resultTypes: ['violations'] });
        const { violations } = await axe.withTags(TAGS).analyze();
        findings.push(...violations.map(({ id, nodes }) => `${where}: ${id} at ${nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`));
        const surplus = await at.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (surplus > 0) findings.push(`${where}: ${surplus} pixels too wide`);
      }
    };
    const dealt = <T>(all: T[]) => all.filter((_, place) => place % PARTS === part);
    for (const [name, path] of dealt(every)) await look(name, page, path);
    const employee = await signedInAs(browser, 'employee');
    for (const [name, path] of dealt(own)) await look(name, employee, path);
    await employee.context().close();
    if (part === 0) {
      // axe opens a page of its own beside it.
      const context = await browser.newContext({ storageState: { cookies: [], origins: [] } });
      await look('login', await context.newPage(), '/login');
      await context.close();
    }
    expect(findings).toEqual([]);
  });
}
