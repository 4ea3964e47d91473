'use strict';
// Which view is shown: by the hash. Nothing else of the page is state; `keep` of a view notes there where it is by now.
UI.PLACES = [['wall', 'Runs'], ['grid', 'Grid'], ['choose', 'Choose'], ['batches', 'Batches'], ['prompts', 'Prompts']];
UI.current = null;

// `kept`: what `keep` of the same view returned that is drawn anew; else it begins at its top.
UI.go = kept => {
  const { view, arg, q } = UI.route.here();
  const name = view in UI.views ? view : 'wall', root = document.getElementById('main');
  if (UI.current && UI.current.close) UI.current.close();
  delete document.body.dataset.ready;
  UI.isBehind = false;
  root.replaceChildren();
  root.scrollTop = 0;
  root.className = name;
  document.body.dataset.view = name;
  UI.current = UI.views[name](root, arg, q, kept);
  UI.keys.view = UI.current.keys;
  document.title = `${UI.current.title} · ${UI.data.title || 'cosmosctl'}`;
  UI.top(name);
};

UI.top = name => document.getElementById('top').replaceChildren(
  UI.h('h1', {}, UI.data.title || 'cosmosctl'),
  UI.h('nav', { 'aria-label': 'Places' }, UI.PLACES.map(([place, words]) => UI.link(words, place === 'wall' ? UI.route.href('wall', '', UI.wallQuery) : `#${place}`, { 'aria-current': place === name ? 'page' : undefined }))),
  UI.h('span', { class: 'dim place' }, ['run', 'compare'].includes(name) ? UI.current.title : ''), UI.h('span', { class: 'spacer' }), UI.makingOf(''),
  UI.button('?', () => UI.keys.help(), { 'aria-label': 'Keys', 'aria-keyshortcuts': '?' }));

window.addEventListener('hashchange', () => UI.go());
document.querySelector('.skip').addEventListener('click', e => { e.preventDefault(); document.getElementById('main').focus(); });
UI.go();
UI.readAhead();
UI.liveStart();
