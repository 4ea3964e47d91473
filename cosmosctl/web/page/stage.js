'use strict';
// Pictures side by side, or two of them on top of each other: wipe, onion skin, difference, one in place of the other.

UI.MODES = [['grid', 'Grid', 'G'], ['wipe', 'Wipe', 'W'], ['onion', 'Onion', 'N'], ['diff', 'Difference', 'D'], ['flip', 'Toggle', 'T']];
UI.STRENGTHS = [1, 2, 4, 8, 16, 32];

// Items: {m, title, href, notes: [text], run, missing}. opt: {q, note(facts), kept, lead}: `kept`: what `stage.keep` of the
// stage in whose place it stands returned; `lead`: the first one is large.
UI.stage = (items, opt) => {
  const q = opt.q, note = opt.note || UI.route.note;
  items.forEach((item, i) => { item.offset = +(q.get('o') || '').split(',')[i] || 0; });
  const clock = UI.clock(items);
  clock.goal = +q.get('f') || 0;
  const within = (text, otherwise) => /^[0-9]+$/.test(text || '') && +text < items.length ? +text : Math.min(otherwise, items.length - 1);
  const stage = {
    clock, mode: UI.MODES.some(([name]) => name === q.get('m')) && items.length > 1 ? q.get('m') : 'grid',
    a: within(q.get('a'), 0), b: within(q.get('b'), 1), x: 50, onion: 50, strength: 8, flipped: false, solo: -1,
    active: 0, zoom: 1, panX: 0, panY: 0,
  };
  if (opt.kept && opt.kept.count === items.length) { Object.assign(stage, opt.kept.stage); Object.assign(clock, opt.kept.clock); }
  const pics = UI.h('div', { class: 'pics' });
  const figures = items.map((item, i) => UI.figure(stage, item, i));
  const bar = UI.h('div', { class: 'bar', role: 'slider', tabindex: 0, 'aria-label': 'Wipe', 'aria-valuemin': 0, 'aria-valuemax': 100 });
  const pair = UI.h('div', { class: 'pair' });
  const line = UI.transport(clock, stage);
  pics.append(...figures, bar);
  stage.el = UI.h('section', { class: 'stage', 'aria-label': 'Videos' }, pics, pair, line.el);

  const isTwo = () => stage.mode !== 'grid';
  const isSeen = i => isTwo() ? (stage.mode === 'flip' ? i === (stage.flipped ? stage.b : stage.a) : i === stage.a || i === stage.b)
    : stage.solo < 0 || stage.solo === i;
  clock.isSeen = part => isSeen(clock.parts.indexOf(part));

  stage.draw = () => {
    stage.el.dataset.mode = stage.mode;
    stage.el.dataset.seen = figures.filter((_, i) => isSeen(i)).length;
    figures.forEach((figure, i) => {
      figure.hidden = !isSeen(i);
      figure.classList.toggle('a', isTwo() && i === stage.a);
      figure.classList.toggle('b', isTwo() && i === stage.b && stage.b !== stage.a);
      figure.classList.toggle('active', i === stage.active);
      figure.style.order = isTwo() ? (i === stage.b ? 2 : 1) : '';
    });
    bar.hidden = stage.mode !== 'wipe';
    bar.setAttribute('aria-valuenow', Math.round(stage.x));
    const style = stage.el.style;
    style.setProperty('--x', `${stage.x}%`);
    style.setProperty('--onion', stage.onion / 100);
    style.setProperty('--strength', stage.strength);
    style.setProperty('--zoom', stage.zoom);
    style.setProperty('--pan-x', `${stage.panX}px`);
    style.setProperty('--pan-y', `${stage.panY}px`);
    UI.pairLine(stage, pair, items);
    line.draw();
    stage.fit();
  };

  stage.fit = () => UI.fitted(stage, pics, items, figures, !!opt.lead && stage.mode === 'grid' && stage.solo < 0);

  stage.set = facts => {
    Object.assign(stage, facts);
    stage.draw();
    clock.show(clock.goal);
    note({ m: stage.mode === 'grid' ? '' : stage.mode, a: stage.a || '', b: stage.b === 1 ? '' : stage.b, f: clock.goal || '',
      o: items.some(item => item.offset) ? items.map(item => item.offset).join(',') : '' });
  };
  // Where it is by now: in the hash what a link tells, the rest as it is returned.
  stage.keep = () => {
    stage.set({});
    const { x, onion, strength, flipped, solo, active, zoom, panX, panY } = stage, { range, looping, rate } = clock;
    return { count: items.length, stage: { x, onion, strength, flipped, solo, active, zoom, panX, panY }, clock: { range, looping, rate } };
  };
  stage.choose = mode => {
    if (items.length < 2) return;
    if (stage.a === stage.b) stage.b = stage.a === 0 ? 1 : 0;
    stage.set({ mode, flipped: false, solo: -1 });
  };
  stage.zoomTo = (zoom, panX = 0, panY = 0) => {
    Object.assign(stage, { zoom: Math.max(0.1, Math.min(32, zoom)), panX, panY });
    stage.draw();
    stage.rest();
  };
  // Nothing moved for a moment: the originals, if somebody looks closely.
  let waiting = 0;
  stage.rest = () => {
    clearTimeout(waiting);
    if (stage.zoom > 1 && !clock.playing) waiting = setTimeout(clock.sharpen, 150);
  };
  clock.listeners.add(() => { if (!clock.playing) stage.rest(); });

  UI.pointers(stage, pics, bar, figures);
  stage.keys = UI.stageKeys(stage, items, figures);
  const watcher = new ResizeObserver(() => stage.fit());
  watcher.observe(pics);
  stage.close = () => { watcher.disconnect(); clearTimeout(waiting); clock.close(); };
  clock.begin('stage');
  stage.draw();
  return stage;
};

UI.figure = (stage, item, i) => {
  const rating = UI.h('span', { class: 'stars' });
  const offset = UI.h('span', { class: 'dim' });
  const figure = UI.h('figure', { tabindex: 0, 'aria-label': `picture ${i + 1}: ${item.title}`, onfocus: () => stage.focusOn(i), onpointerdown: () => stage.focusOn(i) },
    stage.clock.pics[i],
    UI.h('figcaption', {}, UI.h('kbd', { title: 'Shift and this digit: alone' }, i + 1),
      item.href ? UI.link(item.title, item.href) : UI.h('b', {}, item.title), rating, offset,
      UI.h('span', { class: 'ended' }, 'ended'),
      (item.notes || []).map(words => UI.h('span', { class: 'dim' }, words))));
  stage.focusOn = stage.focusOn || (k => {
    if (stage.active === k) return;
    stage.active = k;
    for (const one of stage.el.querySelectorAll('figure')) one.classList.toggle('active', +one.dataset.i === k);
  });
  figure.dataset.i = i;
  figure.drawRating = () => {
    rating.textContent = item.run ? UI.ratingWords(UI.ratings.of(item.run)) : '';
    offset.textContent = item.offset ? `${item.offset > 0 ? '+' : ''}${item.offset} f` : '';
  };
  figure.drawRating();
  return figure;
};

// Names of the two that lie on each other, left and right, each to be changed.
UI.pairLine = (stage, pair, items) => {
  pair.hidden = stage.mode === 'grid';
  if (pair.hidden) return;
  const shown = [stage.mode, stage.a, stage.b, stage.flipped].join();
  if (pair.dataset.shown !== shown) UI.refill(pair, ...UI.pairParts(stage, items));
  pair.dataset.shown = shown;
  const range = pair.querySelector('input[type=range]');
  if (range) range.value = stage.mode === 'diff' ? UI.STRENGTHS.indexOf(stage.strength) : stage.onion;
  if (stage.mode === 'diff') pair.querySelector('.slider span').textContent = `difference × ${stage.strength}`;
};

UI.pairParts = (stage, items) => {
  const names = items.map((item, i) => [String(i), `${i + 1}  ${item.title}`]);
  const side = which => UI.h('div', { class: 'side' },
    UI.select(which === 'a' ? (stage.mode === 'wipe' ? 'left' : 'A') : stage.mode === 'wipe' ? 'right' : 'B', names, String(stage[which]),
      value => stage.set({ [which]: +value })),
    UI.h('span', { class: 'dim' }, (items[stage[which]].notes || []).join(' · ')));
  const middle = {
    onion: () => UI.slider('how much of B', 0, 100, stage.onion, value => { stage.onion = value; stage.draw(); }),
    diff: () => UI.slider('times', 0, UI.STRENGTHS.length - 1, UI.STRENGTHS.indexOf(stage.strength), value => { stage.strength = UI.STRENGTHS[value]; stage.draw(); }),
    flip: () => UI.h('b', {}, stage.flipped ? 'B is shown' : 'A is shown'),
    wipe: () => '',
  }[stage.mode]();
  return [side('a'), UI.h('div', { class: 'middle' }, middle), side('b')];
};

UI.slider = (label, low, high, value, act) => {
  const range = UI.h('input', { type: 'range', min: low, max: high, step: 1, value, 'aria-label': label, oninput: () => act(+range.value) });
  return UI.h('label', { class: 'slider' }, UI.h('span', {}, label), range);
};

// The largest pictures that fit: as many columns as make them so. On a phone one below the other.
UI.fitted = (stage, pics, items, figures, lead) => {
  const style = stage.el.style, gap = 8, width = pics.clientWidth, height = pics.clientHeight;
  const seen = figures.filter(figure => !figure.hidden);
  const aspect = i => items[i].m ? items[i].m.width / items[i].m.height : 16 / 9;
  const widest = Math.min(...seen.map(figure => aspect(+figure.dataset.i)));
  const narrow = matchMedia('(max-width: 600px)').matches;
  stage.el.classList.toggle('lead', lead && !narrow && seen.length > 1);
  const count = stage.mode === 'grid' ? seen.length : 1, caption = stage.mode === 'grid' ? 26 : 0;
  if (!width || !count) return;
  let best = 0;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const across = (width - gap * (columns - 1)) / columns;
    const down = ((height - gap * (rows - 1)) / rows - caption) * widest;
    best = Math.max(best, Math.min(across, down));
  }
  if (narrow) best = stage.mode === 'grid' ? width : Math.min(width, Math.max(200, height) * widest);
  style.setProperty('--cell', `${Math.max(80, Math.floor(best))}px`);
  if (stage.el.classList.contains('lead')) {
    const others = seen.length - 1, strip = Math.min(150, height * 0.22);
    const small = Math.min(strip * widest, (width - gap * (others - 1)) / others);
    style.setProperty('--small', `${Math.floor(small)}px`);
    style.setProperty('--cell', `${Math.floor(Math.min(width, (height - small / widest - 2 * caption - gap) * aspect(0)))}px`);
  }
  const box = aspect(stage.a);
  style.setProperty('--box', stage.mode === 'grid' ? 'var(--aspect)' : String(box));
};

UI.pointers = (stage, pics, bar, figures) => {
  let from = null;
  const isPen = e => e.pointerType === 'mouse';
  const wipe = e => {
    const box = figures[stage.a].getBoundingClientRect();
    stage.x = Math.max(0, Math.min(100, (e.clientX - box.left) / box.width * 100));
    stage.el.style.setProperty('--x', `${stage.x}%`);
    bar.setAttribute('aria-valuenow', Math.round(stage.x));
  };
  pics.addEventListener('pointerdown', e => {
    if (e.target.closest('a, select, button')) return;
    from = { x: e.clientX - stage.panX, y: e.clientY - stage.panY };
    if (stage.mode === 'wipe' && !isPen(e)) { wipe(e); pics.setPointerCapture(e.pointerId); }
  });
  pics.addEventListener('pointermove', e => {
    const isDragged = from && e.buttons & 1;
    if (stage.mode === 'wipe' && (!isDragged || !isPen(e) || stage.zoom <= 1)) { if (isDragged || isPen(e)) wipe(e); return; }
    if (isDragged && stage.zoom > 1) stage.zoomTo(stage.zoom, e.clientX - from.x, e.clientY - from.y);
  });
  for (const name of ['pointerup', 'pointercancel']) pics.addEventListener(name, () => { from = null; });
  pics.addEventListener('wheel', e => {
    const pic = e.target.closest('.pic');
    if (!pic || e.ctrlKey || (!e.shiftKey && stage.zoom === 1 && stage.mode === 'grid' && pics.scrollHeight > pics.clientHeight + 4)) return;
    e.preventDefault();
    const box = pic.getBoundingClientRect(), x = e.clientX - box.left - box.width / 2, y = e.clientY - box.top - box.height / 2;
    const zoom = Math.max(1, Math.min(32, stage.zoom * Math.exp(-(e.deltaY || e.deltaX) / 300))), by = zoom / stage.zoom;
    stage.zoomTo(zoom, zoom === 1 ? 0 : x - (x - stage.panX) * by, zoom === 1 ? 0 : y - (y - stage.panY) * by);
  }, { passive: false });
};

UI.stageKeys = (stage, items, figures) => {
  const shift = by => {
    items[stage.active].offset = (items[stage.active].offset || 0) + by;
    figures[stage.active].drawRating();
    stage.set({});
  };
  const arrow = by => {
    if (stage.mode === 'wipe') { stage.x = Math.max(0, Math.min(100, stage.x + 2 * by)); stage.draw(); }
    else if (stage.mode === 'onion') { stage.onion = Math.max(0, Math.min(100, stage.onion + 5 * by)); stage.draw(); }
    else stage.clock.step(by);
  };
  const solo = i => { if (i < items.length) stage.set({ mode: 'grid', solo: stage.solo === i ? -1 : i, active: i }); };
  const keys = {
    ...UI.clockKeys(stage.clock),
    g: () => stage.choose('grid'), w: () => stage.choose('wipe'), n: () => stage.choose('onion'),
    d: () => {
      if (stage.mode === 'diff') stage.strength = UI.STRENGTHS[(UI.STRENGTHS.indexOf(stage.strength) + 1) % UI.STRENGTHS.length];
      stage.choose('diff');
    },
    t: () => stage.mode === 'flip' ? stage.set({ flipped: !stage.flipped }) : stage.choose('flip'),
    s: () => stage.set({ a: stage.b, b: stage.a }),
    z: () => stage.zoomTo(UI.oneToOne(stage, items, figures)), f: () => stage.zoomTo(1),
    '-': () => shift(-1), '+': () => shift(1), '=': () => shift(1),
    ArrowLeft: () => arrow(-1), ArrowRight: () => arrow(1),
    ...UI.ratingKeys(() => items[stage.active].run),
  };
  for (let i = 0; i < 9; i++) keys[`Shift+${i + 1}`] = () => solo(i);
  return keys;
};

// The zoom at which a pixel of the original is a pixel of the page.
UI.oneToOne = (stage, items, figures) => {
  const i = figures[stage.active].hidden ? stage.a : stage.active, m = items[i].m;
  return m ? m.width / stage.clock.pics[i].clientWidth : 1;
};

UI.clockKeys = clock => ({
  ' ': () => clock.toggle(), k: () => clock.pause(), j: () => clock.shuttle(-1), l: () => clock.shuttle(1),
  ',': () => clock.step(-1), '.': () => clock.step(1), 'Shift+,': () => clock.step(-10), 'Shift+.': () => clock.step(10),
  Home: () => clock.step(-clock.goal), End: () => clock.step(clock.frames),
  i: () => clock.mark(false), o: () => clock.mark(true),
  '\\': () => { clock.looping = !clock.looping; clock.tell(); },
});

UI.ratingKeys = run => {
  const keys = {
    p: () => run() && UI.ratings.rate(run(), { accepted: true }), x: () => run() && UI.ratings.rate(run(), { accepted: false }),
    u: () => run() && UI.ratings.clear(run()),
  };
  for (let stars = 0; stars <= 5; stars++) keys[String(stars)] = () => run() && UI.ratings.rate(run(), { stars: stars || null });
  return keys;
};

// The line below: play, frame, a scrub, the modes.
UI.transport = (clock, stage) => {
  const play = UI.button('▶', () => clock.toggle(), { class: 'play', 'aria-label': 'Play or pause', 'aria-keyshortcuts': 'Space' });
  const told = UI.h('output', { class: 'frame' });
  const scrub = UI.h('input', { type: 'range', class: 'scrub', min: 0, max: clock.frames - 1, step: 1, value: 0, 'aria-label': 'Frame' });
  const range = UI.h('i', { class: 'range', hidden: true });
  const tile = UI.h('div', { class: 'tile', hidden: true });
  const note = UI.h('span', { class: 'note dim' });
  const modes = UI.h('div', { class: 'modes', role: 'radiogroup', 'aria-label': 'How to compare' });
  scrub.addEventListener('input', () => {
    clock.show(+scrub.value);
    clock.pause();  // the last thing: it draws the scrub anew
  });
  UI.peek(clock, scrub, tile);
  if (stage && clock.items.length > 1) {
    modes.append(...UI.MODES.map(([name, words, key]) => UI.button(words, () => stage.choose(name),
      { role: 'radio', 'aria-checked': 'false', 'aria-keyshortcuts': key, data: { mode: name } })));
  }
  const draw = () => {
    const last = clock.frames - 1, width = String(last).length;
    play.textContent = clock.playing ? '❚❚' : '▶';
    told.textContent = `frame ${String(clock.n).padStart(width, '0')} / ${last}   ${(clock.n / clock.fps).toFixed(3)} s   ${UI.rate(clock.fps)} fps${clock.rate === 1 ? '' : `   × ${clock.rate}`}`;
    told.setAttribute('aria-live', clock.playing ? 'off' : 'polite');
    scrub.value = clock.playing ? clock.n : clock.goal;  // keys on it count from there
    range.hidden = !clock.range;
    if (clock.range) {
      range.style.left = `${clock.range[0] / Math.max(1, last) * 100}%`;
      range.style.right = `${100 - clock.range[1] / Math.max(1, last) * 100}%`;
    }
    note.textContent = [
      clock.rates.length > 1 && `${clock.rates.map(UI.rate).join(' and ')} fps, paired by time`,
      clock.lengths.length > 1 && `${clock.lengths.map(s => +s).sort((a, b) => a - b).map(s => +s.toFixed(2)).join(' and ')} s long`,
      clock.looping && 'loop', clock.slow, stage && stage.zoom !== 1 && `zoom ${Math.round(stage.zoom * 100)} %`,
    ].filter(Boolean).join(' · ');
    for (const button of modes.children) button.setAttribute('aria-checked', stage.mode === button.dataset.mode);
    document.body.dataset.frame = clock.n;
    document.body.dataset.drawn = clock.drawn;
  };
  clock.listeners.add(draw);
  return { el: UI.h('div', { class: 'transport' }, play, told, UI.h('div', { class: 'scrubbing' }, range, scrub, tile), note, modes), draw };
};

UI.rate = fps => String(Math.round(fps * 1000) / 1000);

// Over the scrub: the picture of there, out of the sheet of 25.
UI.peek = (clock, scrub, tile) => {
  const m = clock.items[0] && clock.items[0].m;
  if (!m || !m.sheet) return;
  scrub.addEventListener('pointermove', e => {
    if (e.pointerType !== 'mouse') return;
    const box = scrub.getBoundingClientRect(), at = Math.max(0, Math.min(1, (e.clientX - box.left) / box.width));
    const k = Math.min(24, Math.floor(at * 25));
    tile.hidden = false;
    tile.style.left = `${at * 100}%`;
    tile.style.aspectRatio = `${m.width} / ${m.height}`;
    tile.style.backgroundImage = `url("${m.sheet}")`;
    tile.style.backgroundPosition = `${k % 5 * 25}% ${Math.floor(k / 5) * 25}%`;
  });
  scrub.addEventListener('pointerleave', () => { tile.hidden = true; });
};

document.addEventListener('rated', () => { for (const one of document.querySelectorAll('figure, .rated')) one.drawRating(); });
