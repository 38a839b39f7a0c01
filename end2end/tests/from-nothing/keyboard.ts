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

  /** Steps with the tab key until what is called so has the focus. */
  async to(name: RegExp): Promise<void> {
    for (let step = 0; step < MOST_STEPS; step += 1) {
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

  /** Opens a page of the menu by its keys. Until the page's own code has come, they mean nothing. */
  async go(letter: string, path: string): Promise<void> {
    await expect(async () => {
      await this.page.keyboard.press('g');
      await this.page.keyboard.press(letter);
      await expect(this.page).toHaveURL((url) => url.pathname === path, { timeout: 1_000 });
    }).toPass({ timeout: 30_000 });
    await this.arrived();
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
