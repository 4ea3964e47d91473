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
UI.picture = run => run ? UI.media(run.video) : null;

// A run as the newest facts have it: a view may hold older ones. Not with another video than the one that is shown.
UI.newest = run => {
  const now = UI.byId.get(run.id);
  return now && now.video === run.video ? now : run;
};

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
  of: run => run.video ? UI.ratings.own[run.video] || UI.newest(run).rating || null : null,
  rate(run, change) {
    if (!run.video) { UI.say('there is no video to rate'); return; }
    if (UI.live && UI.live.readOnly) { UI.say('this page changes nothing'); return; }
    const now = UI.ratings.of(run) || UI.ratings.NONE;
    if (!UI.live) UI.ratings.own = UI.store.get('ratings', UI.ratings.own);  // another tab may have added to them
    const said = UI.ratings.own[run.video] = { ...now, ...change, run: run.id };
    if (UI.live) UI.ratings.write(run, said, change);
    else UI.store.set('ratings', UI.ratings.own);
    UI.say(`${run.id}: ${UI.ratingWords(UI.ratings.own[run.video]) || 'no rating'}`);
    document.dispatchEvent(new CustomEvent('rated', { detail: run.id }));
  },
  // What is said is shown at once, and until facts come that were asked for after it was written: not if it could not be.
  async write(run, said, change) {
    const done = await UI.run(['rate', ...UI.words(UI.ratings.options(change)), run.id]);
    said.isWritten = !!done && done.code === 0;
    if (said.isWritten || UI.ratings.own[run.video] !== said) return;
    delete UI.ratings.own[run.video];
    document.dispatchEvent(new CustomEvent('rated', { detail: run.id }));
  },
  written: () => Object.values(UI.ratings.own).filter(one => one.isWritten),
  forget(written) {
    for (const [video, one] of Object.entries(UI.ratings.own)) if (written.includes(one)) delete UI.ratings.own[video];
  },
  NONE: { stars: null, accepted: null, note: '' },
  clear: run => UI.ratings.rate(run, UI.ratings.NONE),
  // The commands that write what was chosen here into the project's files.
  lines() {
    const same = new Map();
    for (const [video, one] of Object.entries(UI.ratings.own)) {
      const run = UI.byId.get(one.run);
      if (!run || run.video !== video) continue;
      const was = run.rating || UI.ratings.NONE, keys = Object.keys(UI.ratings.NONE), blank = (of, key) => of[key] ?? UI.ratings.NONE[key];
      const other = keys.filter(key => blank(one, key) !== blank(was, key)), isClear = keys.every(key => blank(one, key) === UI.ratings.NONE[key]);
      const options = !other.length ? '' : UI.ratings.options(isClear ? UI.ratings.NONE : Object.fromEntries(other.map(key => [key, one[key]])));
      if (options) same.set(options, [...(same.get(options) || []), run.id]);
    }
    return [...same].map(([options, ids]) => `cosmosctl rate ${options} ${ids.sort().join(' ')}`).sort();
  },
  // Of what is said anew: the rest stays as its author had it, whatever others say of the same video.
  options(said) {
    if (said === UI.ratings.NONE) return '--clear';
    const words = [];
    if (said.stars !== undefined) words.push(`--stars ${said.stars || 0}`);
    if (said.accepted === true) words.push('--accept');
    if (said.accepted === false) words.push('--reject');
    if (said.note !== undefined) words.push(`--note ${UI.shell(said.note)}`);
    return words.join(' ');
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
