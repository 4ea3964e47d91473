'use strict';
// Elements, words and numbers. Every text goes in as text: nothing of a project is ever read as HTML.
window.UI = { views: {} };

UI.h = (tag, props, ...kids) => {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') el.className = value;
    else if (name === 'data') Object.assign(el.dataset, value);
    else if (name === 'style') for (const [key, one] of Object.entries(value)) el.style.setProperty(key, one);
    else if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? '' : value);
  }
  el.append(...kids.flat(3).filter(kid => kid !== null && kid !== undefined && kid !== false && kid !== ''));
  return el;
};

UI.button = (words, act, props) => UI.h('button', { type: 'button', onclick: act, ...props }, words);

UI.link = (words, href, props) => UI.h('a', { href, ...props }, words);

// What tells an element from others of its kind, also once it is drawn anew: where it leads, else its name, else its words.
UI.sign = el => el.getAttribute('href') || el.getAttribute('aria-label') || (el.labels && el.labels.length ? el.labels[0].title : el.textContent);

// What finds the element of the box that has the focus again, once the box is filled anew.
UI.focused = box => {
  const el = document.activeElement;
  if (!box || !box.contains(el) || el === box) return () => null;
  const mine = UI.sign(el), alike = () => [...box.querySelectorAll(el.tagName)].filter(one => UI.sign(one) === mine), k = alike().indexOf(el);
  return () => alike()[k];
};

UI.refill = (box, ...kids) => {
  const focused = UI.focused(box);
  box.replaceChildren(...kids);
  const again = focused();
  if (again) again.focus({ preventScroll: true });
};

// A select of [value, words] pairs.
UI.select = (label, pairs, value, act) => {
  const box = UI.h('select', { 'aria-label': label, onchange: () => act(box.value) },
    pairs.map(([one, words]) => UI.h('option', { value: one, selected: one === value }, words)));
  return UI.h('label', { class: 'pick' }, UI.h('span', {}, label), box);
};

// A command to copy: what the page cannot do itself is typed.
UI.command = line => {
  const code = UI.h('code', {}, line);
  const act = UI.isDoable && UI.isDoable(line) ? UI.button('do it', () => UI.alone(line, () => UI.run(UI.words(line).slice(1))), { class: 'small' }) : '';
  return UI.h('div', { class: 'command' }, code, act, UI.button('copy', e => UI.copy(line, e.currentTarget), { class: 'small' }));
};

UI.copy = async (text, button) => {
  let done = false;
  try { await navigator.clipboard.writeText(text); done = true; } catch { done = UI.copyOld(text); }
  button.words = button.words || button.textContent;
  button.textContent = done ? 'copied' : 'select it and copy';
  setTimeout(() => { button.textContent = button.words; }, 1500);
};

UI.copyOld = text => {
  const box = UI.h('textarea', { class: 'unseen' }), was = document.activeElement;
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  was.focus();
  return done;
};

UI.say = words => { document.getElementById('said').textContent = words; };

// A count with its thousands apart. toLocaleString would first load all that it knows of languages.
UI.count = n => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

UI.plural = (count, one, many) => `${UI.count(count)} ${count === 1 ? one : many || one + 's'}`;

UI.seconds = s => {
  if (s === null || s === undefined) return '';
  if (s < 90) return `${s < 10 ? Math.round(s * 10) / 10 : Math.round(s)} s`;
  const minutes = Math.round(s / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
};

UI.value = v => v === null || v === undefined ? '–' : typeof v === 'number' && !Number.isInteger(v) ? String(+v.toPrecision(10)) : String(v);

UI.cut = (text, most) => text.length <= most ? text : text.slice(0, most - 1).trimEnd() + '…';

// Numbers by size, words by their letters.
UI.letters = new Intl.Collator('en', { numeric: true });
UI.inOrder = (a, b) => a !== '' && b !== '' && !isNaN(a) && !isNaN(b) ? a - b : UI.letters.compare(a, b);

// A word as a shell takes it.
UI.shell = word => /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

UI.MARKS = {
  done: '●', running: '▶', queued: '…', pending: '○', changed: '△', failed: '✕', cancelled: '–', absent: '⌀',
  damaged: '!', invalid: '!',
};

// A state is a word and a sign: no colour says it alone.
UI.state = run => UI.h('span', { class: `state ${run.state}` }, `${UI.MARKS[run.state] || ''} ${UI.stateWords(run)}${run.state === 'running' && run.share ? ` ${Math.round(run.share * 100)} %` : ''}`);

UI.stateWords = run => run.state === 'failed' && run.reason ? run.reason : run.state;

// In place of a picture whose look copy is to be made; without a key how many there are.
UI.makingOf = key => UI.h('span', { class: 'making', data: { key: key || '' } }, UI.makingWords(key));

UI.makingWords = key => !key ? UI.making ? UI.making.words : ''
  : UI.making && UI.making.key === key ? `making its look copy … ${UI.making.percent} %` : 'its look copy is to be made';

UI.drawMaking = () => { for (const el of document.querySelectorAll('.making')) el.textContent = UI.makingWords(el.dataset.key); };

UI.stars = rating => rating && rating.stars !== null && rating.stars !== undefined
  ? '★'.repeat(rating.stars) + '☆'.repeat(5 - rating.stars) : '';

UI.verdict = rating => !rating || rating.accepted === null || rating.accepted === undefined ? ''
  : rating.accepted ? '✓ accepted' : '✕ rejected';

UI.ratingWords = rating => [UI.stars(rating), UI.verdict(rating)].filter(Boolean).join(' ');
