'use strict';
// Which runs are shown, in which order, in which groups: an array is filtered, the page draws what is seen of it.
UI.wallQuery = '';

UI.WORDS = run => run.words || (run.words = [run.id, UI.promptWords(run, 4000), run.scene, run.notes, run.model, run.host, run.batch, run.reason, run.detail,
  ...run.tags, ...Object.entries(run.set).map(([key, value]) => `${key}=${UI.value(value)}`)].join('\n').toLowerCase());

// The first search does not wait for the words of all runs.
UI.readAhead = () => {
  const { runs } = UI.data;
  (window.requestIdleCallback || setTimeout)(() => runs.forEach(UI.WORDS));
};

UI.FACETS = [
  ['state', run => [UI.stateWords(run)]],
  ['rating', run => UI.ratingFacets(run)],
  ['model', run => [run.model]],
  ['scene', run => [run.scene]],
  ['prompt', run => [run.prompt]],
  ['batch', run => run.batch ? [run.batch] : []],
  ['sweep', run => run.sweep ? [run.sweep] : []],
  ['host', run => run.host ? [run.host] : []],
  ['tag', run => run.tags],
];

UI.ratingFacets = run => {
  const rating = UI.ratings.of(run), found = [];
  if (!rating || (rating.stars ?? null) === null) found.push('without stars');
  else for (let stars = 1; stars <= rating.stars; stars++) found.push(`${stars}+`);
  if (rating && rating.accepted === true) found.push('accepted');
  if (rating && rating.accepted === false) found.push('rejected');
  return found;
};

// Settings, weights and controls in which the runs differ are facets too.
UI.facets = () => UI.once('facets', () => {
  const skipped = new Set(['prompt', 'scene', 'model']);
  const settings = UI.differing(UI.data.runs).filter(key => !skipped.has(key))
    .map(key => [`set.${key}`, run => [UI.value(run.set[key])]]);
  return [...UI.FACETS, ...settings];
});

UI.filtered = q => {
  const words = (q.get('q') || '').toLowerCase().split(/\s+/).filter(Boolean);
  const ids = q.get('r') ? new Set(q.get('r').split(',')) : null;
  const wanted = UI.facets().map(([name, of]) => [of, new Set(q.getAll(name))]).filter(([, values]) => values.size);
  const found = UI.data.runs.filter(run => (!ids || ids.has(run.id)) && words.every(word => UI.WORDS(run).includes(word))
    && wanted.every(([of, values]) => of(run).some(value => values.has(String(value)))));
  return UI.sorted(found, q.get('sort') || 'newest');
};

UI.SORTS = [['newest', 'newest first'], ['id', 'by id'], ['rating', 'best first'], ['state', 'by state']];

UI.sorted = (runs, by) => {
  const text = (a, b) => a < b ? -1 : a > b ? 1 : 0, byId = (a, b) => text(a.id, b.id);
  const score = run => {
    const rating = UI.ratings.of(run);
    return rating ? (rating.stars ?? 0) + (rating.accepted === true ? 10 : rating.accepted === false ? -10 : 0) : 0;
  };
  const value = run => run.set[by.slice(4)];
  const order = {
    newest: (a, b) => text(b.ended, a.ended) || byId(a, b), id: byId,
    rating: (a, b) => score(b) - score(a) || byId(a, b), state: (a, b) => text(a.state, b.state) || byId(a, b),
  }[by] || ((a, b) => typeof value(a) === 'number' && typeof value(b) === 'number' ? value(a) - value(b) : text(UI.value(value(a)), UI.value(value(b))) || byId(a, b));
  return [...runs].sort(order);
};

UI.GROUPS = [['', 'no groups'], ['prompt', 'by prompt'], ['scene', 'by scene'], ['batch', 'by batch'], ['sweep', 'by sweep'], ['model', 'by model'], ['state', 'by state']];

UI.grouped = (runs, by) => {
  if (!by) return [['', runs]];
  const groups = new Map();
  for (const run of runs) {
    const name = by === 'state' ? UI.stateWords(run) : run[by] || '';
    if (groups.has(name)) groups.get(name).push(run); else groups.set(name, [run]);
  }
  return [...groups];
};

UI.groupTitle = (by, name, runs) => by === 'prompt' ? UI.promptWords(runs[0], 90) || name : name || `no ${by}`;

UI.filterPane = (q, change) => {
  const facets = UI.facets().map(([name, of]) => {
    const counts = new Map();
    for (const run of UI.data.runs) for (const value of of(run)) counts.set(String(value), (counts.get(String(value)) || 0) + 1);
    const chosen = new Set(q.getAll(name));
    if (counts.size < 2 && !chosen.size && name !== 'rating') return null;
    const values = [...counts].sort(([a], [b]) => UI.inOrder(a, b)).slice(0, 60);
    const box = UI.h('details', { open: chosen.size > 0 || ['state', 'rating'].includes(name) }, UI.h('summary', {}, name.replace(/^set\./, '')),
      values.map(([value, count]) => {
        const tick = UI.h('input', { type: 'checkbox', checked: chosen.has(value), onchange: () => {
          const others = q.getAll(name).filter(one => one !== value);
          q.delete(name);
          for (const one of tick.checked ? [...others, value] : others) q.append(name, one);
          change();
        } });
        const words = name === 'prompt' ? UI.promptWords({ prompt: value }, 34) : value;
        return UI.h('label', { class: 'check', title: value }, tick, UI.h('span', {}, words), UI.h('i', {}, count));
      }));
    return box;
  });
  return UI.h('div', { class: 'facets' }, facets);
};
