// A page that is told of changes by server-sent events, while somebody can see it. Over HTTP/1.1 a browser has six connections to a
// host, for all of its tabs together: if each hidden page held one for its stream, the seventh tab would wait for ever. So a page that
// is hidden, or kept by the browser for the way back, closes its stream, and opens it when it is shown; it then asks for everything.
const Events = (() => {
  'use strict';
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));

  // `handlers`: what is done with each kind of event. `whole` asks for everything and returns what draws it. `show` is told how the
  // stream is: `waiting`, `live` or `lost`. `began` is called when events may have been missed.
  const follow = (address, { handlers, whole, show, began = () => {} }) => {
    let source = null, retry = null, pause = 1000, isKept = false;

    // One question at a time. Events that come meanwhile may be newer than the reply, so they are handled again after it.
    let asking = null, soon = null, mustAskAgain = false, since = [];
    const ask = async () => {
      if (asking) { mustAskAgain = true; return; }
      const question = asking = new AbortController();
      do {
        if (mustAskAgain) await wait(300);
        if (question !== asking) return;
        mustAskAgain = false;
        since = [];
        try {
          const draw = await whole(question.signal);
          if (question !== asking) return;
          draw();
          for (const [handle, message] of since) handle(message);
        } catch { /* the next event or connection asks again */ }
      } while (question === asking && mustAskAgain);
      if (question === asking) asking = null;
    };
    const askSoon = () => { soon ??= setTimeout(() => { soon = null; ask(); }, 300); };
    const stopAsking = () => {
      clearTimeout(soon);
      asking?.abort();
      soon = asking = null;
      mustAskAgain = false;
    };
    const begin = () => { stopAsking(); ask(); began(); };

    const take = (handle, event) => {
      const message = event.data ? JSON.parse(event.data) : {};
      if (asking && since.length < 100) since.push([handle, message]); else if (asking) mustAskAgain = true;
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
        retry = setTimeout(heed, pause);
        pause = Math.min(30000, pause * 2);
      };
      for (const [name, handle] of Object.entries(handlers)) source.addEventListener(name, event => take(handle, event));
      source.addEventListener('resync', begin);
    };
    const close = () => {
      clearTimeout(retry);
      source?.close();
      source = null;
      stopAsking();
    };

    const heed = () => {
      if (isKept || document.visibilityState === 'hidden') close(); else if (!source) open();
    };
    document.addEventListener('visibilitychange', heed);
    window.addEventListener('pagehide', () => { isKept = true; heed(); });
    window.addEventListener('pageshow', () => { isKept = false; heed(); });
    heed();
    return { askSoon };
  };
  return { follow };
})();
