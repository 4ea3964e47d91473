'use strict';
// Where the page is stands in the hash: #view/argument?name=value. Back, reload and a mailed link lead there again.
UI.route = {
  parse(hash) {
    const [path, query] = (hash || '').replace(/^#/, '').split('?');
    const [view, ...rest] = path.split('/');
    return { view: view || 'wall', arg: UI.route.decoded(rest.join('/')), q: new URLSearchParams(query || '') };
  },
  decoded(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  },
  here: () => UI.route.parse(location.hash),
  // The view alone, without what is noted about it.
  place: () => location.hash.split('?')[0],
  href(view, arg, q) {
    const query = new URLSearchParams(q || '').toString();
    return `#${view}${arg ? '/' + encodeURIComponent(arg).replaceAll('%2C', ',') : ''}${query ? '?' + query : ''}`;
  },
  go(view, arg, q) { location.hash = UI.route.href(view, arg, q); },
  // Note something about this very view: no new entry of history, nothing is drawn anew.
  note(facts) {
    const { view, arg, q } = UI.route.here();
    for (const [name, value] of Object.entries(facts)) {
      if (value === null || value === undefined || value === '') q.delete(name); else q.set(name, value);
    }
    history.replaceState(null, '', UI.route.href(view, arg, q));
  },
};
