'use strict';
// A sweep as a table: its axes are settings, its cells are videos in step. A head that is clicked hides its row or column.
UI.MOST_CELLS = 100;

UI.views.grid = (root, arg, q) => {
  const all = UI.filtered(q).filter(run => !q.get('sweep') || run.sweep === q.get('sweep'));
  const runs = all.slice(0, UI.MOST_CELLS);
  const keys = UI.differing(runs).filter(key => !(key === 'scene' && UI.differing(runs).includes('prompt')));
  const known = name => name === '' || name === '*' || keys.includes(name);
  const count = key => new Set(runs.map(run => UI.value(run.set[key]))).size;
  const byCount = [...keys].sort((a, b) => count(b) - count(a));
  const x = q.has('x') && known(q.get('x')) ? q.get('x') : byCount[0] || '';
  const combined = new Set(runs.map(run => keys.filter(key => key !== x).map(key => UI.value(run.set[key])).join('\n'))).size;
  const isFull = runs.length >= 0.6 * combined * count(x);
  const second = ['prompt', ...byCount].find(key => key !== x && keys.includes(key));
  const y = q.has('y') && known(q.get('y')) ? q.get('y') : isFull || !second ? '*' : second;
  const value = (run, axis) => axis === '*' ? keys.filter(key => key !== x).map(key => key === 'prompt' ? UI.promptWords(run, 30) : `${key} ${UI.value(run.set[key])}`).join('\n')
    : axis === 'prompt' ? UI.promptWords(run, 40) : axis ? UI.value(run.set[axis]) : '';
  const values = axis => [...new Set(runs.map(run => value(run, axis)))].sort(UI.inOrder);
  const hidden = new Set(q.getAll('hide'));
  const columns = values(x), rows = values(y);
  const items = runs.filter(run => UI.picture(run)).map(run => ({ m: UI.picture(run), run }));
  const clock = UI.clock(items), line = UI.transport(clock, null);
  clock.goal = +q.get('f') || 0;
  const redo = (name, one) => { q.set(name, one); q.set('f', clock.goal); UI.route.go('grid', '', q); };
  const hide = (axis, words) => {
    const name = `${axis}:${words}`;
    if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
    q.delete('hide');
    for (const one of hidden) q.append('hide', one);
    history.replaceState(null, '', UI.route.href('grid', '', q));
    draw();
    // the focus goes to what undoes it
    (hidden.has(name) ? hiddenLine.lastChild : [...table.querySelectorAll(`.head.${axis}`)].find(one => one.textContent === (words || '–'))).focus();
  };
  const table = UI.h('div', { class: 'sweep', tabindex: 0, 'aria-label': 'Grid of runs' });
  const cell = (run, others) => {
    const k = items.findIndex(item => item.run === run), stars = UI.h('span', { class: 'stars' });
    const box = UI.h('div', { class: 'cell', tabindex: -1, data: { id: run.id } },
      k >= 0 ? clock.pics[k] : UI.h('div', { class: 'nothing' }, UI.state(run), UI.h('span', {}, UI.reasonWords(run))),
      UI.h('div', { class: 'words' }, UI.link(run.id, UI.route.href('run', run.id)), stars,
        others > 0 && UI.link(`+ ${others} more`, UI.route.href('compare', runs.filter(one => value(one, x) === value(run, x) && value(one, y) === value(run, y)).slice(0, 9).map(one => one.id).join(',')))));
    box.drawRating = () => { stars.textContent = UI.ratingWords(UI.ratings.of(run)); };
    box.drawRating();
    return box;
  };
  const draw = () => {
    const seenX = columns.filter(one => !hidden.has(`x:${one}`)), seenY = rows.filter(one => !hidden.has(`y:${one}`));
    const head = (axis, words) => UI.button(words || '–', () => hide(axis, words), { class: `head ${axis}`, title: 'hide it' });
    table.style.setProperty('--columns', Math.max(1, seenX.length));
    const shown = new Set();
    const lines = seenY.flatMap(row => [head('y', row), ...seenX.map(column => {
      const several = runs.filter(run => value(run, x) === column && value(run, y) === row);
      if (several[0]) shown.add(several[0].id);
      return several.length ? cell(several[0], several.length - 1) : UI.h('div', { class: 'cell' });
    })]);
    table.replaceChildren(UI.h('div', { class: 'head corner' }, `${x || '–'} →`), ...seenX.map(one => head('x', one)), ...lines);
    clock.isSeen = part => shown.has(part.item.run.id);
    hiddenLine.replaceChildren(...[...hidden].map(name => UI.button(`show ${name.slice(2)}`, () => hide(name[0], name.slice(2)), { class: 'small' })));
    fit();
    clock.show(clock.goal);
  };
  // No picture is higher than the room below the heads: of one column alone each row would fill the screen.
  const fit = () => {
    const room = table.clientHeight - table.firstChild.offsetHeight - 36, shapes = items.filter(item => clock.isSeen({ item })).map(item => item.m.width / item.m.height);
    table.style.setProperty('--most', `${Math.max(160, Math.floor(room * Math.min(16 / 9, ...shapes)))}px`);
  };
  const watcher = new ResizeObserver(fit);
  watcher.observe(table);
  const axes = [['', '–'], ...keys.map(key => [key, key])];
  const hiddenLine = UI.h('span', { class: 'line' });
  root.append(UI.h('div', { class: 'gridview' },
    UI.h('div', { class: 'line' }, UI.h('b', {}, q.get('sweep') || UI.plural(runs.length, 'run')), all.length > runs.length && UI.h('span', { class: 'dim' }, `the first ${runs.length} of ${all.length}`),
      UI.select('across', axes, x, one => redo('x', one)), UI.select('down', [['*', 'all the rest'], ...axes], y, one => redo('y', one)), hiddenLine),
    table, line.el));
  clock.begin('grid');
  clock.listeners.add(() => { if (!clock.playing) UI.route.note({ f: clock.n || '' }); });
  draw();
  line.draw();
  const active = () => { const box = document.activeElement && document.activeElement.closest('.cell'); return box ? UI.byId.get(box.dataset.id) : null; };
  const rove = (dx, dy) => {
    const cells = [...table.querySelectorAll('.cell')], wide = Math.max(1, columns.filter(one => !hidden.has(`x:${one}`)).length);
    const now = cells.indexOf(document.activeElement && document.activeElement.closest('.cell'));
    const next = cells[now < 0 ? 0 : now + dx + dy * wide];
    if (next) { next.focus(); next.scrollIntoView({ block: 'nearest', inline: 'nearest' }); }
  };
  const redraw = () => { for (const box of table.querySelectorAll('.cell[data-id]')) box.drawRating(); };
  document.addEventListener('rated', redraw);
  return {
    title: 'Grid', isPlaying: () => clock.playing,
    keys: { ...UI.clockKeys(clock), ArrowLeft: () => rove(-1, 0), ArrowRight: () => rove(1, 0), ArrowUp: () => rove(0, -1), ArrowDown: () => rove(0, 1),
      Enter: () => { const run = active(); if (run) UI.route.go('run', run.id); }, ...UI.ratingKeys(active) },
    close: () => { document.removeEventListener('rated', redraw); watcher.disconnect(); clock.close(); },
  };
};
