/** The pages in a real browser, as their visitors use them: by mouse, by keyboard, on a phone, and without script. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { mustBeSound } from './tools/drive-server.js';
import { missing } from './tools/requirements.js';
import { TestVolume } from './tools/test-volume.js';
import { Workspace } from './tools/workspace.js';

const program = '/usr/bin/chromium';
const skip = missing({ files: [program] });
/** A loaded machine is slow. */
const patienceMs = 180_000;
const markup = '<img src=x onerror=alert(1)> & "quotes".txt';

interface Visit {
  readonly url: string;
  readonly workspace: Workspace;
  open(options?: BrowserContextOptions): Promise<Page>;
  /** Nothing was loaded from elsewhere, no script failed, and the drive is sound. */
  end(): Promise<void>;
  send(method: string, path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Response>;
}

async function visit(t: TestContext): Promise<Visit> {
  const workspace = await Workspace.create(t);
  const volume = await TestVolume.inFolders(workspace);
  const server = await volume.serve();
  const browser: Browser = await chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-gpu'],
    timeout: patienceMs,
  });
  const complaints: string[] = [];
  t.after(() => browser.close());
  const { url } = server;
  return {
    url,
    workspace,
    async open(options = {}) {
      const context = await browser.newContext({ acceptDownloads: true, ...options });
      context.setDefaultTimeout(patienceMs);
      const page = await context.newPage();
      const origin = new URL(url).origin;
      page.on('request', (request) => {
        const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith('data:');
        if (!isOwn) complaints.push(`asked elsewhere: ${request.url()}`);
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        // A refused request is an ordinary answer here; the browser writes it down all the same.
        if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
      });
      return page;
    },
    async end() {
      await browser.close();
      assert.deepEqual(complaints, []);
      await server.stop();
      await mustBeSound(volume.directory);
    },
    send: (method, path, body, headers = {}) =>
      fetch(new URL(path, url), { method, headers, ...(body !== undefined && { body }) }),
  };
}

const row = (page: Page, name: string) =>
  page.locator('tbody tr').filter({ has: page.getByText(name, { exact: true }) });
const names = (page: Page): Promise<string[]> => page.locator('tbody .label').allTextContents();

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds().catch(notWhileLeaving))) assert.ok(performance.now() < deadline, what);
}

/** What was asked of a page while it gave way to the next is asked again there. */
function notWhileLeaving(error: Error): false {
  if (!/Execution context was destroyed/.test(error.message)) throw error;
  return false;
}

const waitForNames = (page: Page, expected: readonly string[]): Promise<void> =>
  until(
    async () => JSON.stringify(await names(page)) === JSON.stringify(expected) && (await isComplete(page)),
    `the listing never was ${expected}`,
  );

/** Its script, which stands at its end, has run: what is shown before listens to no key yet. */
const isComplete = async (page: Page): Promise<boolean> =>
  (await page.evaluate<string>('document.readyState')) !== 'loading';

async function waitForEmptyFolder(page: Page): Promise<void> {
  await page.getByText('This folder is empty.').waitFor();
  await until(() => isComplete(page), 'the page never was complete');
}

test('a visitor browses, uploads, replaces and downloads', { skip }, async (t) => {
  const { url, workspace, open, send, end } = await visit(t);
  await send('MKCOL', 'Photos/');
  await send('PUT', encodeURIComponent(markup), 'harmless');
  const page = await open();
  await page.goto(new URL('/', url).href);
  await page.locator('a.card').click();
  await waitForNames(page, ['Photos', markup]);

  const big = Buffer.alloc(3 * 1024 * 1024, 'abc');
  const paths = [join(workspace.path, 'ten 10.bin'), join(workspace.path, 'two 2.txt')];
  await writeFile(paths[0]!, big);
  await writeFile(paths[1]!, 'first');
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Upload', exact: true }).click(),
  ]);
  await chooser.setFiles(paths);
  await page.getByText('2 of 2 uploaded').waitFor();
  await waitForNames(page, ['Photos', markup, 'ten 10.bin', 'two 2.txt']);
  const stored = await send('GET', 'ten%2010.bin');
  assert.ok(Buffer.from(await stored.arrayBuffer()).equals(big));

  await writeFile(paths[1]!, 'second');
  await page.locator('#files').setInputFiles(paths[1]!);
  await page.getByText('is there already').waitFor();
  assert.equal(await (await send('GET', 'two%202.txt')).text(), 'first', 'nothing is replaced unasked');
  await page.getByRole('button', { name: 'Replace' }).click();
  await until(async () => (await (await send('GET', 'two%202.txt')).text()) === 'second', 'it was not replaced');
  await page.getByRole('button', { name: 'Close' }).click();

  await row(page, 'ten 10.bin').getByRole('button', { name: 'Actions for ten 10.bin' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Download' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'ten 10.bin');
  assert.ok(readFileSync(await download.path()).equals(big));

  await row(page, 'Photos').getByRole('link').click();
  await waitForEmptyFolder(page);
  await page.evaluate(`{
    const data = new DataTransfer();
    data.items.add(new File(['dropped'], 'dropped.txt'));
    for (const type of ['dragenter', 'dragover', 'drop']) dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }));
  }`);
  await waitForNames(page, ['dropped.txt']);
  assert.equal(await (await send('GET', 'Photos/dropped.txt')).text(), 'dropped');
  await page.getByRole('link', { name: 'Volumes' }).click();
  await page.getByRole('heading', { name: 'Volumes' }).waitFor();
  await end();
});

test('everything can be done by keyboard', { skip }, async (t) => {
  const { url, open, send, end } = await visit(t);
  for (const name of ['a.txt', 'b.txt', 'c.txt']) await send('PUT', name, name);
  const page = await open();
  await page.goto(url);
  const { keyboard } = page;
  const focused = () => page.evaluate<string>(`document.activeElement.querySelector('.label')?.textContent`);

  await keyboard.press('n');
  await keyboard.type('New things');
  await keyboard.press('Enter');
  await waitForNames(page, ['New things', 'a.txt', 'b.txt', 'c.txt']);
  await until(async () => (await focused()) === 'New things', 'what was made has no focus');
  await keyboard.press('Enter');
  await waitForEmptyFolder(page);
  await keyboard.press('Backspace');
  await waitForNames(page, ['New things', 'a.txt', 'b.txt', 'c.txt']);

  await keyboard.press('End');
  assert.equal(await focused(), 'c.txt');
  await keyboard.press('Home');
  assert.equal(await focused(), 'New things');
  await keyboard.press('ArrowDown');
  assert.equal(await focused(), 'a.txt');
  await keyboard.press('F2');
  await keyboard.type('z');
  await keyboard.press('Enter');
  await waitForNames(page, ['New things', 'b.txt', 'c.txt', 'z.txt']);
  await until(async () => (await focused()) === 'z.txt', 'the renamed file has no focus');
  await keyboard.press('F2');
  await keyboard.type('b');
  await keyboard.press('Enter');
  await page.getByText('something of that name is there already').waitFor();
  await page.getByText('Name').first().waitFor();

  await keyboard.press('End');
  await keyboard.press('Delete');
  await page.getByRole('heading', { name: 'Delete “z.txt”?' }).waitFor();
  await keyboard.press('Enter');
  await waitForNames(page, ['New things', 'b.txt', 'c.txt', 'z.txt']);
  await keyboard.press('Delete');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  await waitForNames(page, ['New things', 'b.txt', 'c.txt']);
  assert.equal((await send('GET', 'z.txt')).status, 404);

  await keyboard.press('/');
  await keyboard.type('C.T');
  await until(async () => (await page.locator('tbody tr:visible').count()) === 1, 'the filter hides nothing');
  await keyboard.press('Escape');
  assert.equal(await page.locator('tbody tr:visible').count(), 3);
  await end();
});

test('what the drive refuses is said in words', { skip }, async (t) => {
  const { url, workspace, open, send, end } = await visit(t);
  await send('PUT', 'locked.txt', 'text');
  const body =
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
  assert.equal((await send('LOCK', 'locked.txt', body, { 'Content-Type': 'text/xml' })).status, 200);
  const page = await open();
  await page.goto(url);
  const path = join(workspace.path, 'locked.txt');
  await writeFile(path, 'other');
  await page.locator('#files').setInputFiles(path);
  await page.getByRole('button', { name: 'Replace' }).click();
  await page.getByText('another program is using it').waitFor();
  assert.equal(await (await send('GET', 'locked.txt')).text(), 'text');
  await end();
});

test('a phone shows the same without scrolling sideways, and no script is needed to look', { skip }, async (t) => {
  const { url, open, send, end } = await visit(t);
  await send('MKCOL', 'Photos/');
  await send('PUT', `${'a-very-long-name-'.repeat(12)}.txt`, 'x');
  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true });
  for (const address of [url, new URL('/', url).href]) {
    await phone.goto(address);
    const [wide, visible] = await phone.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    );
    assert.ok(wide <= visible, `${address}: ${wide} of ${visible}`);
  }
  const plain = await open({ javaScriptEnabled: false });
  await plain.goto(url);
  assert.equal(await plain.locator('#upload').isVisible(), false);
  await row(plain, 'Photos').getByRole('link').click();
  await plain.getByText('This folder is empty.').waitFor();
  await end();
});
