// Remakes the pictures of docs/screenshots: every page, light, dark and on a telephone, as small WebP files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { everyPage, ownPages } from './pages';
import { expectCompleted, signedInAs, startJob, test } from './steps';

const folder = process.env.QUARTERMASTER_SCREENSHOTS!;
const looks = [
  ['light', { width: 1440, height: 900 }],
  ['dark', { width: 1440, height: 900 }],
  ['narrow', { width: 380, height: 800 }],
] as const;

test('pictures of every page', async ({ page, browser }) => {
  test.setTimeout(300_000);
  mkdirSync(folder, { recursive: true });
  await startJob(page);
  await expectCompleted(page);
  const pages = await everyPage(page);
  // The browser itself turns pictures into WebP, so nothing has to be installed for it.
  const studio = await browser.newPage();
  const save = async (name: string, png: Buffer) => {
    const url = await studio.evaluate(async (data) => {
      const bitmap = await createImageBitmap(await (await fetch(data)).blob());
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
      return canvas.toDataURL('image/webp', 0.82);
    }, `data:image/png;base64,${png.toString('base64')}`);
    writeFileSync(join(folder, `${name}.webp`), Buffer.from(url.split(',')[1], 'base64'));
  };
  for (const [look, size] of looks) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: look === 'dark' ? 'dark' : 'light', reducedMotion: 'reduce' });
    for (const [name, path] of pages) {
      await page.goto(path);
      await save(`${name}-${look}`, await page.screenshot());
    }
    const colorScheme = look === 'dark' ? 'dark' : 'light';
    const employee = await signedInAs(browser, 'employee', { viewport: size, colorScheme });
    for (const [name, path] of await ownPages(employee)) {
      await employee.goto(path);
      await save(`${name}-${look}`, await employee.screenshot());
    }
    await employee.context().close();
    const stranger = await browser.newPage({
      viewport: size,
      colorScheme,
      storageState: { cookies: [], origins: [] },
    });
    await stranger.goto('/login');
    await save(`login-${look}`, await stranger.screenshot());
    await stranger.close();
  }
  await studio.close();
});
