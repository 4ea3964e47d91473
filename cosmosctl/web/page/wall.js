'use strict';
// The wall: stills in the order and groups that are wished for; sixty cards at a time, more when the end is near.
UI.PAGE = 60;
UI.marked = new Set();

UI.views.wall = (root, arg, q, kept) => {
  const grid = UI.h('div', { class: 'cards', id: 'cards', role: 'group', 'aria-label': 'Runs' });
  const count = UI.h('output', { class: 'count' });
  const tail = UI.h('div', { class: 'tail' });
  const apart = new Map();
  let order = [], ofPrompt = new Map(), shown = 0, titles = new Map(), at = 0;
  const cards = () => [...grid.querySelectorAll('.card')];

  const change = () => {
    UI.wallQuery = q.toString();
    history.replaceState(null, '', UI.route.href('wall', '', q));
    fill();
  };
  const fill = () => {
    const runs = UI.filtered(q), by = q.get('group') || '';
    order = [];
    titles = new Map();
    for (const [name, several] of UI.grouped(runs, by)) {
      if (by && several.length) titles.set(several[0].id, [by, name, several]);
      order.push(...several);
    }
    UI.unhover();
    grid.replaceChildren();
    ofPrompt = new Map(UI.grouped(order, 'prompt'));
    apart.clear();
    shown = 0;
    at = Math.min(at, Math.max(0, order.length - 1));
    more();
    count.textContent = order.length === UI.data.runs.length ? UI.plural(order.length, 'run') : `${UI.count(order.length)} of ${UI.plural(UI.data.runs.length, 'run')}`;
    document.body.dataset.ready = 'wall';
    document.body.dataset.count = order.length;
  };
  const more = () => {
    for (const run of order.slice(shown, shown + UI.PAGE)) {
      const title = titles.get(run.id);
      if (title) grid.append(UI.groupHead(...title));
      if (!apart.has(run.prompt)) apart.set(run.prompt, UI.differing(ofPrompt.get(run.prompt)));
      const card = UI.card(run, UI.captions([run], apart.get(run.prompt).filter(key => key !== 'prompt'))[0]);
      card.querySelector('.open').tabIndex = shown === 0 && !grid.querySelector('.card') ? 0 : -1;
      grid.append(card);
    }
    shown = Math.min(order.length, shown + UI.PAGE);
    tail.hidden = shown >= order.length;
    watcher.unobserve(tail);  // it tells only of changes: on a large screen the end may be in sight still
    watcher.observe(tail);
    if (!order.length) grid.append(UI.h('p', { class: 'empty' }, UI.data.runs.length ? 'No run is like that.' : 'There is no run yet: cosmosctl create run makes one.'));
  };
  const watcher = new IntersectionObserver(seen => { if (seen.some(one => one.isIntersecting) && shown < order.length) more(); }, { rootMargin: '600px' });

  const focus = k => {
    const all = cards();
    if (k >= all.length && shown < order.length) { more(); focus(k); return; }
    const card = all[Math.max(0, Math.min(all.length - 1, k))];
    if (!card) return;
    for (const one of all) one.querySelector('.open').tabIndex = one === card ? 0 : -1;
    card.querySelector('.open').focus();
  };
  const move = (dx, dy) => {
    const all = cards(), now = Math.max(0, all.findIndex(card => card.contains(document.activeElement)));
    if (!all.length) return;
    if (!dy) { focus(now + dx); return; }
    const top = all[now].offsetTop, left = all[now].offsetLeft;
    const rows = all.map((card, k) => ({ k, far: Math.abs(card.offsetLeft - left), top: card.offsetTop })).filter(one => dy > 0 ? one.top > top + 4 : one.top < top - 4);
    if (!rows.length) { if (dy > 0 && shown < order.length) { more(); move(dx, dy); } return; }
    const next = dy > 0 ? Math.min(...rows.map(one => one.top)) : Math.max(...rows.map(one => one.top));
    focus(rows.filter(one => one.top === next).sort((a, b) => a.far - b.far)[0].k);
  };
  const active = () => {
    const card = document.activeElement && document.activeElement.closest('.card');
    return card ? UI.byId.get(card.dataset.id) : null;
  };

  const search = UI.h('input', { type: 'search', id: 'search', placeholder: 'search: words, guidance=7', 'aria-label': 'Search', value: q.get('q') || '',
    oninput: () => { if (search.value) q.set('q', search.value); else q.delete('q'); change(); } });
  const sorts = [...UI.SORTS, ...UI.facets().map(([name]) => name).filter(name => name.startsWith('set.')).map(name => [name, `by ${name.slice(4)}`])];
  const pane = UI.h('aside', { class: 'filters', 'aria-label': 'Filters' }, UI.filterPane(q, change),
    UI.button('Show all', () => { for (const key of [...q.keys()]) if (!['sort', 'group'].includes(key)) q.delete(key); search.value = ''; change(); pane.replaceChild(UI.filterPane(q, change), pane.firstChild); }));
  const sheet = UI.button('Filters', () => { pane.classList.toggle('open'); }, { class: 'only-narrow', 'aria-label': 'Show or hide the filters' });
  const marks = UI.h('span', { class: 'marks' });
  const drawMarks = () => {
    const ids = [...UI.marked].filter(id => UI.byId.has(id));
    marks.replaceChildren(...ids.length ? [UI.link(`Compare ${ids.length}`, UI.route.href('compare', ids.slice(0, 9).join(',')), { class: 'button' }),
      UI.button('unmark', () => { UI.marked.clear(); for (const box of grid.querySelectorAll('.mark input')) box.checked = false; drawMarks(); }, { class: 'small' })] : []);
  };
  grid.addEventListener('change', e => {
    if (!e.target.closest('.mark')) return;
    const id = e.target.closest('.card').dataset.id;
    if (e.target.checked) UI.marked.add(id); else UI.marked.delete(id);
    drawMarks();
  });
  UI.hovering(grid);
  root.append(UI.h('div', { class: 'wall' }, pane, UI.h('div', { class: 'over' },
    UI.h('div', { class: 'line' }, sheet, search, count, UI.select('sort', sorts, q.get('sort') || 'newest', value => { q.set('sort', value); change(); }),
      UI.select('group', UI.GROUPS, q.get('group') || '', value => { if (value) q.set('group', value); else q.delete('group'); change(); }), marks,
      UI.h('span', { class: 'spacer' }), UI.link('Grid', '#grid', { onclick: e => { e.currentTarget.href = UI.route.href('grid', '', q); } }),
      UI.link('Choose', '#choose', { onclick: e => { e.currentTarget.href = UI.route.href('choose', '', q); } })), grid, tail)));
  UI.wallQuery = q.toString();
  fill();
  while (kept && shown < Math.min(kept.shown, order.length)) more();
  drawMarks();
  const redraw = () => { for (const card of cards()) card.drawRating(); };
  document.addEventListener('rated', redraw);
  return {
    title: 'Runs',
    keys: {
      ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, -1), ArrowDown: () => move(0, 1),
      Home: () => focus(0), End: () => focus(order.length - 1),
      Enter: () => { const run = active(); if (run) UI.route.go('run', run.id); },
      a: () => { const card = document.activeElement.closest('.card'), box = card && card.querySelector('.mark input'); if (box) box.click(); },
      c: () => { if (UI.marked.size > 1) UI.route.go('compare', [...UI.marked].slice(0, 9).join(',')); },
      g: () => UI.route.go('grid', '', q), ...UI.ratingKeys(active),
    },
    keep: () => ({ shown }),
    close: () => { watcher.disconnect(); document.removeEventListener('rated', redraw); UI.unhover(); },
  };
};

UI.groupHead = (by, name, runs) => {
  const ids = runs.filter(run => run.video).slice(0, 9).map(run => run.id);
  return UI.h('h2', { class: 'group' }, UI.h('span', {}, UI.groupTitle(by, name, runs)), UI.h('i', {}, UI.plural(runs.length, 'run')),
    ids.length > 1 && UI.link(`compare ${ids.length}`, UI.route.href('compare', ids.join(','))),
    UI.link('grid', UI.route.href('grid', '', { [by === 'state' ? 'state' : by]: by === 'state' ? UI.stateWords(runs[0]) : name })));
};

// A still and two lines; a run without a video says why, with the last lines of its log.
UI.card = (run, apart) => {
  const m = UI.picture(run), stars = UI.h('span', { class: 'stars' });
  const inside = m && m.still
    ? UI.h('img', { src: m.still, width: 480, height: Math.round(480 * m.height / m.width), loading: 'lazy', decoding: 'async', alt: '' })
    : UI.h('div', { class: 'nothing' }, UI.h('b', {}, UI.state(run)), m && m.waits ? UI.makingOf(m.waits) : UI.h('span', {}, m ? m.problem : UI.reasonWords(run)), !(m && m.waits) && run.log && run.log.length ? UI.h('pre', {}, run.log.slice(-4).join('\n')) : '');
  const still = UI.h('a', { class: 'still open', href: UI.route.href('run', run.id), 'aria-label': `${run.id}, ${UI.stateWords(run)}, ${UI.promptWords(run)}` },
    inside, run.kind && run.kind !== 'result' && UI.h('span', { class: 'badge' }, run.kind), m && run.state !== 'done' && UI.h('span', { class: 'badge state' }, UI.state(run)));
  const card = UI.h('article', { class: 'card', 'aria-label': run.id, data: { id: run.id } }, still,
    UI.h('label', { class: 'mark', title: 'mark to compare (A)' }, UI.h('input', { type: 'checkbox', checked: UI.marked.has(run.id), tabindex: -1, 'aria-label': `mark ${run.id}` })),
    UI.h('div', { class: 'words' }, UI.h('div', {}, UI.h('b', {}, run.id), stars, apart.length ? UI.h('span', {}, apart.join(' · ')) : ''), UI.h('div', { class: 'dim' }, UI.promptWords(run))));
  card.drawRating = () => { stars.textContent = UI.ratingWords(UI.ratings.of(run)); };
  card.drawRating();
  return card;
};

UI.reasonWords = run => run.state === 'failed' || run.state === 'cancelled' ? [run.detail || UI.data.reasons[run.reason] || ''].join('')
  : run.detail || { pending: 'it has no result yet', queued: `in ${run.batch}`, running: `in ${run.batch}` }[run.state] || '';

// One video for all cards, a fifth of a second after the pointer came to rest on one; a tap plays, the next one opens.
UI.hovering = grid => {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const play = still => {
    const run = UI.byId.get(still.closest('.card').dataset.id), m = UI.picture(run);
    UI.unhover();
    if (!m || !m.look) return;
    const video = UI.hover = UI.h('video', { class: 'hover', loop: true, playsinline: true, src: m.look });
    video.muted = true;
    video.disableRemotePlayback = true;
    still.append(video);
    video.play().catch(() => {});
  };
  grid.addEventListener('pointerover', e => {
    const still = e.target.closest('.still');
    if (!still || e.pointerType !== 'mouse' || calm || (UI.hover && still.contains(UI.hover))) return;
    clearTimeout(UI.hoverSoon);
    UI.hoverSoon = setTimeout(play, 200, still);
  });
  grid.addEventListener('pointerout', e => {
    const still = e.target.closest('.still');
    if (still && e.pointerType === 'mouse' && !still.contains(e.relatedTarget)) UI.unhover();
  });
  grid.addEventListener('click', e => {
    const still = e.target.closest('.still');
    if (!still || e.pointerType !== 'touch' || (UI.hover && still.contains(UI.hover))) return;
    const run = UI.byId.get(still.closest('.card').dataset.id);
    if (!UI.picture(run)) return;
    e.preventDefault();
    play(still);
  });
};

UI.unhover = () => {
  clearTimeout(UI.hoverSoon);
  if (!UI.hover) return;
  UI.shut(UI.hover);
  UI.hover.remove();
  UI.hover = null;
};
