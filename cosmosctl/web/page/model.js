'use strict';
// What data.js says, by id; ratings of this browser on top of those of the project's files.
UI.data = Object.assign({ project: '', runs: [], media: {}, prompts: [], batches: [], reasons: {} }, window.COSMOS);

// What is computed of all runs, once as long as the facts are these.
UI.once = (name, make) => UI.kept.has(name) ? UI.kept.get(name) : UI.kept.set(name, make()).get(name);

UI.index = () => {
  UI.kept = new Map();
  UI.byId = new Map(UI.data.runs.map(run => [run.id, run]));
  UI.prompts = new Map(UI.data.prompts.map(prompt => [prompt.id, prompt]));
};
UI.index();

UI.media = key => key ? UI.data.media[key] || null : null;

// The video that stands for a run: its result, else its preview; null where there is none.
UI.picture = run => UI.media(run.video);

UI.store = {
  key: name => `cosmosctl:${UI.data.project}:${name}`,
  get(name, otherwise) {
    try { return JSON.parse(localStorage.getItem(UI.store.key(name))) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(UI.store.key(name), JSON.stringify(value)); return true; } catch { return false; }
  },
};

// A rating is of a video, by its sha256: another result of the run starts without one.
UI.ratings = {
  own: window.COSMOS && window.COSMOS.live ? {} : UI.store.get('ratings', {}),
  of: run => run.video ? UI.ratings.own[run.video] || run.rating || null : null,
  rate(run, change) {
    if (!run.video) { UI.say('there is no video to rate'); return; }
    const now = UI.ratings.of(run) || { stars: null, accepted: null, note: '' };
    UI.ratings.own[run.video] = { ...now, ...change, run: run.id };
    if (UI.live && !UI.live.readOnly) UI.run(['rate', ...UI.words(UI.ratings.options(UI.ratings.own[run.video], now)), run.id]);
    else UI.store.set('ratings', UI.ratings.own);
    UI.say(`${run.id}: ${UI.ratingWords(UI.ratings.own[run.video]) || 'no rating'}`);
    document.dispatchEvent(new CustomEvent('rated', { detail: run.id }));
  },
  clear: run => UI.ratings.rate(run, { stars: null, accepted: null, note: '' }),
  // The commands that write what was chosen here into the project's files.
  lines() {
    const same = new Map();
    for (const [video, one] of Object.entries(UI.ratings.own)) {
      const run = UI.byId.get(one.run);
      if (!run || run.video !== video) continue;
      const was = run.rating || { stars: null, accepted: null, note: '' };
      if (['stars', 'accepted', 'note'].every(key => (was[key] ?? null) === (one[key] ?? null) || (!was[key] && one[key] === ''))) continue;
      const options = UI.ratings.options(one, was);
      same.set(options, [...(same.get(options) || []), run.id]);
    }
    return [...same].map(([options, ids]) => `cosmosctl rate ${options} ${ids.sort().join(' ')}`).sort();
  },
  options(one, was) {
    const words = [], has = (one.stars ?? null) !== null;
    if (has) words.push(`--stars ${one.stars}`);
    else if ((was.stars ?? null) !== null && ((one.accepted ?? null) !== null || one.note)) words.push('--stars 0');
    if (one.accepted === true) words.push('--accept');
    if (one.accepted === false) words.push('--reject');
    if (one.note) words.push(`--note ${UI.shell(one.note)}`);
    return words.join(' ') || '--clear';
  },
};

// The settings in which these runs differ, in the order in which they first appear.
UI.differing = runs => {
  const keys = new Set(), isOther = (a, b) => a !== b && UI.value(a) !== UI.value(b);
  for (const run of runs) for (const key in run.set) keys.add(key);
  return [...keys].filter(key => runs.some(run => isOther(run.set[key], runs[0].set[key])));
};

UI.captions = (runs, keys = UI.differing(runs)) => {
  const shown = keys.filter(key => !(key === 'scene' && keys.includes('prompt')));
  const words = (run, key) => key === 'prompt' ? UI.promptWords(run, 28)
    : key.endsWith(' input') && run.set[key] === undefined ? '' : `${key} ${UI.value(run.set[key])}`;
  return runs.map(run => shown.map(key => words(run, key)).filter(Boolean));
};

UI.promptWords = (run, most = 80) => {
  const prompt = UI.prompts.get(run.prompt);
  return UI.cut((prompt && prompt.text || run.prompt || '').replace(/\s+/g, ' ').trim(), most);
};
