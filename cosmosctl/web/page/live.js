'use strict';
// The page of a running `cosmosctl ui`: what changes is fetched, what is chosen is done by commands at once.
// One tab of all holds the stream of events and passes them on: a browser has six connections for all tabs together.
UI.live = UI.data.live || null;
UI.POLL_MS = 3000;

UI.liveStart = () => {
  if (!UI.live) return;
  const channel = new BroadcastChannel('cosmosctl');
  channel.onmessage = e => UI.told(e.data);
  const tell = said => { channel.postMessage(said); UI.told(said); };
  const ask = () => fetch('version').then(answer => answer.ok ? answer.text() : '').catch(() => '');
  const poll = hear => setInterval(async () => hear(await ask()), UI.POLL_MS);
  const lead = () => new Promise(() => {
    const stream = new EventSource('events');
    stream.onmessage = e => tell(e.data);
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) poll(tell); };  // else it comes back by itself
  });
  if (navigator.locks) navigator.locks.request('cosmosctl-events', lead);
  else poll(UI.told);
  ask().then(UI.told);
};

// A version of what is shown; while look copies are made also how many are, of how many, the key of this one, its per cent.
UI.told = said => {
  const [version, done, total, key, percent] = said.split(' ');
  if (!version) return;
  UI.making = key ? { key, percent, words: `making look copies: ${+done + 1} of ${total}` } : null;
  UI.drawMaking();
  UI.heard(version);
};

UI.heard = async version => {
  if (!version || version === UI.live.version || UI.isFetching) { UI.missed = version; return; }
  UI.isFetching = true;
  try {
    const answer = await fetch('data.json');
    if (answer.ok) UI.renewed(await answer.json());
  } catch { /* the server is away: the stream comes back by itself */ }
  UI.isFetching = false;
  if (UI.missed && UI.missed !== UI.live.version) { const next = UI.missed; UI.missed = ''; UI.heard(next); }
};

// New facts in place of the old ones; a view is drawn anew only when what it shows is another.
UI.renewed = data => {
  const { view, arg } = UI.route.here();
  const gist = all => JSON.stringify(view === 'run' ? [all.runs.find(run => run.id === arg), all.media[(all.runs.find(run => run.id === arg) || {}).video]]
    : view === 'batches' ? all.batches : view === 'prompts' ? [all.prompts, Object.keys(all.media)] : view === 'wall' ? [all.runs, all.media] : arg.split(',').map(id => all.runs.find(run => run.id === id)));
  const isCome = [...document.querySelectorAll('#main .making')].some(one => !(data.media[one.dataset.key] || {}).waits);
  const isOther = isCome || gist(data) !== gist(UI.data), top = document.getElementById('main').scrollTop;
  Object.assign(UI.data, data);
  UI.live = data.live;
  UI.ratings.own = {};
  UI.index();
  UI.readAhead();
  document.body.dataset.version = UI.live.version;
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) && document.activeElement.type !== 'range';
  const isPlaying = UI.current && UI.current.isPlaying && UI.current.isPlaying();
  if (!isOther || isTyping || UI.isEditing() || isPlaying || (!isCome && ['grid', 'choose', 'compare'].includes(view))) { document.dispatchEvent(new CustomEvent('rated', { detail: '' })); return; }
  const focused = UI.focused();
  if (UI.current.keep) UI.current.keep();
  UI.go();
  document.getElementById('main').scrollTop = top;
  const again = focused();
  if (again) again.focus();
};

// What finds the element that has the focus again, once the view is drawn anew: by where it leads, else by its words.
UI.focused = () => {
  const main = document.getElementById('main'), el = document.activeElement;
  if (!main.contains(el) || el === main) return () => null;
  const sign = one => one.getAttribute('href') || `${one.getAttribute('aria-label')} ${one.textContent}`, mine = sign(el);
  const alike = () => [...main.querySelectorAll(el.tagName)].filter(one => sign(one) === mine), k = alike().indexOf(el);
  return () => alike()[k];
};

// What a command of ours that only reads says, without a word of it on the page; null when it cannot be asked.
UI.quietly = async argv => {
  try {
    const answer = await fetch('do', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ argv }) });
    return answer.ok ? await answer.json() : null;
  } catch { return null; }
};

// Run a command of ours and show its line and what came of it.
UI.run = async argv => {
  const told = UI.toast(`cosmosctl ${argv.map(UI.shell).join(' ')} …`);
  try {
    const answer = await fetch('do', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ argv }) });
    if (!answer.ok) { told.show(await answer.text(), 1); return null; }
    const done = await answer.json();
    told.show([done.line, done.out.trim(), done.err.trim()].filter(Boolean).join('\n'), done.code);
    return done;
  } catch { told.show('the server does not answer: is cosmosctl ui still running?', 1); return null; }
};

UI.toast = words => {
  const text = UI.h('pre', {}, words), box = UI.h('div', { class: 'toast', role: 'status' }, text, UI.button('×', () => box.remove(), { class: 'small', 'aria-label': 'Close' }));
  document.body.append(box);
  return { show(more, code) { text.textContent = more; box.classList.toggle('bad', code !== 0); if (code === 0) setTimeout(() => box.remove(), 6000); } };
};

// The words of a line as a shell would take them; quotes as UI.shell makes them.
UI.words = line => (line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) || []).map(word => word.replace(/'([^']*)'|"([^"]*)"/g, (_, one, two) => one ?? two));

UI.isDoable = line => {
  const words = UI.words(line);
  return !!UI.live && !UI.live.readOnly && words[0] === 'cosmosctl' && (['rate', 'edit', 'batch', 'retry', 'cancel', 'fetch'].includes(words[1]) || (words[1] === 'create' && words[2] === 'run'));
};
