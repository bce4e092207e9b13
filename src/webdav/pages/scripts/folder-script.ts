/**
 * What a folder's page does in the browser beside showing links, for whoever may look: keys, sorting, filtering, the menu of a row.
 * Text for the browser, not a module of this program. What changes something stands in change-script.ts.
 */
export const folderScript = String.raw`
'use strict';
const find = (selector, root = document) => root.querySelector(selector);
const here = location.pathname.replace(/\/?$/, '/');
const rows = () => [...document.querySelectorAll('tbody tr[data-kind]')];
const linkOf = (row) => find('td.name a', row);
const nameOf = (row) => find('.label', row).textContent;
document.documentElement.classList.add('script');

const menu = find('.menu');
/** By name in the menu; 'fetch' is a link. */
const actions = {};
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
  actions[action]?.(row);
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
  '/': () => filter.focus(), Backspace: () => find('.crumbs li:last-child a')?.click(),
};
document.addEventListener('keydown', (event) => {
  if (find('dialog')?.open || event.ctrlKey || event.metaKey || event.altKey) return;
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
localTimes();
`;
