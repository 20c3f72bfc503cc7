// Keeps the status page current while it is open. Everything shown is set as text (textContent), never as markup. The server has drawn
// the page already, in the same shapes, so without this script it is merely not live.
(() => {
  'use strict';
  const byID = id => document.getElementById(id);
  const texts = JSON.parse(byID('texts').textContent);
  const language = document.documentElement.lang;
  const query = new URLSearchParams(location.search);
  const filter = (query.get('filter') || '').toLowerCase();
  const onlyOnline = query.get('online') === 'true';
  // Behind a proxy that removes a path prefix, the gateway's own addresses are beneath that path.
  const api = byID('main').dataset.api;
  const outer = api.slice(0, -'/.miagent/'.length);
  const rows = byID('rows');
  const limit = Number(byID('agents-card').dataset.limit) || 100;
  const offset = Number(query.get('offset')) || 0;
  let matching = Number(byID('agents-card').dataset.matching) || 0;

  const say = (key, values) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? '');
  // Control and direction marks become visible, as in the pages of the server.
  const plain = text => String(text ?? '').replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
  const short = text => { const all = Array.from(plain(text)); return all.length > 200 ? all.slice(0, 200).join('') + '…' : all.join(''); };
  const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  // Figures, in the shapes of Figures.swift.
  const tenths = n => n < 9.95 ? n.toFixed(1).replace(/\.0$/, '') : String(Math.round(n));
  const count = n => n < 1e6 ? String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',') : scaled(n, ['', 'k', 'M', 'G', 'T', 'P', 'E']);
  const scaled = (n, units) => {
    let step = 0;
    while (n >= 999.5 && step < units.length - 1) { n /= 1000; step += 1; }
    return tenths(n) + units[step];
  };
  const bytes = n => scaled(n, [' B', ' kB', ' MB', ' GB', ' TB', ' PB', ' EB']);
  const milliseconds = n => n == null ? '–' : n < 999.5 ? tenths(n) + ' ms' : tenths(Math.min(n, 9999000) / 1000) + ' s';

  // Times: local, the UTC in datetime and title.
  const clock = new Intl.DateTimeFormat(language, {
    month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const whole = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'long' });
  const showTime = (element, text) => {
    const date = new Date(text);
    if (isNaN(date)) return;
    element.dateTime = text;
    element.title = whole.format(date) + ' · ' + text;
    set(element, clock.format(date));
  };
  const started = new Date(byID('started').dateTime);
  const showUptime = () => {
    const minutes = Math.max(0, Math.floor((Date.now() - started) / 60000));
    set(byID('uptime'), say('uptime', { days: Math.floor(minutes / 1440), hours: Math.floor(minutes / 60) % 24, minutes: minutes % 60 }));
  };

  // The table.
  const rowOf = new Map();
  const idOf = row => row.cells[0].firstChild.textContent;
  for (const row of rows.children) rowOf.set(idOf(row), row);
  const newRow = id => {
    const row = byID('row').content.firstElementChild.cloneNode(true);
    const [inspect, code] = row.querySelectorAll('.acts a');
    set(row.cells[0].firstChild, plain(id));
    inspect.href = api + 'inspect/' + encodeURIComponent(id);
    code.href = api + 'help?agent=' + encodeURIComponent(id);
    return row;
  };
  const fill = (row, agent) => {
    const [name, state, type, host, model, entry, time, roundTrip, requests, traffic, open] = row.cells;
    const [inspect, code] = name.querySelectorAll('.acts a');
    const web = entry.firstChild;
    const path = /^\/(?!\/)/.test(agent.webUrl || '');
    const url = path ? outer + agent.webUrl : /^https?:\/\//.test(agent.webUrl || '') ? agent.webUrl : '';
    row.classList.toggle('off', !agent.online);
    set(state.firstChild, agent.online ? short(agent.status) : texts.offline);
    set(state.lastChild, agent.tunnels > 1 ? '× ' + agent.tunnels : '');
    set(type.firstChild, short(agent.type));
    set(host.firstChild, short(agent.host));
    set(model.firstChild, short(agent.model));
    inspect.hidden = !agent.inspected;
    web.hidden = code.hidden = !url;
    if (url) { web.href = url; set(web, plain(path ? agent.webUrl : url.startsWith(address) ? url.slice(address.length) : url.replace(/^https?:\/\//, ''))); }
    set(time.firstChild, agent.online ? '' : texts.lastSeen);
    showTime(time.lastChild, agent.online ? agent.connectedAt : agent.lastSeen || agent.connectedAt);
    set(roundTrip, agent.roundTripMs == null ? '' : milliseconds(agent.roundTripMs));
    set(requests.firstChild, count(agent.requests || 0));
    set(requests.lastChild, agent.failures ? say('failures', { failures: count(agent.failures) }) : '');
    set(traffic.firstChild, bytes(agent.bytesIn || 0));
    set(traffic.lastChild, bytes(agent.bytesOut || 0));
    set(open, agent.online ? count(agent.openStreams || 0) : '');
  };
  const address = byID('address').textContent;
  const matches = agent => (!onlyOnline || agent.online) &&
    [agent.agentId, agent.type, agent.host, agent.model].some(text => (text || '').toLowerCase().includes(filter));
  const insert = agent => {
    const row = newRow(agent.agentId);
    fill(row, agent);
    row.className += ' fresh';
    rows.insertBefore(row, Array.from(rows.children).find(other => idOf(other) > agent.agentId) || null);
    rowOf.set(agent.agentId, row);
    matching += 1;
  };
  const showFrame = known => {
    byID('agents-card').hidden = rowOf.size === 0;
    byID('none').hidden = known > 0;
    byID('nothing').hidden = known === 0 || rowOf.size > 0;
    if (rowOf.size) set(byID('range'), say('range', { from: offset + 1, to: offset + rowOf.size, all: matching }));
  };
  let known = Number(byID('known').textContent.replace(/\D/g, '')) || 0;

  // A change on this page is drawn at once; one that moves rows between pages makes the page load its rows again.
  const change = message => {
    for (const agent of message.agents || []) {
      const row = rowOf.get(agent.agentId);
      if (row) fill(row, agent);
      else if (matches(agent)) {
        if (offset === 0 && matching === rowOf.size && matching < limit) insert(agent); else events.loadSoon();
      }
    }
    for (const id of message.forgotten || []) if (rowOf.has(id)) { rowOf.get(id).remove(); rowOf.delete(id); matching -= 1; events.loadSoon(); }
    known = Math.max(known, rowOf.size);
    showFrame(known);
  };
  const replaceRows = list => {
    matching = list.matching;
    known = list.known;
    showHead(list);
    for (const [id, row] of rowOf) if (!list.agents.some(agent => agent.agentId === id)) { row.remove(); rowOf.delete(id); }
    let place = rows.firstElementChild;
    for (const agent of list.agents) {
      let row = rowOf.get(agent.agentId);
      if (!row) { row = newRow(agent.agentId); rowOf.set(agent.agentId, row); }
      fill(row, agent);
      if (row === place) place = place.nextElementSibling; else rows.insertBefore(row, place);
    }
    showFrame(known);
  };
  const showHead = status => {
    set(byID('connected'), count(status.connected));
    set(byID('known'), count(status.known));
    set(byID('webServices'), count(status.webServices));
    document.title = say('title', { count: count(status.connected) });
    if (status.known !== known) { known = status.known; showFrame(known); }
  };

  // The plots, in the shapes of Plots.swift.
  const rowsOfPlots = {
    requests: [['requestsPerSecond', 'rps']], latency: [['p50Ms', 'p50'], ['p99Ms', 'p99']],
    bytes: [['bytesOutPerSecond', 'out'], ['bytesInPerSecond', 'in']] };
  const units = { requests: n => n == null ? '–' : tenths(n), latency: milliseconds, bytes: n => n == null ? '–' : bytes(n) };
  let series = null;
  const path = (values, peak) => {
    let text = '', last = null;
    values.forEach((value, index) => {
      if (value == null) { last = null; return; }
      const height = Math.round(99 - 94 * value / peak);
      if (last == null) text += 'M' + index + ' ' + height;
      else text += (text.endsWith(' ') ? '' : 'l') + (height < last ? '1' : '1 ') + (height - last) + ' ';
      last = height;
    });
    return text.trim();
  };
  const closing = 'h9V199H-9V99z';
  const draw = () => {
    for (const [id, lines] of Object.entries(rowsOfPlots)) {
      const figure = byID('plot-' + id);
      const values = lines.map(([name]) => series[name]);
      const peak = Math.max(0, ...values.flat().filter(value => value != null));
      const now = values.map(points => units[id](points[points.length - 1]));
      values.forEach((points, n) => {
        const line = figure.querySelector('.line.line-' + n);
        const whole = points.length > 0 && !points.includes(null);
        line.classList.toggle('whole', whole);
        line.setAttribute('d', path(points, peak || 1) + (whole ? closing : ''));
        set(figure.querySelector('.now .line-' + n + ' b'), now[n]);
      });
      set(figure.querySelector('.top-value b'), units[id](peak));
      const title = figure.querySelector('figcaption').textContent;
      set(byID('say-' + id), say('say', { title, now: now.join(', '), peak: units[id](peak) }));
    }
  };
  const addPoint = (at, point) => {
    if (!series || !point || at <= series.end - series.secondsPerPoint) return;
    const steps = Math.min(series.requestsPerSecond.length, Math.max(0, Math.ceil((at - series.end) / series.secondsPerPoint)));
    series.end += steps * series.secondsPerPoint;
    for (const [name, key] of Object.values(rowsOfPlots).flat()) {
      const points = series[name];
      for (let step = 0; step < steps; step += 1) { points.shift(); points.push(name.startsWith('p') ? null : 0); }
      if (points.length) points[points.length - 1] = point[key];
    }
    draw();
  };

  // The connection: events (events.js), and everything anew after a gap.
  const live = byID('live');
  const show = state => { if (live.dataset.state !== state) { live.dataset.state = state; set(live, texts[state]); } };
  const get = async (path, signal) => {
    const response = await fetch(path, { signal, headers: { accept: 'application/json' } });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  };
  const loadRows = async signal => {
    const wanted = new URLSearchParams({ limit, offset, filter: query.get('filter') || '' });
    if (onlyOnline) wanted.set('online', 'true');
    const list = await get(api + 'agents?' + wanted, signal);
    return () => replaceRows(list);
  };
  const loadSeries = async () => { try { series = await get(api + 'series'); draw(); } catch { /* the plots stay as they are */ } };

  const copy = byID('copy');
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      const before = copy.textContent;
      try { await navigator.clipboard.writeText(address); set(copy, texts.copied); setTimeout(() => set(copy, before), 1500); } catch { /* refused */ }
    });
  }
  document.documentElement.classList.add('scripted');
  for (const time of document.querySelectorAll('main time')) showTime(time, time.dateTime);
  showUptime();
  setInterval(showUptime, 60000);
  const events = Events.follow(api + 'events', {
    handlers: { status: message => { showHead(message); addPoint(message.at, message.point); }, agents: change },
    whole: loadRows, began: loadSeries, show: state => show(state === 'live' ? 'live' : 'waiting') });
})();
