'use strict';
// Batches and the report of one: what was planned, when what ran on which GPU, what failed.
UI.views.batches = (root, arg) => {
  const one = UI.data.batches.find(batch => batch.id === arg);
  root.append(one ? UI.batchReport(one) : UI.batchList());
  document.body.dataset.ready = 'batches';
  const timer = UI.live ? setInterval(UI.drawAges, 1000) : 0;
  UI.drawAges();
  return { title: one ? one.id : 'Batches', keys: {}, close: () => clearInterval(timer) };
};

UI.batchList = () => UI.h('div', { class: 'page' }, UI.nowPart(), UI.h('h2', {}, 'Batches'), UI.data.batches.length ? UI.table([...UI.data.batches].reverse().map(batch => [
  UI.link(batch.id, UI.route.href('batches', batch.id)), batch.state, batch.host || '', batch.model || '', UI.plural(batch.rows.length, 'run'), UI.counts(batch), UI.seconds(batch.wall_s), batch.created || '']),
['batch', 'state', 'host', 'model', 'runs', 'came of it', 'took', 'made']) : UI.h('p', { class: 'empty' }, 'There is no batch.'), UI.hostsPart());

UI.counts = batch => {
  const counts = new Map();
  for (const row of batch.rows) counts.set(row.state, (counts.get(row.state) || 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
};

UI.batchReport = batch => {
  const failed = batch.rows.filter(row => !['done', 'running', 'queued', 'unknown'].includes(row.state));
  const runs = batch.rows.map(row => row.run).filter(id => UI.byId.has(id));
  const facts = [['state', batch.state], ['host', batch.host], ['model', batch.model], ['made', batch.created], ['ended', batch.ended],
    ['took', UI.seconds(batch.wall_s)], ['model starts', batch.loads.length ? `${batch.loads.length}: ${batch.loads.map(UI.seconds).join(', ')}` : ''],
    ['busy', batch.busy === null ? '' : `${Math.round(batch.busy * 100)} % of the GPU time went into generating`]].filter(([, value]) => value);
  return UI.h('div', { class: 'page' }, UI.h('h2', {}, batch.id),
    UI.h('div', { class: 'line' }, UI.link('its runs', UI.route.href('wall', '', { r: runs.join(',') })), runs.length > 1 && UI.link('compare', UI.route.href('compare', runs.slice(0, 9).join(','))), UI.link('all batches', '#batches')),
    batch.now && UI.nowOf(batch), failed.length > 0 && batch.state !== 'unfinished' && UI.live && UI.command(`cosmosctl retry ${batch.id}`),
    batch.now && UI.liveLog(batch), UI.table(facts), batch.notes.map(words => UI.h('p', {}, words)),
    UI.gantt(batch),
    failed.length > 0 && UI.h('section', {}, UI.h('h3', {}, 'Without a result'), failed.map(row => UI.h('div', { class: 'failed' },
      UI.h('b', {}, UI.runLink(row.run)), ` ${row.reason || row.state}`, UI.h('p', {}, row.detail || UI.data.reasons[row.reason] || ''),
      UI.byId.has(row.run) && UI.byId.get(row.run).log ? UI.h('pre', { tabindex: 0 }, UI.byId.get(row.run).log.join('\n')) : ''))),
    UI.h('section', {}, UI.h('h3', {}, 'Runs'), UI.table(batch.rows.map(row => [UI.runLink(row.run), row.state, row.group || '', row.gpu === null ? '' : `GPU ${row.gpu}`,
      row.begin === null ? '' : UI.seconds(row.begin), row.end === null || row.begin === null ? '' : UI.seconds(row.end - row.begin)]), ['run', 'came of it', 'group', '', 'began after', 'took'])),
    batch.log && batch.log.length > 0 && UI.h('section', { class: 'log' }, UI.h('h3', {}, 'Log'), UI.h('pre', { tabindex: 0 }, batch.log.join('\n')), batch.logFile && UI.link('the whole log', batch.logFile, { target: '_blank', rel: 'noopener' })));
};

UI.runLink = id => UI.byId.has(id) ? UI.link(id, UI.route.href('run', id)) : UI.h('span', {}, id);

// Rows on GPUs over time: loads hatched, rows filled, what failed crossed out. The table below says the same.
UI.gantt = batch => {
  const end = Math.max(batch.wall_s || 0, ...batch.rows.map(row => row.end || 0), ...batch.processes.map(one => one.end || 0));
  if (!end) return '';
  const lanes = [...new Set([...batch.processes.map(one => one.gpu), ...batch.rows.filter(row => row.begin !== null).map(row => row.gpu)])].sort((a, b) => (a ?? -1) - (b ?? -1));
  const place = (el, from, to) => { el.style.left = `${from / end * 100}%`; el.style.width = `${Math.max(0.15, (to - from) / end * 100)}%`; return el; };
  const lane = gpu => UI.h('div', { class: 'lane' }, UI.h('span', { class: 'name' }, gpu === null ? 'host' : `GPU ${gpu}`), UI.h('div', { class: 'track' },
    batch.processes.filter(one => one.gpu === gpu).map(one => place(UI.h('i', { class: 'load', title: `loading: ${UI.seconds(one.loaded - one.begin)}` }), one.begin, one.loaded)),
    batch.rows.filter(row => row.gpu === gpu && row.begin !== null).map(row => place(UI.h('a', { class: `row ${row.state === 'done' ? '' : 'bad'}`, href: UI.byId.has(row.run) ? UI.route.href('run', row.run) : undefined,
      title: `${row.run}: ${row.state}, ${UI.seconds((row.end ?? end) - row.begin)}` }, row.run), row.begin, row.end ?? end))));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(part => { const tick = UI.h('span', {}, UI.seconds(part * end) || '0'); tick.style.left = `${part * 100}%`; return tick; });
  return UI.h('section', { class: 'gantt' }, UI.h('h3', {}, 'Rows on GPUs'), lanes.map(lane), UI.h('div', { class: 'lane' }, UI.h('span', { class: 'name' }), UI.h('div', { class: 'ticks' }, ticks)));
};
