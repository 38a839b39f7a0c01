// Every page there is, with something on it: name and address.
import type { Page } from '@playwright/test';

export async function everyPage(page: Page): Promise<[string, string][]> {
  const first = async (list: string, link: string) => {
    await page.goto(list);
    return (await page.locator(`main a[href^="${link}"]`).first().getAttribute('href'))!;
  };
  const identity = await first('/identities?text=E10002', '/identities/');
  const run = await first('/jobs', '/jobs/runs/');
  return [
    ['home', '/'],
    ['identities', '/identities'],
    ['identity', identity],
    ['identity-accounts', `${identity}?tab=accounts`],
    ['identity-orders', `${identity}?tab=orders`],
    ['why', `${identity}?kind=entitlement&name=mainframe-pay-batch`],
    ['orders', '/orders'],
    ['orders-none', '/orders?text=nobody-of-this-name'],
    ['orders-confirm', '/orders?act=hold'],
    ['order', await first('/orders?application=directory', '/orders/')],
    ['work-items', '/work-items'],
    ['work-item', await first('/work-items', '/work-items/')],
    ['jobs', '/jobs'],
    ['run', run],
    ['applications', '/applications'],
    ['application', '/applications/directory'],
    ['application-accounts', '/applications/directory?tab=accounts'],
    ['application-schema', '/applications/directory?tab=schema'],
    ['mails', '/mails'],
    ['my-mail', '/my-mail'],
    ['missing', '/no-such-page'],
  ];
}
