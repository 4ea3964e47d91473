'use strict';
// Two to nine runs in step; what stands below each is only what tells it from the others.
UI.views.compare = (root, arg, q, kept) => {
  const runs = arg.split(',').map(id => UI.byId.get(id)).filter(Boolean).slice(0, 9);
  if (!runs.length) {
    root.append(UI.h('p', { class: 'empty' }, 'Mark runs on the wall (A), then compare them (C).'));
    document.body.dataset.ready = 'compare';
    return { title: 'Compare', keys: {} };
  }
  const notes = UI.captions(runs);
  const items = runs.map((run, i) => ({ m: UI.picture(run), title: run.id, href: UI.route.href('run', run.id), notes: notes[i], run,
    missing: `${UI.stateWords(run)}: ${UI.reasonWords(run)}` }));
  const stage = UI.stage(items, { q, kept });
  const same = UI.h('details', { class: 'same' }, UI.h('summary', {}, 'what is the same'),
    UI.table(Object.entries(runs[0].set).filter(([key]) => !UI.differing(runs).includes(key))));
  const between = runs.length === 2 ? UI.halfway(...runs) : '';
  root.append(UI.h('div', { class: 'compare' }, stage.el, UI.h('div', {}, between && UI.h('details', { class: 'same' }, UI.h('summary', {}, 'between these two'), UI.command(between), UI.makeAndRun(between)), runs.length > 1 ? same : '')));
  return { title: `${UI.plural(runs.length, 'run')}`, keys: stage.keys, isPlaying: () => stage.clock.playing, keep: stage.keep, close: stage.close };
};
