/**
 * Uploading by button and by dropping, files and whole folders: two at a time, each an ordinary PUT that refuses to
 * replace anything unless the visitor says so. Comes after change-script.ts and uses what that defines.
 */
export const uploadScript = `
const waiting = [];
const atOnce = 2;
let active = 0;
let done = 0;
let total = 0;
let lastName;
const panel = find('.transfers');

function showTotal() {
  const isBusy = active > 0 || waiting.length > 0;
  find('strong', panel).textContent = isBusy ? 'Uploading ' + Math.min(done + 1, total) + ' of ' + total : done + ' of ' + total + ' uploaded';
  find('.close', panel).hidden = isBusy;
}

/** path: names from this folder down. */
function add(file, path) {
  const state = make('span', { textContent: 'waiting' });
  const bar = make('progress', { max: 1, value: 0 });
  bar.setAttribute('aria-label', 'Progress of ' + file.name);
  const choice = make('div', { className: 'choice', hidden: true });
  const item = make('li', {}, make('div', { className: 'line' }, make('span', { textContent: path.join('/') }), state), bar, choice);
  if (panel.hidden) {
    find('ul', panel).replaceChildren();
    done = total = 0;
  }
  panel.hidden = false;
  find('ul', panel).append(item);
  total += 1;
  waiting.push({ file, path, state, bar, choice, replaces: false });
}

function pump() {
  while (active < atOnce && waiting.length > 0) {
    active += 1;
    const transfer = waiting.shift();
    send(transfer).then((isDone) => {
      if (isDone) {
        done += 1;
        lastName = transfer.path[0];
      }
    }).finally(() => {
      active -= 1;
      if (active === 0 && waiting.length === 0) refresh(panel.contains(document.activeElement) ? undefined : lastName);
      pump();
    });
  }
  showTotal();
}

function send({ file, path, state, bar, choice, replaces }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const fail = (text) => {
      state.textContent = text;
      state.className = 'trouble';
      bar.hidden = true;
      resolve(false);
    };
    request.upload.onprogress = ({ loaded, total: length }) => {
      bar.value = length > 0 ? loaded / length : 1;
      state.textContent = loaded < length ? Math.floor(bar.value * 100) + ' %' : 'saving';
    };
    request.onerror = () => fail(reasonOf(0));
    request.onload = () => {
      if (request.status === 412) {
        const again = (text, mode) => make('button', { type: 'button', textContent: text, onclick: () => {
          choice.hidden = true;
          if (mode === 'skip') return fail('skipped');
          Object.assign(state, { textContent: 'waiting', className: '' });
          bar.hidden = false;
          waiting.push({ file, path, state, bar, choice, replaces: true });
          pump();
        } });
        choice.replaceChildren(again('Replace', 'replace'), again('Skip', 'skip'));
        choice.hidden = false;
        return fail('is there already');
      }
      if (request.status >= 300) return fail(reasonOf(request.status));
      bar.value = 1;
      state.textContent = 'saved';
      resolve(true);
    };
    request.open('PUT', here + path.map(encode).join('/'));
    if (!replaces) request.setRequestHeader('If-None-Match', '*');
    if (file.lastModified) request.setRequestHeader('X-OC-Mtime', String(Math.floor(file.lastModified / 1000)));
    request.send(file);
  });
}

const made = new Set();
/** Folders above a file of a folder that is uploaded; one that is there already is fine. */
async function makeFolders(path) {
  for (let depth = 1; depth < path.length; depth += 1) {
    const url = here + path.slice(0, depth).map(encode).join('/') + '/';
    if (made.has(url)) continue;
    const answer = await fetch(url, { method: 'MKCOL' }).catch(() => ({ ok: false, status: 0 }));
    if (!answer.ok && answer.status !== 405) throw new Error(reasonOf(answer.status));
    made.add(url);
  }
}

async function upload(items) {
  made.clear();
  await attempt('A folder was not created', async () => {
    for (const { file, path } of items) {
      await makeFolders(file ? path : [...path, '']);
      if (file) add(file, path);
    }
  });
  if (total > 0) pump();
  if (items.some(({ file }) => !file)) refresh();
}

for (const input of [find('#files'), find('#folder')]) {
  input.addEventListener('change', () => {
    upload([...input.files].map((file) => ({ file, path: (file.webkitRelativePath || file.name).split('/') })));
    input.value = '';
  });
}
find('#upload').addEventListener('click', () => find('#files').click());
find('#upload-folder').addEventListener('click', () => find('#folder').click());
find('.close', panel).addEventListener('click', () => { panel.hidden = true; });
addEventListener('beforeunload', (event) => { if (active > 0) event.preventDefault(); });

/** Everything in a dropped entry; empty folders come without a file. */
async function* below(entry, above = []) {
  const path = [...above, entry.name];
  if (entry.isFile) {
    yield { file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path };
    return;
  }
  const reader = entry.createReader();
  const read = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  let isEmpty = true;
  for (let page = await read(); page.length > 0; page = await read()) {
    isEmpty = false;
    for (const child of page) yield* below(child, path);
  }
  if (isEmpty) yield { file: undefined, path };
}

const drop = find('.drop');
const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
let inside = 0;
addEventListener('dragenter', (event) => { if (hasFiles(event)) { inside += 1; drop.hidden = false; } });
addEventListener('dragleave', (event) => { if (hasFiles(event) && (inside -= 1) <= 0) drop.hidden = true; });
addEventListener('dragover', (event) => { if (hasFiles(event)) event.preventDefault(); });
addEventListener('drop', async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  inside = 0;
  drop.hidden = true;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const items = entries.length > 0 ? [] : [...event.dataTransfer.files].map((file) => ({ file, path: [file.name] }));
  for (const entry of entries) for await (const item of below(entry)) items.push(item);
  upload(items);
});
`;
