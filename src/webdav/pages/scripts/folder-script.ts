/**
 * What a folder's page does in the browser beside showing links: dialogs, keys, sorting, new folders, renaming,
 * deleting. Text for the browser, not a module of this program; it builds its elements by hand, so that no name can
 * become markup, and talks to the server by the same methods as every other client.
 */
export const folderScript = String.raw`
'use strict';
const find = (selector, root = document) => root.querySelector(selector);
const here = location.pathname.replace(/\/?$/, '/');
const rows = () => [...document.querySelectorAll('tbody tr[data-kind]')];
const linkOf = (row) => find('td.name a', row);
const nameOf = (row) => find('.label', row).textContent;
const encode = (name) => encodeURIComponent(name).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
document.documentElement.classList.add('script');

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function toast(text) {
  const box = find('.toast');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 6000);
}

const reasons = {
  0: 'the drive cannot be reached', 400: 'the drive does not take that name', 403: 'that is not allowed', 404: 'it is not there any more',
  405: 'something of that name is there already', 409: 'the folder is not there any more', 412: 'something of that name is there already',
  423: 'another program is using it', 503: 'the drive is not ready; try again in a moment', 507: 'the drive is full',
};
const reasonOf = (status) => reasons[status] ?? 'the drive answered ' + status;

async function change(method, url, headers = {}) {
  const answer = await fetch(url, { method, headers }).catch(() => ({ ok: false, status: 0 }));
  if (!answer.ok) throw new Error(reasonOf(answer.status));
}

/** Shows the dialog; gives what was typed ('' without a field), or null when it was given up. */
function ask({ title, text = '', field, value = '', button, isDanger = false }) {
  const dialog = find('dialog');
  const input = make('input', { value, hidden: !field, autocomplete: 'off', spellcheck: false });
  input.setAttribute('aria-label', field ?? '');
  const cancel = make('button', { type: 'button', textContent: 'Cancel', onclick: () => dialog.close() });
  const submit = make('button', { textContent: button, className: isDanger ? 'danger' : 'main-action' });
  const form = make('form', { noValidate: true }, make('h2', { textContent: title, id: 'dialog-title' }),
    make('p', { textContent: text, className: 'soft', hidden: text === '' }), input, make('div', { className: 'buttons' }, cancel, submit));
  dialog.replaceChildren(form);
  return new Promise((resolve) => {
    let answer = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      answer = field ? input.value : '';
      if (answer !== '' || !field) dialog.close();
    };
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
    if (!field) return (isDanger ? cancel : submit).focus();
    input.focus();
    const dot = value.lastIndexOf('.');
    input.setSelectionRange(0, dot > 0 ? dot : value.length);
  });
}

/** The listing as it is now; the row of that name gets the focus. */
async function refresh(focusName) {
  const answer = await fetch(here, { headers: { Accept: 'text/html' } }).catch(() => undefined);
  if (!answer?.ok) return toast('The listing could not be read again: ' + reasonOf(answer?.status ?? 0));
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const part of ['tbody', '.sum', '.space']) {
    const [old, fresh] = [find(part), find(part, page)];
    if (old && fresh) old.replaceWith(document.adoptNode(fresh));
  }
  localTimes();
  sortAgain();
  filterRows();
  const row = focusName === undefined ? undefined : rows().find((each) => nameOf(each).normalize() === focusName.normalize());
  if (row) linkOf(row).focus();
}

async function attempt(what, work) {
  try {
    await work();
  } catch (error) {
    toast(what + ': ' + error.message + '.');
  }
}

async function newFolder() {
  const name = await ask({ title: 'New folder', field: 'Name of the folder', button: 'Create' });
  if (name === null) return;
  await attempt('“' + name + '” was not created', async () => {
    await change('MKCOL', here + encode(name) + '/');
    await refresh(name);
  });
}

async function rename(row) {
  const old = nameOf(row);
  const name = await ask({ title: 'Rename “' + old + '”', field: 'New name', value: old, button: 'Rename' });
  if (name === null || name === old) return;
  await attempt('“' + old + '” was not renamed', async () => {
    await change('MOVE', linkOf(row).pathname, { Destination: here + encode(name), Overwrite: 'F' });
    await refresh(name);
  });
}

async function remove(row) {
  const name = nameOf(row);
  const text = row.dataset.kind === 'folder' ? 'The folder and everything in it will be deleted.' : 'The file will be deleted.';
  const answer = await ask({ title: 'Delete “' + name + '”?', text, button: 'Delete', isDanger: true });
  if (answer === null) return;
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const nextName = next?.dataset.kind ? nameOf(next) : undefined;
  await attempt('“' + name + '” was not deleted', async () => {
    await change('DELETE', linkOf(row).pathname);
    await refresh(nextName);
  });
}

const menu = find('.menu');
let menuRow;
function openMenu(button) {
  menuRow = button.closest('tr');
  find('.fetch', menu).hidden = menuRow.dataset.kind === 'folder';
  Object.assign(find('.fetch', menu), { href: linkOf(menuRow).href, download: nameOf(menuRow) });
  menu.hidden = false;
  const box = button.getBoundingClientRect();
  const top = box.bottom + menu.offsetHeight > innerHeight ? box.top - menu.offsetHeight : box.bottom;
  menu.style.top = scrollY + top + 'px';
  menu.style.left = scrollX + Math.max(8, box.right - menu.offsetWidth) + 'px';
  find(':scope > :not([hidden])', menu).focus();
}
function closeMenu(returnsFocus) {
  if (menu.hidden) return;
  menu.hidden = true;
  if (returnsFocus) find('td.more button', menuRow)?.focus();
}
menu.addEventListener('click', (event) => {
  const row = menuRow;
  const action = event.target.closest('[data-action]')?.dataset.action;
  closeMenu(action === 'fetch');
  if (action === 'rename') rename(row);
  if (action === 'remove') remove(row);
});
document.addEventListener('click', (event) => {
  const button = event.target.closest?.('td.more button');
  if (button) return menu.hidden || menuRow !== button.closest('tr') ? openMenu(button) : closeMenu(true);
  if (!menu.contains(event.target)) closeMenu(false);
});

function localTimes() {
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
  const today = day.format(new Date());
  for (const time of document.querySelectorAll('td.time time')) {
    const date = new Date(time.dateTime);
    const shown = day.format(date);
    time.textContent = shown === today ? 'Today, ' + clock.format(date) : shown;
    time.title = shown + ', ' + clock.format(date);
  }
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const values = { name: nameOf, size: (row) => Number(row.dataset.size), time: (row) => find('time', row).dateTime };
let order;
function sortAgain() {
  if (!order) return;
  const value = values[order.column];
  const byValue = (a, b) => order.column === 'size' ? value(a) - value(b) : collator.compare(value(a), value(b));
  const folders = (row) => row.dataset.kind === 'folder' ? 0 : 1;
  const sorted = rows().sort((a, b) => folders(a) - folders(b) || (order.isDown ? byValue(b, a) : byValue(a, b)));
  find('tbody').append(...sorted);
}
for (const head of document.querySelectorAll('th[data-column]')) {
  find('button', head).addEventListener('click', () => {
    const { column } = head.dataset;
    order = { column, isDown: order?.column === column && !order.isDown };
    for (const other of document.querySelectorAll('th[aria-sort]')) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', order.isDown ? 'descending' : 'ascending');
    sortAgain();
  });
}

const filter = find('.filter');
function filterRows() {
  const wanted = filter.value.toLocaleLowerCase().normalize();
  for (const row of rows()) row.hidden = !nameOf(row).toLocaleLowerCase().normalize().includes(wanted);
}
filter.addEventListener('input', filterRows);

function step(from, by) {
  const shown = rows().filter((row) => !row.hidden);
  const at = shown.indexOf(from);
  const row = shown[at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(shown.length - 1, Math.max(0, at + by))];
  if (row) linkOf(row).focus();
}
const keys = {
  ArrowDown: (row) => step(row, 1), ArrowUp: (row) => step(row, -1), Home: () => step(undefined, 1), End: () => step(undefined, -1),
  F2: (row) => row && rename(row), Delete: (row) => row && remove(row), '/': () => filter.focus(),
  n: () => newFolder(), u: () => find('#files').click(), Backspace: () => find('.crumbs li:last-child a')?.click(),
};
document.addEventListener('keydown', (event) => {
  if (find('dialog').open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!menu.hidden) {
    const items = [...menu.children].filter((item) => !item.hidden);
    const at = items.indexOf(document.activeElement);
    if (event.key === 'Escape') closeMenu(true);
    else if (event.key === 'ArrowDown') items[(at + 1) % items.length].focus();
    else if (event.key === 'ArrowUp') items[(at + items.length - 1) % items.length].focus();
    else return;
    return event.preventDefault();
  }
  if (event.target === filter) {
    if (event.key === 'Escape') { filter.value = ''; filterRows(); filter.blur(); }
    if (event.key === 'ArrowDown') { step(undefined, 1); event.preventDefault(); }
    return;
  }
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action(document.activeElement?.closest?.('tr[data-kind]') ?? undefined);
});
find('#new-folder').addEventListener('click', newFolder);
localTimes();
`;
