'use strict';
// What goes on: unfinished batches, how far they are and when their hosts last told anything. No state is shown that was
// not seen: without a word from a host for a while, it is said how long.
UI.age = at => {
  const s = Math.max(0, Date.now() / 1000 - at);
  return s < 2 ? 'just now' : `${UI.seconds(s < 86400 ? s : 3600 * Math.round(s / 3600))} ago`;
};

UI.ageOf = at => at === null || at === undefined ? UI.h('span', {}, 'never') : UI.h('time', { class: 'age', datetime: new Date(at * 1000).toISOString(), data: { at } }, UI.age(at));

UI.drawAges = () => { for (const el of document.querySelectorAll('.age')) el.textContent = UI.age(+el.dataset.at); };

UI.nowPart = () => {
  const going = UI.data.batches.filter(batch => batch.now);
  return !going.length ? '' : UI.h('section', {}, UI.h('h2', {}, 'Now'), going.map(batch => UI.h('div', { class: 'going' },
    UI.h('h3', {}, UI.link(batch.id, UI.route.href('batches', batch.id)), UI.h('span', { class: 'dim' }, ` on ${batch.host}, ${batch.model}`)), UI.nowOf(batch))));
};

UI.nowOf = batch => {
  const now = batch.now, running = batch.rows.filter(row => row.state === 'running').map(row => [UI.runLink(row.run), row.share === null ? '' : `${Math.round(row.share * 100)} %`]);
  const bar = UI.h('progress', { max: 1, value: now.share, 'aria-label': `progress of ${batch.id}` });
  return UI.h('div', {}, UI.h('div', { class: 'line' }, bar, UI.h('b', {}, `${Math.round(now.share * 100)} %`), UI.h('span', {}, UI.counts(batch)),
    now.eta_s !== null && UI.h('span', {}, `about ${UI.seconds(now.eta_s) || '0 s'} to go`), UI.h('span', { class: 'dim' }, now.words), UI.h('span', { class: 'dim' }, 'last word of its host: ', UI.ageOf(now.seen))),
    now.gpus.length > 0 && UI.h('p', { class: 'dim' }, now.gpus.map((words, k) => `GPU ${k}: ${words}`).join(' · ')),
    running.length > 0 && UI.table(running), UI.live && UI.command(`cosmosctl cancel ${batch.id}`), UI.live && UI.command(`cosmosctl fetch ${batch.id}`));
};

UI.hostsPart = () => !(UI.data.hosts || []).length ? '' : UI.h('section', {}, UI.h('h2', {}, 'Hosts'), UI.table(UI.data.hosts.map(host => [
  host.id + (host.default ? ' (the project\u2019s)' : ''), host.engine, host.address || 'this machine', host.gpus.length ? `GPU ${host.gpus.join(', ')}` : 'no GPU', host.models.join(', '),
  UI.h('span', {}, UI.ageOf(host.seen)), host.batch ? UI.link(host.batch, UI.route.href('batches', host.batch)) : '']), ['host', 'engine', 'where', 'GPUs', 'models', 'last seen', 'by']));

// The log of a batch that goes on lies on its host: while this part is open, `cosmosctl logs` is asked for it again and again.
UI.LOG_MS = 3000;
UI.logSeen = UI.logText = '';
UI.liveLog = batch => {
  if (!UI.live || UI.live.readOnly) return '';
  const out = UI.h('pre', { tabindex: 0, 'aria-label': `log of ${batch.id}` }, UI.logSeen === batch.id ? UI.logText : ''), box = UI.h('details', { class: 'livelog', open: UI.logSeen === batch.id }, UI.h('summary', {}, 'Its log, live'), out);
  let turn = 0;
  const goesOn = mine => turn === mine && box.open && box.isConnected;
  // One turn of asking: whoever closes it and opens it again while an answer is on its way begins the next one.
  const follow = async mine => {
    while (goesOn(mine)) {
      const done = await UI.quietly(['logs', batch.id]);
      if (!goesOn(mine)) return;
      const isAtEnd = out.scrollTop + out.clientHeight >= out.scrollHeight - 8;
      if (done) UI.logText = out.textContent = done.out.split('\n').slice(-200).join('\n') || done.err || '(nothing yet)';
      if (isAtEnd) out.scrollTop = out.scrollHeight;
      await new Promise(next => setTimeout(next, UI.LOG_MS));
    }
  };
  box.addEventListener('toggle', () => {
    if (box.open && UI.logSeen !== batch.id) UI.logText = '';
    UI.logSeen = box.open ? batch.id : '';
    follow(++turn);
  });
  return box;
};
