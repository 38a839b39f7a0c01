// Somebody who has a keyboard and no mouse: what has the focus is all that can be typed into or pressed.
import { expect, type Page } from '@playwright/test';

/** More than any page has to step through. */
const MOST_STEPS = 400;

export class Keyboard {
  constructor(private readonly page: Page) {}

  /** What the focused element is called, as somebody hears it; empty where nothing has the focus. */
  private async focused(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement | null;
      if (!element || element === document.body) return '';
      const label = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
      return label.replace(/\s+/g, ' ').trim();
    });
  }

  /** How many steps it takes to what is called so, as far as the page tells: what has the focus after them is looked at. */
  private async distance(name: RegExp): Promise<number> {
    const stops = await this.page.evaluate(() => {
      const named = (element: HTMLInputElement) =>
        (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '').replace(/\s+/g, ' ').trim();
      const all = [...document.querySelectorAll<HTMLInputElement>('a[href], button, input, select, textarea, summary, [tabindex]')];
      const isStop = (element: HTMLInputElement) =>
        !element.disabled &&
        element.tabIndex >= 0 &&
        element.checkVisibility({ visibilityProperty: true }) &&
        // Of radio buttons that belong together, the one that is chosen.
        (element.type !== 'radio' || element.checked);
      const stops = all.filter(isStop);
      const from = document.activeElement;
      const after = (element: Element) =>
        !from || from === document.body || (from.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
      // Behind the last one nothing has the focus, and the first one comes after that.
      return [...stops.filter(after).map(named), '', ...stops.map(named)];
    });
    return stops.findIndex((stop) => name.test(stop)) + 1;
  }

  /** Steps with the tab key until what is called so has the focus. */
  async to(name: RegExp): Promise<void> {
    // Looking at every step on the way takes a walk of many pages minutes.
    let steps = await this.distance(name);
    for (let step = 0; step < steps; step += 1) await this.page.keyboard.press('Tab');
    if (steps > 0 && name.test(await this.focused())) return;
    for (; steps < MOST_STEPS; steps += 1) {
      await this.page.keyboard.press('Tab');
      if (name.test(await this.focused())) return;
    }
    throw new Error(`nothing called ${name} can be reached by keyboard on ${this.page.url()}`);
  }

  /** Past the menu, as people who know the first link of each page do. */
  async past(): Promise<void> {
    await this.to(/^Skip to content$/);
    await this.page.keyboard.press('Enter');
  }

  /** Types into what is called so. What stands there already is selected by stepping to it, and replaced. */
  async type(name: RegExp, text: string): Promise<void> {
    await this.to(name);
    await this.page.keyboard.insertText(text);
  }

  /** Unfolds what is called so. */
  async unfold(name: RegExp): Promise<void> {
    await this.to(name);
    await this.page.keyboard.press('Enter');
  }

  /** Follows a link or presses a button, and waits for the page that comes. */
  async press(name: RegExp): Promise<void> {
    await this.to(name);
    await this.enter();
  }

  /** Presses enter where the focus is, and waits for the page that comes. */
  async enter(): Promise<void> {
    await this.page.evaluate(() => document.documentElement.setAttribute('data-left', ''));
    await this.page.keyboard.press('Enter');
    await this.arrived();
  }

  /** Opens a page of the menu. */
  async go(name: string): Promise<void> {
    await this.press(new RegExp(`^${name}$`));
  }

  private async arrived(): Promise<void> {
    await expect
      .poll(
        () =>
          this.page
            .evaluate(() => document.readyState === 'complete' && !document.documentElement.hasAttribute('data-left'))
            .catch(() => false),
        { timeout: 30_000, intervals: [20, 50, 100, 250] },
      )
      .toBe(true);
  }
}
