/**
 * What whoever may write can do in a folder's page beside looking: new folders, renaming, deleting. Comes after
 * folder-script.ts. It builds its elements by hand, so that no name can become markup, and talks to the server by the same
 * methods as every other client.
 */
export const changeScript = `
const encode = (name) => encodeURIComponent(name).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

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

Object.assign(actions, { rename, remove });
Object.assign(keys, {
  F2: (row) => row && rename(row), Delete: (row) => row && remove(row), n: () => newFolder(), u: () => find('#files').click(),
});
find('#new-folder').addEventListener('click', newFolder);
`;
