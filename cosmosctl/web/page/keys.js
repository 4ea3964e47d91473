'use strict';
// One listener for all keys. Nothing is a shortcut while somebody types or holds Ctrl, Alt or Meta; all can be off.
UI.keys = {
  view: {}, isOff: UI.store.get('keys-off', false),
  LIST: [
    ['Everywhere', [['?', 'this list'], ['/', 'search'], ['Esc', 'back'], ['Enter', 'open'], ['0 – 5', 'stars of the active picture'],
      ['P  X  U', 'accept, reject, clear the rating']]],
    ['Playing', [['Space', 'play, pause'], ['J  K  L', 'back, stop, on; again: faster'], [',  .', 'a frame back, on; with Shift ten'],
      ['Home  End', 'first, last frame'], ['I  O', 'begin and end of a range'], ['\\', 'loop the range']]],
    ['Comparing', [['G', 'side by side'], ['W', 'wipe; arrows move it'], ['N', 'onion skin'], ['D', 'difference; again: stronger'],
      ['T', 'one in place of the other'], ['S', 'swap the two'], ['Tab', 'next picture'], ['Shift 1 – 9', 'this picture alone'],
      ['-  +', 'shift the active picture by a frame'], ['Z  F', 'one to one, fit']]],
    ['Wall', [['arrows', 'from card to card'], ['A', 'mark a card'], ['C', 'compare the marked'], ['G', 'grid of what is shown']]],
  ],
  name(e) {
    const digit = /^Digit([0-9])$/.exec(e.code || '');
    if (e.shiftKey && digit) return `Shift+${digit[1]}`;
    if (e.shiftKey && e.code === 'Comma') return 'Shift+,';
    if (e.shiftKey && e.code === 'Period') return 'Shift+.';
    if (e.key.length === 1) return e.shiftKey && /[a-z]/i.test(e.key) ? `Shift+${e.key.toLowerCase()}` : e.key.toLowerCase();
    return e.shiftKey ? `Shift+${e.key}` : e.key;
  },
  // Whether the key belongs to what has the focus.
  isTheirs(e, name) {
    const t = e.target;
    if (t.isContentEditable || /^(TEXTAREA|SELECT)$/.test(t.tagName)) return true;
    if (t.tagName === 'INPUT' && !/^(range|checkbox|radio)$/.test(t.type)) return name !== 'Escape';
    if (t.tagName === 'INPUT' && t.type === 'range') return /Arrow|Home|End|Page/.test(name);
    if (t.tagName === 'INPUT') return name === ' ';
    if (/^(BUTTON|SUMMARY)$/.test(t.tagName)) return name === ' ' || name === 'Enter';
    return t.tagName === 'A' && name === 'Enter' && t.hasAttribute('href');
  },
  press(e) {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || document.querySelector('dialog[open]')) return;
    const name = UI.keys.name(e);
    if (UI.keys.isTheirs(e, name) || (UI.keys.isOff && name !== '?')) return;
    const act = UI.keys.view[name] || UI.keys.common[name];
    if (act && act(e) !== false) e.preventDefault();
  },
  common: {
    '?': () => UI.keys.help(),
    '/': () => {
      const box = document.querySelector('#search');
      if (box) box.focus(); else UI.route.go('wall', '', UI.wallQuery);
    },
    Escape: e => {
      if (e.target.tagName === 'INPUT') e.target.blur();
      else if (UI.route.here().view !== 'wall') UI.route.go('wall', '', UI.wallQuery);
    },
  },
  help() {
    const box = document.getElementById('help');
    const off = UI.h('input', { type: 'checkbox', checked: UI.keys.isOff, onchange: () => {
      UI.keys.isOff = off.checked;
      UI.store.set('keys-off', off.checked);
    } });
    box.replaceChildren(
      UI.h('h2', { id: 'help-title' }, 'Keys'),
      UI.h('div', { class: 'keylist' }, UI.keys.LIST.map(([title, rows]) => UI.h('section', {}, UI.h('h3', {}, title),
        UI.h('dl', {}, rows.map(([key, words]) => [UI.h('dt', {}, UI.h('kbd', {}, key)), UI.h('dd', {}, words)]))))),
      UI.h('label', { class: 'check' }, off, 'no shortcuts but ?'),
      UI.button('Close', () => box.close(), { autofocus: true }));
    box.showModal();
  },
};
document.addEventListener('keydown', UI.keys.press);
