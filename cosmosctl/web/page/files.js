'use strict';
// Prompts and their scenes: what each says, its videos, which runs use it.
UI.views.prompts = (root, arg, q) => {
  const list = UI.h('div', { class: 'prompts' });
  const search = UI.h('input', { type: 'search', id: 'search', placeholder: 'search in prompts', 'aria-label': 'Search in prompts', value: q.get('q') || '', oninput: () => { UI.route.note({ q: search.value }); draw(); } });
  const cards = UI.data.prompts.map(prompt => [prompt, UI.promptCard(prompt)]), none = UI.h('p', { class: 'empty' }, 'No prompt is like that.');
  // No card is made anew, and one in which somebody writes is but hidden.
  const draw = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const isFound = prompt => words.every(word => [prompt.id, prompt.text, prompt.negative, prompt.scene, prompt.notes, ...prompt.tags].join('\n').toLowerCase().includes(word));
    UI.unhover();
    for (const [prompt, card] of cards) card.hidden = !isFound(prompt);
    const shown = cards.map(([, card]) => card).filter(card => !card.hidden);
    list.replaceChildren(...cards.map(([, card]) => card).filter(card => !card.hidden || card.querySelector('details.edit[open]')), ...shown.length ? [] : [none]);
  };
  root.append(UI.h('div', { class: 'page' }, UI.h('div', { class: 'line' }, UI.h('h2', {}, 'Prompts and scenes'), search), list));
  UI.hoverScenes(list);
  draw();
  document.body.dataset.ready = 'prompts';
  return { title: 'Prompts', keys: {}, close: UI.unhover };
};

UI.promptCard = prompt => {
  const runs = UI.data.runs.filter(run => run.prompt === prompt.id), best = runs.filter(run => run.video).slice(0, 9).map(run => run.id);
  return UI.h('article', { class: 'prompt-card' },
    UI.h('div', { class: 'videos' }, prompt.videos.map(([role, key]) => {
      const m = UI.media(key);
      return UI.h('button', { type: 'button', class: 'scene', data: { key }, 'aria-label': `play ${role}` }, m && m.still ? UI.h('img', { src: m.still, width: 480, height: Math.round(480 * m.height / m.width), loading: 'lazy', alt: '' }) : UI.h('span', { class: 'nothing' }, m && m.waits ? UI.makingOf(m.waits) : 'not here'), UI.h('span', { class: 'badge' }, role));
    })),
    UI.h('div', {}, UI.h('h3', {}, prompt.id, UI.h('span', { class: 'dim' }, ` scene ${prompt.scene}`)), UI.h('p', { class: 'prompt' }, prompt.text),
      prompt.negative && UI.h('p', { class: 'dim' }, `not: ${prompt.negative}`), prompt.notes && UI.h('p', { class: 'notes' }, prompt.notes),
      prompt.mistakes.length > 0 && UI.h('ul', { class: 'mistakes' }, prompt.mistakes.map(words => UI.h('li', {}, words))),
      UI.h('div', { class: 'line' }, prompt.tags.map(tag => UI.link(`#${tag}`, UI.route.href('wall', '', { tag }))),
        UI.link(UI.plural(runs.length, 'run'), UI.route.href('wall', '', { prompt: prompt.id })), best.length > 1 && UI.link(`compare ${best.length}`, UI.route.href('compare', best.join(','))), runs.length > 1 && UI.link('grid', UI.route.href('grid', '', { prompt: prompt.id }))), UI.editPart(prompt, true)));
};

UI.hoverScenes = list => list.addEventListener('click', e => {
  const button = e.target.closest('.scene'), m = button && UI.media(button.dataset.key);
  if (!m || !m.look) return;
  const isOn = UI.hover && button.contains(UI.hover);
  UI.unhover();
  if (isOn) return;
  const video = UI.hover = UI.h('video', { class: 'hover', loop: true, playsinline: true, src: m.look });
  video.muted = true;
  button.append(video);
  video.play().catch(() => {});
});
