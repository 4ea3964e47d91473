'use strict';
// Choosing: one after the other beside its input, or blind in pairs, the order hidden and at random; then what was chosen.
UI.views.choose = (root, arg, q) => {
  const runs = UI.filtered(q).filter(run => UI.picture(run)), how = arg || 'each';
  const tabs = UI.h('div', { class: 'modes', role: 'tablist' }, [['each', 'One by one'], ['blind', 'Blind pairs'], ['chosen', 'What was chosen']].map(([name, words]) =>
    UI.link(words, UI.route.href('choose', name, q), { role: 'tab', 'aria-selected': String(how === name) })));
  const body = UI.h('div', { class: 'body' });
  root.append(UI.h('div', { class: 'choose' }, UI.h('div', { class: 'line' }, tabs, UI.h('span', { class: 'dim' }, `${UI.plural(runs.length, 'run')} with a video`)), body));
  if (!runs.length) { body.append(UI.h('p', { class: 'empty' }, 'No run with a video is like that.')); document.body.dataset.ready = 'choose'; return { title: 'Choose', keys: {} }; }
  return { title: 'Choose', ...{ each: UI.chooseEach, blind: UI.chooseBlind, chosen: UI.chosen }[how in { each: 1, blind: 1, chosen: 1 } ? how : 'each'](body, runs, q) };
};

UI.chooseEach = (body, runs, q) => {
  let k = Math.max(0, runs.findIndex(run => run.id === q.get('at'))), stage = null;
  const isRated = run => { const rating = UI.ratings.of(run); return !!rating && ((rating.stars ?? null) !== null || (rating.accepted ?? null) !== null); };
  if (!q.get('at')) k = Math.max(0, runs.findIndex(run => !isRated(run)));
  const head = UI.h('div', { class: 'line' }), place = UI.h('div', { class: 'grow' }), note = UI.h('div', {}), count = UI.h('span', { class: 'dim' });
  const keys = {};
  const draw = () => {
    const run = runs[k], input = run.inputs.find(([role]) => role === 'color');
    if (stage) stage.close();
    const items = [{ m: UI.picture(run), title: run.id, href: UI.route.href('run', run.id), notes: UI.captions([run], UI.differing(runs))[0], run }];
    if (input && UI.media(input[1])) items.push({ m: UI.media(input[1]), title: 'input', notes: [run.scene] });
    stage = UI.stage(items, { q: new URLSearchParams(), note: () => {} });
    for (const key of Object.keys(keys)) delete keys[key];
    Object.assign(keys, stage.keys, { ArrowRight: () => go(1), ArrowLeft: () => go(-1) }, UI.ratingKeys(() => run));
    place.replaceChildren(stage.el);
    note.replaceChildren(UI.noteLine(run));
    UI.refill(head, UI.button('← before', () => go(-1)), UI.button('next →', () => go(1)), UI.h('b', {}, `${k + 1} of ${runs.length}`), count,
      UI.ratingLine(run), UI.h('span', { class: 'dim' }, UI.promptWords(run, 90)));
    tell();
    UI.route.note({ at: run.id });
  };
  const tell = () => { count.textContent = `${runs.filter(isRated).length} rated`; };
  const go = by => { k = (k + by + runs.length) % runs.length; draw(); };
  body.append(head, note, place);
  draw();
  document.addEventListener('rated', tell);
  return { keys, close: () => { document.removeEventListener('rated', tell); stage.close(); } };
};

UI.chooseBlind = (body, runs, q) => {
  const several = runs.slice(0, 40);
  let tally = UI.store.get('blind', {});
  const pairs = [];
  for (let i = 0; i < several.length; i++) for (let j = i + 1; j < several.length; j++) pairs.push(Math.random() < 0.5 ? [several[i], several[j]] : [several[j], several[i]]);
  for (let i = pairs.length - 1; i > 0; i--) { const j = Math.floor(Math.random() * (i + 1)); [pairs[i], pairs[j]] = [pairs[j], pairs[i]]; }
  const head = UI.h('div', { class: 'line' }), place = UI.h('div', { class: 'grow' }), told = UI.h('div', {});
  const keys = {};
  let k = 0, stage = null;
  const draw = () => {
    if (stage) stage.close();
    stage = null;
    for (const key of Object.keys(keys)) delete keys[key];
    if (k >= pairs.length) { place.replaceChildren(UI.h('p', { class: 'empty' }, pairs.length ? 'Every pair was seen.' : 'It takes two runs.')); reveal(); document.body.dataset.ready = 'stage'; return; }
    stage = UI.stage(pairs[k].map((run, i) => ({ m: UI.picture(run), title: i ? 'right' : 'left' })), { q: new URLSearchParams(), note: () => {} });
    Object.assign(keys, stage.keys, { ArrowLeft: () => win(0), ArrowRight: () => win(1), ArrowDown: () => win(-1), ArrowUp: () => win(-1) });
    place.replaceChildren(stage.el);
    UI.refill(head, UI.button('← the left one', () => win(0)), UI.button('the right one →', () => win(1)), UI.button('↓ no difference', () => win(-1)),
      UI.h('b', {}, `pair ${k + 1} of ${pairs.length}`), UI.button('show the tally', reveal), UI.button('forget it', () => { tally = {}; UI.store.set('blind', tally); told.replaceChildren(); }));
  };
  // A pair that is not on the screen yet was not seen: a key that is held, or pressed twice, chooses nothing.
  const win = side => {
    if (!stage || !stage.clock.isShown) return;
    tally = UI.store.get('blind', tally);
    pairs[k].forEach((run, i) => {
      const one = tally[run.video] || { run: run.id, seen: 0, won: 0, even: 0 };
      tally[run.video] = { ...one, seen: one.seen + 1, won: one.won + (side === i ? 1 : 0), even: one.even + (side < 0 ? 1 : 0) };
    });
    UI.store.set('blind', tally);
    k++;
    draw();
  };
  const reveal = () => {
    const rows = Object.values(tally).filter(one => UI.byId.has(one.run)).sort((a, b) => b.won / b.seen - a.won / a.seen || b.seen - a.seen);
    told.replaceChildren(UI.h('h2', {}, 'Tally'), UI.table(rows.map(one => [UI.link(one.run, UI.route.href('run', one.run)), `${one.won} of ${one.seen}`, one.even ? `${one.even} even` : '']), ['run', 'won', '']));
  };
  body.append(head, place, told);
  draw();
  return { keys, close: () => { if (stage) stage.close(); } };
};

UI.chosen = (body, runs, q) => {
  const draw = () => {
    const least = q.get('least') || 'accepted', ids = runs.filter(run => UI.ratingFacets(run).includes(least)).map(run => run.id);
    const lines = UI.ratings.lines(), list = ids.join('\n');
    body.replaceChildren(...[
      UI.h('section', {}, UI.h('h2', {}, 'Into the project'), lines.length ? UI.h('p', { class: 'dim' }, 'What was rated here is kept in this browser. Typed in the project, these lines write it into its files:') : UI.h('p', { class: 'dim' }, 'Nothing was rated here that the project does not know.'),
        lines.map(UI.command), lines.length > 1 && UI.button('copy all', e => UI.copy(lines.join('\n') + '\n', e.currentTarget))),
      UI.h('section', {}, UI.h('h2', {}, 'List of ids'), UI.select('of those', ['accepted', '5+', '4+', '3+', '2+', '1+', 'rejected', 'without stars'].map(one => [one, one]), least, one => { q.set('least', one); UI.route.note({ least: one }); draw(); }),
        UI.h('pre', { class: 'ids', tabindex: 0 }, list || '(none)'),
        ids.length > 0 && UI.h('div', { class: 'line' }, UI.button('copy', e => UI.copy(list + '\n', e.currentTarget)),
          UI.h('a', { class: 'button', download: 'runs.txt', href: `data:text/plain;charset=utf-8,${encodeURIComponent(list + '\n')}` }, 'save as runs.txt'),
          ids.length > 1 && UI.link('compare', UI.route.href('compare', ids.slice(0, 9).join(',')), { class: 'button' })),
        UI.command('xargs cosmosctl show < runs.txt')),
      ids.length > 0 && UI.h('section', {}, UI.h('h2', {}, 'Videos, receipts, a table'), UI.live && UI.h('p', {}, UI.link('save as chosen.zip', `chosen.zip?runs=${ids.map(encodeURIComponent).join(',')}`, { class: 'button', download: 'chosen.zip' })),
        UI.command(`cosmosctl pack ${ids.join(' ')}`))].filter(Boolean));
    document.body.dataset.ready = 'choose';
  };
  draw();
  return { keys: {}, close: () => {} };
};
