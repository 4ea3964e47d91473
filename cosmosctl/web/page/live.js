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
  setInterval(UI.catchUp, UI.CATCH_UP_MS);
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
  if (UI.isFetching) { UI.missed = version; return; }
  if (version === UI.live.version) return;
  UI.isFetching = true;
  const written = UI.ratings.written();
  const data = await fetch('data.json').then(answer => answer.ok ? answer.json() : null).catch(() => null);  // away: the stream comes back by itself
  UI.isFetching = false;
  if (data) UI.ratings.forget(written);
  if (data) UI.renewed(data);
  if (UI.missed && UI.missed !== UI.live.version) { const next = UI.missed; UI.missed = ''; UI.heard(next); }
};

// New facts in place of the old ones; a view is drawn anew only when what it shows is another.
UI.renewed = data => {
  const { view, arg } = UI.route.here();
  const gist = all => JSON.stringify(view === 'run' ? [all.runs.find(run => run.id === arg), all.media[(all.runs.find(run => run.id === arg) || {}).video]]
    : view === 'batches' ? all.batches : view === 'prompts' ? [all.prompts, Object.keys(all.media)] : ['grid', 'choose', 'compare'].includes(view) ? '' : [all.runs, all.media]);
  const isCome = [...document.querySelectorAll('#main .making')].some(one => !(data.media[one.dataset.key] || {}).waits);
  UI.isBehind = UI.isBehind || isCome || gist(data) !== gist(UI.data);
  Object.assign(UI.data, data);
  UI.live = data.live;
  UI.index();
  UI.readAhead();
  document.body.dataset.version = UI.live.version;
  if (!UI.catchUp()) document.dispatchEvent(new CustomEvent('rated', { detail: '' }));
};

// Draw the view anew if it is behind the facts: not under somebody who types, edits or plays, but as soon as that ends.
UI.CATCH_UP_MS = 500;
UI.catchUp = () => {
  const el = document.activeElement, isTyping = /^(TEXTAREA|SELECT)$/.test(el.tagName) || (el.tagName === 'INPUT' && !/^(range|checkbox|radio)$/.test(el.type));
  if (!UI.isBehind || isTyping || UI.isEditing() || (UI.current.isPlaying && UI.current.isPlaying())) return false;
  const back = UI.asItWas();
  UI.go(UI.current.keep && UI.current.keep());
  back();
  return true;
};

// What puts back how the page stood, once the view is drawn anew: what was open, what was scrolled, what had the focus.
UI.asItWas = () => {
  const main = document.getElementById('main'), top = main.scrollTop, focused = UI.focused(document.activeElement.closest('#main, #top'));
  const words = box => box.firstChild.textContent.replace(/[0-9]/g, ''), name = box => box.getAttribute('aria-label');
  const open = new Map([...main.querySelectorAll('details')].map(box => [words(box), box.open]));
  const rolled = new Map([...main.querySelectorAll('[tabindex="0"][aria-label]')].map(box => [name(box), [box.scrollLeft, box.scrollTop]]));
  return () => {
    for (const box of main.querySelectorAll('details')) box.open = open.get(words(box)) ?? box.open;
    for (const box of main.querySelectorAll('[tabindex="0"][aria-label]')) box.scrollTo(...rolled.get(name(box)) || [0, 0]);
    main.scrollTop = top;
    const again = focused();
    if (again) again.focus({ preventScroll: true });
  };
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

// What is under way is not begun again: its button may be pressed twice, or be drawn anew meanwhile.
UI.underWay = new Set();
UI.alone = async (line, act) => {
  if (UI.underWay.has(line)) { UI.say('that is under way'); return; }
  UI.underWay.add(line);
  try { await act(); } finally { UI.underWay.delete(line); }
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
