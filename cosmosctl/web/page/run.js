'use strict';
// One run: result, input and controls in step; beside them its recipe, below them its log and what came before.
UI.views.run = (root, id, q, kept) => {
  const run = UI.byId.get(id);
  if (!run) { root.append(UI.h('p', { class: 'empty' }, `There is no run ${id} here.`)); return { title: id, keys: {} }; }
  const items = UI.runItems(run), stage = items.length ? UI.stage(items, { q, kept, lead: true }) : null;
  const where = UI.h('div', { class: 'dim where' });
  const near = UI.nearby(run);
  root.append(UI.h('div', { class: 'run' },
    UI.h('div', { class: 'left' }, stage ? stage.el : UI.h('div', { class: 'nothing tall' }, UI.h('b', {}, UI.state(run)), UI.h('span', {}, UI.reasonWords(run))),
      UI.logPart(run), UI.historyPart(run, stage, items)),
    UI.h('aside', { class: 'recipe', 'aria-label': 'Recipe' }, UI.h('div', { class: 'line' }, near.before, near.after), UI.recipe(run), where,
      stage ? UI.savePart(run, stage) : '')));
  if (!stage) document.body.dataset.ready = 'run';
  UI.originals(items, where, stage && stage.clock.signal);
  const keys = stage ? { ...stage.keys } : { ...UI.ratingKeys(() => run) };
  keys['['] = () => near.before && near.before.click();
  keys[']'] = () => near.after && near.after.click();
  return { title: run.id, keys, isPlaying: () => stage && stage.clock.playing, keep: () => stage && stage.keep(), close: () => { if (stage) stage.close(); } };
};

UI.runItems = run => {
  const items = [];
  if (UI.picture(run)) items.push({ m: UI.picture(run), title: run.kind || 'result', notes: [run.batch], run });
  if (run.preview && UI.media(run.preview)) items.push({ m: UI.media(run.preview), title: 'preview', notes: ['the CPU preview'] });
  for (const [role, key, words] of run.inputs) {
    if (UI.media(key)) items.push({ m: UI.media(key), title: role, notes: [words] });
  }
  for (const one of run.history) if (UI.media(one.video)) items.push({ m: UI.media(one.video), title: `earlier, ${one.kind}`, notes: [one.batch], batch: one.batch });
  return items.slice(0, 12);
};

// The runs before and after it in the wall as it was.
UI.nearby = run => {
  const runs = UI.filtered(new URLSearchParams(UI.wallQuery)), k = runs.indexOf(run);
  const link = (other, words) => other ? UI.link(words, UI.route.href('run', other.id), { class: 'button', title: other.id }) : null;
  return k < 0 ? { before: null, after: null } : { before: link(runs[k - 1], '‹ before'), after: link(runs[k + 1], 'next ›') };
};

// Its buttons stay what they are when the rating changes: they keep the focus, and a click that leaves the note is one.
UI.ratingLine = run => {
  const stars = [1, 2, 3, 4, 5].map(n => UI.button('', () => UI.ratings.rate(run, { stars: n }), { class: 'star', 'aria-label': `${n} stars` }));
  const [accept, reject] = [true, false].map(accepted => UI.button(accepted ? 'accept' : 'reject', () => UI.ratings.rate(run, { accepted })));
  const note = UI.h('span', { class: 'dim' }), line = UI.h('div', { class: 'line rated' }, stars, accept, reject, note);
  line.drawRating = () => {
    const rating = UI.ratings.of(run) || UI.ratings.NONE;
    stars.forEach((star, i) => { star.textContent = rating.stars > i ? '★' : '☆'; });
    accept.setAttribute('aria-pressed', rating.accepted === true);
    reject.setAttribute('aria-pressed', rating.accepted === false);
    note.textContent = rating.note && rating.note !== UI.ownNote(run) ? rating.note : '';
  };
  line.drawRating();
  return line;
};

// The note as one person has it; of several people each has one, and none is taken for another's.
UI.ownNote = run => {
  const rating = UI.ratings.of(run), authors = new Set(UI.newest(run).ratings.filter(one => one.video === run.video).map(one => one.author));
  return rating && authors.size < 2 && rating.note || '';
};

// A note is saved by Enter, or when the field is left; Esc leaves it as it was.
UI.noteLine = run => {
  let was = UI.ownNote(run);
  const input = UI.h('input', { type: 'text', value: was, maxlength: 2000, placeholder: 'what you saw', 'aria-label': 'Note',
    onchange: () => { was = input.value = input.value.trim(); UI.ratings.rate(run, { note: was }); }, onkeydown: e => { if (e.key === 'Escape') input.value = was; } });
  return UI.h('label', { class: 'wide' }, UI.h('span', {}, 'Note'), input);
};

UI.table = (rows, heads) => UI.h('table', {}, heads && UI.h('thead', {}, UI.h('tr', {}, heads.map(words => words ? UI.h('th', { scope: 'col' }, words) : UI.h('td', {})))),
  UI.h('tbody', {}, rows.map(([first, ...rest]) => UI.h('tr', {}, UI.h('th', { scope: 'row' }, first), rest.map(cell => UI.h('td', {}, cell instanceof Node ? cell : UI.value(cell)))))));

UI.recipe = run => {
  const prompt = UI.prompts.get(run.prompt);
  return UI.h('div', {},
    UI.h('h2', {}, run.id), UI.h('div', { class: 'line' }, UI.state(run), run.state === 'failed' && UI.h('span', { class: 'dim' }, UI.reasonWords(run))),
    run.video && [UI.ratingLine(run), UI.noteLine(run)],
    UI.h('p', { class: 'prompt' }, run.text || prompt && prompt.text || ''),
    UI.h('p', { class: 'dim' }, UI.link(run.prompt, UI.route.href('wall', '', { prompt: run.prompt })), ` · scene ${run.scene}`,
      run.sweep && [' · sweep ', UI.link(run.sweep, UI.route.href('grid', '', { sweep: run.sweep }))], run.batch && [' · ', UI.link(run.batch, UI.route.href('batches', run.batch))]),
    run.tags.length > 0 && UI.h('p', {}, run.tags.map(tag => UI.link(`#${tag} `, UI.route.href('wall', '', { tag })))),
    run.notes && UI.h('p', { class: 'notes' }, run.notes), UI.editPart(run, false),
    run.mistakes.length > 0 && UI.h('ul', { class: 'mistakes' }, run.mistakes.map(words => UI.h('li', {}, words))),
    run.controls.length > 0 && UI.h('div', {}, UI.h('h3', {}, 'Controls'), UI.table(run.controls)),
    UI.h('h3', {}, 'Settings'), UI.table(run.recipe, ['', 'value', 'from']),
    run.facts.length > 0 && UI.h('div', {}, UI.h('h3', {}, 'Made'), UI.table(run.facts)),
    run.reproducible && UI.h('p', {}, UI.h('b', {}, 'The same next time? '), run.reproducible),
    run.warnings.length > 0 && UI.h('ul', { class: 'warnings' }, run.warnings.map(words => UI.h('li', {}, words))),
    run.ratings.length > 1 && UI.h('details', {}, UI.h('summary', {}, `${run.ratings.length} ratings`),
      UI.table(run.ratings.map(one => [one.at || '', UI.ratingWords(one), one.author || '', one.note || '']))),
    run.hashes.length > 0 && UI.h('details', {}, UI.h('summary', {}, 'sha256'), UI.table(run.hashes)),
    UI.h('h3', {}, 'On the command line'), UI.command(`cosmosctl show ${run.id}`), run.next && UI.command(run.next), UI.nextPart(run));
};

// What to try next: a run like this one, or halfway between two, as the command that makes it.
UI.nextLine = (run, set) => `cosmosctl create run --from ${run.id}${Object.entries(set).map(([key, value]) => ` --set ${UI.shell(`${key}=${value}`)}`).join('')}`;

// The run that a line makes, checked as `check` does, and a batch of it at once; what goes wrong is told and stops it.
UI.makeAndRun = line => !UI.isDoable(line) ? '' : UI.button('make it and run it', () => UI.alone(`${line} and run it`, async () => {
  const place = UI.route.place();
  const made = await UI.run(UI.words(line).slice(1)), id = made && made.code === 0 && made.out.trim().split('\n').pop();
  if (id && (await UI.run(['batch', id]) || {}).code === 0 && UI.route.place() === place) UI.route.go('batches');
}));

UI.WHOLE = ['seed', 'num_steps', 'fps', 'max_frames', 'resolution'];

UI.halfway = (one, other) => {
  const set = {};
  for (const key of UI.differing([one, other])) {
    const [a, b] = [one.set[key], other.set[key]];
    if (typeof a !== 'number' || typeof b !== 'number') continue;
    const middle = +((a + b) / 2).toPrecision(6);
    set[key] = UI.WHOLE.includes(key) ? Math.round(middle) : middle;
  }
  return Object.keys(set).length ? UI.nextLine(one, set) : '';
};

UI.nextPart = run => {
  const keys = Object.keys(run.set).filter(key => ['number', 'string'].includes(typeof run.set[key]) && !['prompt', 'scene', 'model'].includes(key) && !key.endsWith(' input'));
  if (!keys.length) return '';
  const place = UI.h('div', {}), given = {};
  const draw = () => place.replaceChildren(UI.command(UI.nextLine(run, given)), UI.makeAndRun(UI.nextLine(run, given)));
  const field = key => UI.h('label', { class: 'field' }, UI.h('span', {}, key), UI.h('input', { type: 'text', inputmode: 'decimal', placeholder: UI.value(run.set[key]), 'aria-label': key, oninput: e => {
    if (e.target.value.trim()) given[key] = e.target.value.trim(); else delete given[key];
    draw();
  } }));
  draw();
  return UI.h('details', { class: 'next' }, UI.h('summary', {}, 'The same with …'), UI.h('div', { class: 'fields' }, keys.map(field)), place);
};

// The very frame that is shown, as a picture: a page from a file may not read its own pixels, so ffmpeg does it.
UI.savePart = (run, stage) => {
  const box = UI.h('div', {}), part = stage.clock.parts[0];
  let drawn = -1;
  const draw = () => {
    if (!run.path || !part.m || part.frame === drawn) return;
    const n = drawn = part.frame, name = `${run.id}-frame${n}.png`;
    UI.refill(box, UI.h('h3', {}, `Save frame ${n}`), UI.live && part.m.original && part.m.plays ? UI.button('save it', () => UI.saveFrame(part.m, n, name)) : '',
      UI.command(`ffmpeg -i ${UI.shell(run.path)} -vf "select=eq(n\\,${n})" -frames:v 1 ${UI.shell(name)}`));
  };
  stage.clock.listeners.add(clock => { if (!clock.playing) draw(); });
  draw();
  return box;
};

// The frame of the original as PNG: a page that was served may read its own pixels.
UI.saveFrame = async (m, n, name) => {
  const video = await UI.opened([m.original]);
  if (!video) { UI.toast('').show('the original does not play in this browser: the command below saves the frame', 1); return; }
  await UI.sought(video, n, m.fps[0] / m.fps[1]);
  const canvas = UI.h('canvas', { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d').drawImage(video, 0, 0);
  UI.shut(video);
  canvas.toBlob(data => {
    const link = UI.h('a', { href: URL.createObjectURL(data), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    UI.toast('').show(`${name} is saved`, 0);
  }, 'image/png');
};

UI.logPart = run => !run.log || !run.log.length ? '' : UI.h('section', { class: 'log' }, UI.h('h2', {}, 'Log'),
  UI.h('pre', { tabindex: 0 }, run.log.join('\n')), run.logFile && UI.link('the whole log', run.logFile, { target: '_blank', rel: 'noopener' }));

UI.historyPart = (run, stage, items) => !run.history.length ? '' : UI.h('section', {}, UI.h('h2', {}, 'History'),
  UI.table(run.history.map(one => {
    const k = items.findIndex(item => item.batch === one.batch && item.m === UI.media(one.video));
    const wipe = k > 0 && stage ? UI.button('wipe against the newest', () => { stage.a = k; stage.b = 0; stage.choose('wipe'); }, { class: 'small' }) : '';
    return [one.batch, one.state, one.ended, one.detail || '', UI.h('span', {}, wipe)];
  }), ['batch', 'came of it', 'ended', '', '']));

// Whether the originals are where the links lead: a gallery that was mailed has only its look copies.
UI.originals = (items, where, signal) => {
  const linked = items.filter(item => item.m && item.m.original);
  const rows = linked.map(item => {
    const link = UI.link(item.title, item.m.original, { target: '_blank', rel: 'noopener' }), words = UI.h('span', {});
    const probe = UI.h('video', { preload: 'metadata' });
    const told = text => { words.textContent = text; UI.shut(probe); };
    probe.onerror = () => told(item.m.plays ? ' (not here: what is shown is its look copy)' : ' (no format of browsers, or not here: what is shown is its look copy)');
    probe.onloadedmetadata = () => told(item.m.plays ? '' : ' (what is shown, closely too, is its look copy)');
    probe.src = item.m.original;
    signal.addEventListener('abort', () => UI.shut(probe));
    return UI.h('span', {}, link, ` ${item.m.width}×${item.m.height}`, words, '  ');
  });
  const without = items.filter(item => item.m && !item.m.original).map(item => item.title);
  where.append(...rows.length ? [UI.h('h3', {}, 'Originals'), ...rows] : [],
    ...without.length ? [UI.h('span', {}, `${without.join(', ')}: look copies alone are here`)] : []);
};
