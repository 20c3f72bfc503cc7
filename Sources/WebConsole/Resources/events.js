// A page that follows server-sent events while it is visible. Over HTTP/1.1 a browser has six connections to a host, for all of its tabs
// together: if each hidden page held one for its stream, the seventh tab would wait for ever. So a page that is hidden, or in the
// back/forward cache, closes its stream, opens it when it is shown again, and then loads everything anew.
const Events = (() => {
  'use strict';
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));

  // `handlers`: a function for each kind of event. `whole` loads everything and returns a function that draws it. `show` gets the state
  // of the stream: `waiting`, `live` or `lost`. `began` is called when events may have been missed.
  const follow = (address, { handlers, whole, show, began = () => {} }) => {
    let source = null, retry = null, pause = 1000, isKept = false;

    // One load at a time. Events that come meanwhile may be newer than its response, so they are handled again after it.
    let loading = null, soon = null, mustReload = false, since = [];
    const load = async () => {
      if (loading) { mustReload = true; return; }
      const current = loading = new AbortController();
      do {
        if (mustReload) await wait(300);
        if (current !== loading) return;
        mustReload = false;
        since = [];
        try {
          const draw = await whole(current.signal);
          if (current !== loading) return;
          draw();
          for (const [handle, message] of since) handle(message);
        } catch { /* the next event or connection loads again */ }
      } while (current === loading && mustReload);
      if (current === loading) loading = null;
    };
    const loadSoon = () => { soon ??= setTimeout(() => { soon = null; load(); }, 300); };
    const stopLoading = () => {
      clearTimeout(soon);
      loading?.abort();
      soon = loading = null;
      mustReload = false;
    };
    const begin = () => { stopLoading(); load(); began(); };

    const take = (handle, event) => {
      const message = event.data ? JSON.parse(event.data) : {};
      if (loading && since.length < 100) since.push([handle, message]); else if (loading) mustReload = true;
      handle(message);
    };
    const open = () => {
      source = new EventSource(address);
      source.onopen = () => { pause = 1000; show('live'); begin(); };
      source.onerror = () => {
        const isLost = source.readyState === EventSource.CLOSED;
        show(isLost ? 'lost' : 'waiting');
        if (!isLost) return;
        close();
        retry = setTimeout(update, pause);
        pause = Math.min(30000, pause * 2);
      };
      for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, event => take(handle, event));
      source.addEventListener('resync', begin);
    };
    const close = () => {
      clearTimeout(retry);
      source?.close();
      source = null;
      stopLoading();
    };

    const update = () => {
      if (isKept || document.visibilityState === 'hidden') close(); else if (!source) open();
    };
    document.addEventListener('visibilitychange', update);
    window.addEventListener('pagehide', () => { isKept = true; update(); });
    window.addEventListener('pageshow', () => { isKept = false; update(); });
    update();
    return { loadSoon };
  };
  return { follow };
})();
