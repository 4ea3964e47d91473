'use strict';
// Words, notes and tags of a prompt or run, with the file itself beside them. What is written is `cosmosctl edit`, with the
// digest of the file that was looked at: what somebody wrote meanwhile is never lost.
UI.editPart = (one, isPrompt) => {
  if (!UI.live || UI.live.readOnly) return '';
  const place = UI.h('div', {}), box = UI.h('details', { class: 'edit' }, UI.h('summary', {}, isPrompt ? 'Edit its words, notes, tags' : 'Edit its notes, tags'), place);
  box.addEventListener('toggle', () => { if (box.open && !place.firstChild) UI.editForm(place, one, isPrompt, () => {
    const isHere = UI.isNear(box);
    box.open = false;
    place.replaceChildren();
    if (isHere) box.firstChild.focus();
  }); });
  return box;
};

// Whether the focus is there, or nowhere: it is taken from nobody who went on to something else.
UI.isNear = box => document.activeElement === document.body || box.contains(document.activeElement);

// The command that writes what was changed in these fields; null when nothing was.
UI.editWords = (one, fields, was) => {
  const words = [];
  for (const [option, [input, value]] of fields) {
    if (input.value === value) continue;
    const tags = option === '--tag' ? input.value.split(/[,\s]+/).filter(Boolean) : null;
    if (!tags) words.push(`${option}=${input.value}`);
    else words.push(...tags.length ? tags.map(tag => `--tag=${tag}`) : ['--no-tags']);
  }
  return words.length ? ['edit', one.id, ...words, `--was=${was.slice(0, 16)}`] : null;
};

UI.editForm = async (place, one, isPrompt, done) => {
  const file = isPrompt ? `prompts/${one.id}.yaml` : `runs/${one.id}/run.yaml`;
  const read = () => fetch(`file/${isPrompt ? 'prompt' : 'run'}/${encodeURIComponent(one.id)}`).catch(() => ({ ok: false }));
  if (!place.firstChild) place.append(UI.h('p', { class: 'dim' }, `reading ${file} …`));
  const answer = await read();
  if (!answer.ok) { place.replaceChildren(UI.h('p', {}, `${file} cannot be read`)); return; }
  const text = await answer.text(), was = answer.headers.get('x-sha256'), fields = new Map();
  const yaml = UI.h('pre', { tabindex: 0, 'aria-label': file }, text), told = UI.h('p', { class: 'mistake', role: 'alert' });
  const field = (option, words, value, rows) => {
    const input = rows ? UI.h('textarea', { rows, 'aria-label': words }) : UI.h('input', { type: 'text', 'aria-label': words });
    input.value = value;
    fields.set(option, [input, value]);
    return UI.h('label', { class: 'wide' }, UI.h('span', {}, words), input);
  };
  let isSaving = false;
  const lock = is => { isSaving = is; for (const [input] of fields.values()) input.readOnly = is; };
  const save = async () => {
    const words = UI.editWords(one, fields, was);
    if (isSaving) return;
    if (!words) { done(); return; }
    lock(true);
    const ran = await UI.run(words);
    if (ran && ran.code === 0) { done(); return; }
    lock(false);
    told.textContent = ran ? ran.err.trim() : 'nothing was written';
    const now = await read();
    if (now.ok) { const fresh = await now.text(); if (fresh !== text) { yaml.textContent = fresh; again.hidden = false; } }
  };
  const again = UI.button('take the file as it is now', () => { again.hidden = true; UI.editForm(place, one, isPrompt, done); }, { hidden: true });
  const form = UI.h('form', { class: 'editing', onsubmit: e => { e.preventDefault(); save(); } },
    isPrompt && field('--text', 'Words', one.text, Math.min(16, Math.max(5, Math.ceil(one.text.length / 36)))), isPrompt && field('--negative-prompt', 'Not', one.negative, 2),
    field('--notes', 'Notes', one.notes, 2), field('--tag', 'Tags', (isPrompt ? one.tags : one.ownTags).join(' ')), told,
    UI.h('div', { class: 'line' }, UI.h('button', { type: 'submit' }, 'save'), UI.button('leave it', done), again));
  form.addEventListener('keydown', e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) save(); });
  const isHere = UI.isNear(place.parentNode);
  place.replaceChildren(UI.h('div', { class: 'beside' }, form, UI.h('div', {}, UI.h('span', { class: 'dim' }, file), yaml)));
  if (isHere) fields.values().next().value[0].focus();
};

// Whether somebody has typed something that is not saved: the page is not drawn anew over it.
UI.isEditing = () => document.querySelector('details.edit[open], details.next[open]') !== null;
