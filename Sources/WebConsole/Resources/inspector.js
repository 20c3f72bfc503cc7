// The request inspector: a list that fills itself, one exchange in detail, and requests that are sent again. The fragment of the
// address names the exchange that is shown, so that links, reloading and going back work.
(() => {
  'use strict';
  const { language, mask, say, plain, el, milliseconds, bytes, field, statusClass, statusText, pairs, body, curl } = Inspect;
  const byID = id => document.getElementById(id);
  const api = byID('main').dataset.api;
  const canReplay = 'replay' in byID('main').dataset;
  const list = byID('list');
  const kept = 200;
  const exchanges = new Map();
  const items = new Map();
  let shown = null, tab = 'summary', isRecording = true, hasLoaded = false;
  const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });

  // The list.
  const newItem = number => {
    const item = el('li', { 'data-number': number }, el('a', { href: '#' + number }, el('span', { class: 'method' }), el('span', { class: 'row-main' }), el('span'),
      el('span', { class: 'row-side' }, el('time'), el('span', { class: 'again' }), el('span', { class: 'num' }))));
    items.set(number, item);
    return item;
  };
  const fill = exchange => {
    const item = items.get(exchange.number) || newItem(exchange.number);
    const [method, target, status, side] = item.firstElementChild.children;
    method.dataset.method = exchange.method;
    set(method, plain(exchange.method));
    set(target, plain(exchange.target));
    status.className = statusClass(exchange);
    const reason = exchange.status == null ? exchange.outcome || say('underWay') : '';
    if (status.textContent !== statusText(exchange) + reason) status.replaceChildren(statusText(exchange), el('span', { class: 'hidden-visually' }, reason));
    status.title = reason;
    const [time, again, size] = side.children;
    time.dateTime = exchange.startedAt;
    set(time, clock.format(new Date(exchange.startedAt)));
    set(again, exchange.replayOf ? '↻ ' + say('replayOf', { number: exchange.replayOf }) : '');
    set(size, (exchange.totalMs == null ? '…' : milliseconds(exchange.totalMs)) + ' · ' + bytes(exchange.responseBytes));
    item.hidden = !isWanted(exchange);
    return item;
  };
  const isWanted = exchange => {
    const text = byID('text').value.toLowerCase(), method = byID('method').value, status = byID('status').value;
    if (text && !exchange.target.toLowerCase().includes(text)) return false;
    if (method && exchange.method !== method) return false;
    if (status === 'failed') return exchange.outcome !== '' && exchange.outcome !== 'done';
    return !status || String(exchange.status).startsWith(status[0]) && exchange.status != null;
  };
  const take = (summaries, isAll) => {
    if (isAll) {
      const numbers = new Set(summaries.map(exchange => exchange.number));
      for (const number of [...exchanges.keys()]) if (!numbers.has(number)) drop(number);
    }
    for (const exchange of summaries) {
      const isNew = !exchanges.has(exchange.number);
      exchanges.set(exchange.number, exchange);
      const item = fill(exchange);
      if (isNew) list.insertBefore(item, [...list.children].find(other => numberOf(other) < exchange.number) || null);
      knowMethod(exchange.method);
    }
    while (exchanges.size > kept) drop(Math.min(...exchanges.keys()));
    mark();
    showEmptiness();
    if (summaries.some(exchange => exchange.number === shown)) load(shown);
  };
  const drop = number => {
    exchanges.delete(number);
    items.get(number)?.remove();
    items.delete(number);
  };
  const numberOf = item => Number(item.firstElementChild.hash.slice(1));
  const knowMethod = method => {
    const known = [...byID('method').options].some(option => option.value === method);
    if (!known && byID('method').length < 20) byID('method').append(el('option', { value: method }, plain(method)));
  };
  const showEmptiness = () => {
    const visible = [...items.values()].some(item => !item.hidden);
    byID('off').hidden = !hasLoaded || isRecording || exchanges.size > 0;
    byID('none').hidden = !hasLoaded || !isRecording || exchanges.size > 0;
    byID('nothing').hidden = exchanges.size === 0 || visible;
    list.hidden = !visible;
  };
  const mark = () => {
    for (const [number, item] of items) {
      if (number === shown) item.firstElementChild.setAttribute('aria-current', 'true');
      else item.firstElementChild.removeAttribute('aria-current');
    }
  };
  const filter = () => {
    for (const exchange of exchanges.values()) items.get(exchange.number).hidden = !isWanted(exchange);
    showEmptiness();
  };

  // Requests to the API.
  const fetchJSON = async (path, options = {}) => {
    const response = await fetch(api + path, { ...options, headers: { Accept: 'application/json', ...options.headers } });
    const content = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(content.message || response.status + ' ' + response.statusText);
    return content;
  };
  const loadAll = async signal => {
    try {
      const content = await fetchJSON('/exchanges', { signal });
      return () => {
        isRecording = content.recording !== false;
        hasLoaded = true;
        set(byID('held'), say('held', { held: bytes(content.heldBytes), limit: bytes(content.limitMiB * 1048576) }));
        take(content.exchanges, true);
        if (shown == null) choose();
      };
    } catch (error) {
      if (!signal.aborted) showLive('off', error.message);
      throw error;
    }
  };
  const showLive = (state, text) => {
    byID('live').dataset.state = state;
    set(byID('live'), text);
  };
  const watch = () => Events.follow(api + '/events', {
    handlers: { exchange: exchanges => take(exchanges, false) }, whole: loadAll,
    show: state => showLive(state === 'lost' ? 'off' : state, say(state)) });

  // One exchange.
  const choose = () => {
    const number = Number(location.hash.slice(1)) || null;
    const isOther = number !== shown;
    shown = number;
    byID('panes').dataset.shows = number ? 'detail' : 'list';
    byID('unselected').hidden = number != null;
    byID('detail').hidden = number == null || isOther;
    mark();
    if (isOther) {
      byID('notice').hidden = true;
      items.get(number)?.scrollIntoView({ block: 'nearest' });
      if (byID('panes').getBoundingClientRect().top < 0) byID('panes').scrollIntoView();
    }
    if (number) load(number);
  };
  let loading = 0;
  const load = async number => {
    const turn = ++loading;
    try {
      const exchange = await fetchJSON('/exchanges/' + number);
      if (turn === loading && shown === number) await show(exchange, () => turn === loading);
    } catch (error) {
      if (turn !== loading) return;
      byID('detail').hidden = false;
      showNotice(error.message, true);
    }
  };
  let current = null;
  const show = async (exchange, isStill) => {
    const request = await requestPanel(exchange), response = await responsePanel(exchange);
    if (!isStill()) return;
    current = exchange;
    byID('detail').hidden = false;
    byID('d-method').dataset.method = exchange.method;
    set(byID('d-method'), plain(exchange.method));
    set(byID('d-target'), plain(exchange.target));
    byID('d-status').className = statusClass(exchange);
    set(byID('d-status'), statusText(exchange));
    set(byID('d-outcome'), outcome(exchange));
    replace('summary', summaryPanel(exchange));
    replace('request', request);
    replace('response', response);
  };
  // Changes a panel only if it would look different, so that a selection in it is kept.
  const replace = (name, children) => {
    const panel = byID('panel-' + name);
    const isSame = panel.childNodes.length === children.length && children.every((child, index) => child.isEqualNode(panel.childNodes[index]));
    if (!isSame) panel.replaceChildren(...children);
  };
  const outcome = exchange => {
    if (!exchange.outcome) return say('underWay');
    if (exchange.outcome === 'done') return '';
    return exchange.outcome === 'cancelled' ? say('cancelled') : exchange.outcome === 'replay-cut' ? say('replayCut') : say('cutBy', { code: exchange.outcome });
  };
  const summaryPanel = exchange => {
    const first = exchange.firstByteMs ?? exchange.totalMs ?? exchange.queueMs;
    const total = Math.max(exchange.totalMs ?? first, first, 0.001);
    const part = n => (Math.max(0, n) / total * 100).toFixed(3);
    const rect = (kind, from, length) => el('rect', { class: kind, x: part(from), width: part(length), height: 8 });
    const key = (kind, name, value) => el('li', {}, el('svg', { viewBox: '0 0 8 8', 'aria-hidden': 'true' }, el('rect', { class: kind, width: 8, height: 8 })),
      say(name) + ' ', el('b', { class: 'num' }, value));
    const rows = [[say('started'), moment.format(new Date(exchange.startedAt)) + ' · ' + exchange.startedAt], [say('visitor'), exchange.peer],
      [say('requestBytes'), bytes(exchange.requestBytes)], [say('responseBytes'), bytes(exchange.responseBytes)],
      [say('outcome'), exchange.outcome === 'done' ? say('done') : outcome(exchange)]];
    if (exchange.requestId) rows.push([say('requestId'), exchange.requestId]);
    const nodes = [
      el('svg', { class: 'times', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, rect('queue', 0, exchange.queueMs),
        rect('wait', exchange.queueMs, first - exchange.queueMs), rect('rest', first, total - first)),
      el('ul', { class: 'legend' }, key('queue', 'queue', milliseconds(exchange.queueMs)),
        key('wait', 'firstByte', milliseconds(exchange.firstByteMs == null ? null : exchange.firstByteMs - exchange.queueMs)),
        key('rest', 'rest', milliseconds(exchange.totalMs == null || exchange.firstByteMs == null ? null : exchange.totalMs - exchange.firstByteMs)),
        el('li', {}, say('total') + ' ', el('b', { class: 'num' }, milliseconds(exchange.totalMs)))),
      pairs(rows, say('summary'))];
    if (exchange.replayOf) nodes.push(el('p', {}, '↻ ', el('a', { href: '#' + exchange.replayOf }, say('replayOf', { number: exchange.replayOf }))));
    return nodes;
  };
  const requestPanel = async exchange => {
    const nodes = [];
    const mark = exchange.target.indexOf('?');
    const query = mark < 0 ? [] : Array.from(new URLSearchParams(exchange.target.slice(mark + 1)));
    if (query.length) nodes.push(el('h3', {}, say('query')), pairs(query, say('query')));
    nodes.push(el('h3', {}, say('fields')), pairs(exchange.requestFields, say('fields')));
    return nodes.concat(await body(exchange.requestBody, exchange.requestFields, say('body')));
  };
  const responsePanel = async exchange => {
    if (exchange.status == null) return [el('p', { class: 'empty' }, exchange.outcome ? say('noResponse') : say('noResponseYet'))];
    return [el('h3', {}, say('fields')), pairs(exchange.responseFields, say('fields'))]
      .concat(await body(exchange.responseBody, exchange.responseFields, say('body')));
  };
  const showNotice = (text, isBad) => {
    byID('notice').className = isBad ? 'notice bad' : 'notice';
    set(byID('notice'), text);
    byID('notice').hidden = false;
  };

  // Tabs.
  const tabs = ['summary', 'request', 'response'];
  const openTab = (name, focuses) => {
    tab = name;
    for (const other of tabs) {
      const button = byID('tab-' + other);
      button.setAttribute('aria-selected', String(other === name));
      button.tabIndex = other === name ? 0 : -1;
      byID('panel-' + other).hidden = other !== name;
    }
    if (focuses) byID('tab-' + name).focus();
  };
  for (const name of tabs) byID('tab-' + name).addEventListener('click', () => openTab(name));
  byID('tab-summary').parentElement.addEventListener('keydown', event => {
    const step = { ArrowRight: 1, ArrowLeft: 2 }[event.key];
    if (step) openTab(tabs[(tabs.indexOf(tab) + step) % 3], true);
    else if (event.key === 'Home') openTab(tabs[0], true);
    else if (event.key === 'End') openTab(tabs[2], true);
    else return;
    event.preventDefault();
  });

  // Copying.
  const copy = async text => {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* no secure context: without the Clipboard API */ }
    const area = el('textarea', { class: 'hidden-visually', readonly: '' });
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  };
  byID('curl').addEventListener('click', async () => {
    const text = curl(current), isDone = await copy(text);
    byID('curl').focus();
    showNotice((isDone ? say('copied') : say('notCopied')) + (text.includes(mask) ? ' ' + say('fillIn') : ''), !isDone);
  });

  // Sending again.
  const again = async (button, order) => {
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
    showNotice(say('sending'));
    const isMasked = ((order.target ?? current.target) + JSON.stringify(order.fields ?? current.requestFields)).includes(mask);
    try {
      const exchange = await fetchJSON('/replay', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(order) });
      take([exchange], false);
      location.hash = '#' + exchange.number;
      choose();
      showNotice(say('sent', { number: order.number, status: statusText(exchange), time: milliseconds(exchange.totalMs) }) + (isMasked ? ' ' + say('leftOut') : ''));
      return true;
    } catch (error) {
      showNotice(error.message, true);
      return error.message;
    } finally {
      button.disabled = false;
      button.removeAttribute('aria-busy');
    }
  };
  const editor = byID('editor');
  const notEditable = /^(x-forwarded-.*|forwarded|host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|proxy-.*|expect|x-request-id)$/i;
  const addPair = (name, value) => {
    const remove = el('button', { class: 'button quiet small', type: 'button', 'aria-label': say('removeField', { name: plain(name) }) }, '✕');
    const hidden = value.includes(mask) ? 'secret' : null;
    const pair = el('div', { class: 'pair' }, el('input', { 'aria-label': say('name'), spellcheck: 'false', autocomplete: 'off' }),
      el('input', { 'aria-label': say('value'), spellcheck: 'false', autocomplete: 'off', class: hidden }), remove);
    pair.children[0].value = name;
    pair.children[1].value = value;
    pair.children[1].addEventListener('input', event => event.target.classList.toggle('secret', event.target.value.includes(mask)));
    remove.addEventListener('click', () => { pair.remove(); byID('e-add').focus(); });
    byID('e-fields').append(pair);
    return pair;
  };
  const edit = () => {
    const content = current.requestBody;
    byID('e-method').value = current.method;
    byID('e-target').value = current.target;
    byID('e-fields').replaceChildren();
    for (const [name, value] of current.requestFields) if (!notEditable.test(name)) addPair(name, value);
    byID('masked').hidden = !(current.target + JSON.stringify(current.requestFields)).includes(mask);
    const canKeep = content.whole && content.base64 != null;
    byID('e-keep-label').hidden = !canKeep;
    byID('e-keep').checked = canKeep;
    set(byID('e-keep-text'), say('keepBody', { size: bytes(content.count) }));
    byID('e-body-label').hidden = canKeep;
    byID('e-body').value = content.text ?? '';
    byID('e-problem').hidden = content.whole;
    set(byID('e-problem'), content.whole ? '' : say('notWhole', { size: bytes(content.count) }));
    editor.showModal();
  };
  const send = async event => {
    event.preventDefault();
    const fields = [...byID('e-fields').children].map(pair => [pair.children[0].value.trim(), pair.children[1].value]).filter(pair => pair[0]);
    const content = byID('e-keep').checked ? { base64: current.requestBody.base64 } : { text: byID('e-body').value };
    const order = { number: current.number, method: byID('e-method').value.trim(), target: byID('e-target').value.trim(), fields, body: content };
    const result = await again(byID('e-send'), order);
    if (result === true) return editor.close();
    set(byID('e-problem'), result);
    byID('e-problem').hidden = false;
  };
  if (canReplay) {
    byID('replay').addEventListener('click', () => again(byID('replay'), { number: current.number }));
    byID('edit').addEventListener('click', edit);
    byID('edit-form').addEventListener('submit', send);
    byID('e-cancel').addEventListener('click', () => editor.close());
    byID('e-add').addEventListener('click', () => addPair('', '').firstElementChild.focus());
    byID('e-keep').addEventListener('change', event => { byID('e-body-label').hidden = event.target.checked; });
  }

  // Keys: arrows walk through the list, `/` goes to the filter.
  const step = by => {
    const visible = [...list.children].filter(item => !item.hidden);
    const at = visible.findIndex(item => item.contains(document.activeElement) || document.activeElement === document.body && numberOf(item) === shown);
    const next = visible[Math.min(visible.length - 1, Math.max(0, at + by))];
    if (!next) return;
    next.firstElementChild.focus();
    location.replace('#' + numberOf(next));
  };
  list.addEventListener('keydown', event => {
    const by = { ArrowDown: 1, ArrowUp: -1, Home: -kept, End: kept }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, dialog')) return;
    if (event.key === '/') { event.preventDefault(); byID('text').focus(); }
  });
  byID('text').addEventListener('keydown', event => { if (event.key === 'ArrowDown') { event.preventDefault(); step(1); } });
  byID('filter').addEventListener('submit', event => event.preventDefault());
  for (const id of ['text', 'method', 'status']) byID(id).addEventListener('input', filter);
  window.addEventListener('hashchange', choose);
  openTab(tab);
  choose();
  watch();
})();
