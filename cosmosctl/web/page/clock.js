'use strict';
// Several videos on one clock. They are hidden and paused; the clock says which frame is due, each is sought to the
// middle of its own frame, and only when all have arrived every picture is painted, in one task: the compositor can show
// no mixture. play() on all of them slips, and so does seeking of visible videos.

// An item is {m: media, offset?}; `clock.pics[i]` is the element that shows it.
UI.clock = items => {
  const clock = {
    items, n: 0, goal: 0, playing: false, rate: 1, looping: false, range: null, drawn: 0, slow: '', isShown: false, closed: false,
    listeners: new Set(), isSeen: () => true,
  };
  let wanted = null, drawing = null, turn = 0;
  const end = new AbortController();
  clock.signal = end.signal;
  const parts = items.map(item => UI.part(item, end.signal));
  clock.pics = parts.map(part => part.pic);
  clock.parts = parts;

  const rates = parts.filter(part => part.m).map(part => part.fps);
  clock.rates = [...new Set(rates)].sort((a, b) => a - b);
  clock.fps = Math.max(1, ...rates);
  clock.frames = Math.max(1, ...parts.filter(part => part.m).map(part => Math.round(part.m.frames / part.fps * clock.fps)));
  clock.lengths = [...new Set(parts.filter(part => part.m).map(part => (part.m.frames / part.fps).toFixed(3)))];

  // Frame of a part at frame n of the clock, and whether it has ended by then: paired by time.
  clock.due = (part, n) => {
    const frame = Math.floor(n / clock.fps * part.fps + 1e-6) + (part.item.offset || 0);
    const last = part.m.frames - 1;
    return { frame: Math.max(0, Math.min(last, frame)), over: frame > last };
  };

  clock.tell = () => { if (!clock.closed) for (const listener of clock.listeners) listener(clock); };

  const arrive = (part, n) => {
    if (!part.m || !part.isUsable) return null;
    const { frame, over } = clock.due(part, n);
    part.frame = frame;
    part.pic.classList.toggle('over', over);
    return UI.sought(part.video, frame, part.fps);
  };

  // Resolves once that frame, or one that was wished for after it, is on the screen.
  clock.show = k => {
    clock.goal = wanted = Math.max(0, Math.min(clock.frames - 1, Math.round(k)));
    return drawing || (drawing = draw());
  };

  const draw = async () => {
    while (wanted !== null && !clock.closed) {
      const n = wanted;
      wanted = null;
      const due = parts.filter(part => part.isUsable && clock.isSeen(part));
      await Promise.all(due.map(part => arrive(part, n)));
      if (clock.closed) break;
      for (const part of due) part.fit(part.video);
      for (const part of due) part.paint(part.video);
      await new Promise(requestAnimationFrame);
      clock.n = n;
      clock.drawn++;
      clock.tell();
    }
    drawing = null;
  };

  // Show what is wished for by the time that the videos are there, and say that this view is: unless it was left.
  clock.begin = async name => {
    await clock.ready;
    await clock.show(clock.goal);
    if (clock.closed) return;
    clock.isShown = true;
    document.body.dataset.ready = name;
  };

  // Counted from the frame that was wished for last, not from the one that is shown: held keys lose none.
  clock.step = by => { clock.pause(); return clock.show(clock.goal + by); };

  clock.pause = () => { if (clock.playing) { clock.playing = false; clock.slow = ''; clock.tell(); } };

  clock.play = () => {
    if (clock.playing) return;
    clock.playing = true;
    clock.tell();
    clock.run(++turn);
  };

  clock.toggle = () => clock.playing ? clock.pause() : clock.play();

  // One turn of playing: whoever pauses and plays again while a picture is on its way begins the next one.
  clock.run = async mine => {
    const [first, last] = clock.bounds();
    let from = clock.goal, start = performance.now(), rate = clock.rate, since = start, count = 0;
    if (rate > 0 && from >= last) from = first;
    if (rate < 0 && from <= first) from = last;
    while (clock.playing && turn === mine && !clock.closed) {
      const now = performance.now();
      if (rate !== clock.rate) { rate = clock.rate; from = clock.n; start = now; }
      const k = from + Math.trunc((now - start) / 1000 * clock.fps * rate);
      const [low, high] = clock.bounds();
      if (k > high || k < low) {
        from = rate > 0 ? low : high;
        start = performance.now();
        await clock.show(from);
        continue;
      }
      if (k !== clock.n) { await clock.show(k); count++; } else await new Promise(requestAnimationFrame);
      if (now - since > 1000) {
        const seen = Math.round(count * 1000 / (now - since)), due = Math.round(clock.fps * Math.abs(rate));
        clock.slow = seen < 0.9 * Math.min(due, 60) ? `${seen} of ${due} fps` : '';
        since = now;
        count = 0;
      }
    }
  };

  clock.bounds = () => clock.looping && clock.range ? clock.range : [0, clock.frames - 1];

  // J and L: the other way, or twice as fast.
  clock.shuttle = direction => {
    const same = clock.playing && Math.sign(clock.rate) === direction;
    clock.rate = direction * (same ? Math.min(4, Math.abs(clock.rate) * 2) : 1);
    clock.play();
    clock.tell();
  };

  clock.mark = end => {
    const [low, high] = clock.range || [0, clock.frames - 1];
    clock.range = end ? [Math.min(low, clock.goal), clock.goal] : [clock.goal, Math.max(high, clock.goal)];
    clock.tell();
  };

  // The original in place of the look copy, where somebody looks closely and nothing moves.
  clock.sharpen = async () => {
    const n = clock.n, due = parts.filter(part => part.m && part.m.original && part.m.plays && clock.isSeen(part));
    await Promise.all(due.map(async part => {
      part.opening = part.opening || UI.opened([part.m.original], end.signal);
      part.big = await part.opening;
      if (part.big) await UI.sought(part.big, clock.due(part, n).frame, part.fps);
    }));
    if (clock.closed || clock.playing || drawing || n !== clock.n) return;
    for (const part of due) if (part.big) part.fit(part.big);
    for (const part of due) if (part.big) part.paint(part.big);
  };

  clock.close = () => {
    clock.closed = true;
    clock.playing = false;
    clock.listeners.clear();
    end.abort();
  };

  clock.ready = Promise.all(parts.map(part => part.load()));
  return clock;
};

// One video of a clock: a hidden element that seeks, a canvas that is seen.
UI.part = (item, signal) => {
  const m = item.m, canvas = UI.h('canvas', { width: m ? Math.min(640, m.width) : 16, height: m ? 2 : 9 });
  if (m) canvas.height = Math.round(canvas.width * m.height / m.width);
  const brush = canvas.getContext('2d', { alpha: false });
  const pic = UI.h('div', { class: m ? 'pic' : 'pic none' }, canvas);
  pic.style.setProperty('--aspect', m ? `${m.width} / ${m.height}` : '16 / 9');
  const part = { item, m, pic, canvas, video: null, big: null, frame: 0, isUsable: false, fps: m ? m.fps[0] / m.fps[1] : 0 };
  part.fit = video => {
    if (video.videoWidth && (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight)) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
    }
  };
  part.paint = video => { if (video.readyState >= 2) brush.drawImage(video, 0, 0); };
  part.load = async () => {
    if (!m) { part.say(item.missing || 'no video'); return; }
    part.video = await UI.opened([m.look, m.plays && m.original], signal);
    part.isUsable = part.video !== null;
    if (!part.isUsable) part.say(m.waits ? UI.makingOf(m.waits) : m.problem || 'the video is not here');
  };
  part.say = words => { pic.append(UI.h('span', { class: 'why' }, words)); };
  return part;
};

// A video element with its first picture there, from the first of these addresses that plays; null from none. The signal
// shuts it, also one that is still on its way: what comes of that nobody is told.
UI.opened = async (sources, signal) => {
  for (const src of sources.filter(Boolean)) {
    if (signal && signal.aborted) break;
    const video = UI.h('video', { preload: 'auto', playsinline: true });
    video.muted = true;
    video.disableRemotePlayback = true;
    if (signal) signal.addEventListener('abort', () => UI.shut(video));
    if (await UI.loaded(video, src, signal)) return video;
    UI.shut(video);
  }
  return null;
};

UI.loaded = async (video, src, signal) => {
  const came = () => new Promise(done => {
    video.onloadeddata = () => done(true);
    video.onerror = () => done(false);
  });
  let coming = came();
  video.src = src;
  if (!await coming) return false;
  if (/^http/.test(location.protocol) && !video.src.startsWith('blob:') && UI.cannotSeek(video)) {
    coming = came();  // a server without Range: every seek would silently land on 0
    try { video.src = video.whole = URL.createObjectURL(await (await fetch(src, { signal })).blob()); } catch { return false; }
    return coming;
  }
  return true;
};

UI.cannotSeek = video => video.seekable.length === 0 || video.seekable.end(video.seekable.length - 1) === 0;

UI.shut = video => {
  if (!video) return;
  video.onloadeddata = video.onerror = null;
  if (video.whole) URL.revokeObjectURL(video.whole);
  video.removeAttribute('src');
  video.load();
};

// Resolves when the picture of that frame is there; a video that cannot show it counts as arrived. `seeked` may come
// before the picture: on a busy machine one seek in fifty painted the frame before. The browser tells of pictures
// themselves, of paused and hidden videos too (WICG/video-rvfc, issue 53; tried in Chromium and Firefox).
UI.sought = (video, frame, fps) => new Promise(done => {
  const at = (frame + 0.5) / fps;
  if (Math.abs(video.currentTime - at) < 1e-4 && !video.seeking) { done(); return; }
  const picture = UI.pictured(video, at, 0.75 / fps);
  const end = () => {
    if (video.seeking && !video.error) return;  // what came is an earlier wish
    for (const name of ['seeked', 'error', 'emptied']) video.removeEventListener(name, end);
    picture.within(video.readyState < 2 ? 0 : UI.PATIENT).then(done);
  };
  for (const name of ['seeked', 'error', 'emptied']) video.addEventListener(name, end);
  video.currentTime = at;
});

// How many pictures of the page a video's own may be late after `seeked`: a second, more where the machine is busy.
UI.PATIENT = 60;

// {within(pictures)}: a promise that the video has shown a picture of that second since now, or that so many of the page
// went by. near: how far from it the picture's own time may lie, in seconds.
UI.pictured = (video, at, near) => {
  let isThere = !video.requestVideoFrameCallback;
  const look = (now, told) => { isThere = Math.abs(told.mediaTime - at) < near; ask(); };
  const ask = () => { if (!isThere) video.requestVideoFrameCallback(look); };
  ask();
  return {
    within: async pictures => { while (!isThere && pictures-- > 0) await new Promise(requestAnimationFrame); },
  };
};
