// How the inspector shows fields and bodies: text, tables, hex, a command for a shell. All of it is untrusted: it is put on the page as
// text, never as markup.
const Inspect = (() => {
  'use strict';
  const texts = JSON.parse(document.getElementById('texts').textContent);
  const language = document.documentElement.lang;
  const mask = '•••';
  const say = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? '');
  // Control and direction marks become visible, as in the pages of the server.
  const plain = text => String(text ?? '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');

  // An element with attributes and children; strings become text.
  const el = (name, attributes = {}, ...children) => {
    const svg = name === 'svg' || name === 'rect';
    const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value != null && value !== false) element.setAttribute(key, value);
    element.append(...children.filter(child => child != null));
    return element;
  };

  const milliseconds = n => n == null ? '–' : n < 0.005 ? '0 ms' : n < 1 ? n.toFixed(2) + ' ms' : n < 999.5 ? (n < 9.95 ? n.toFixed(1) : Math.round(n)) + ' ms' : (n / 1000).toFixed(n < 9995 ? 2 : 1) + ' s';
  const bytes = n => {
    const units = [' B', ' KiB', ' MiB', ' GiB', ' TiB'];
    let step = 0;
    while (n >= 1023.5 && step < 4) { n /= 1024; step += 1; }
    return (step > 0 && n < 9.95 ? n.toFixed(1) : Math.round(n)) + units[step];
  };
  const field = (fields, name) => (fields.find(pair => pair[0].toLowerCase() === name) || [])[1];
  const statusClass = exchange => exchange.status ? 'code-' + String(exchange.status)[0] : exchange.outcome ? 'code-x' : 'badge';
  const statusText = exchange => exchange.status ? String(exchange.status) : exchange.outcome ? '✕' : '…';

  // Names and values; masked values are marked.
  const marked = text => {
    const parts = plain(text).split(mask);
    return parts.flatMap((part, index) => index ? [el('span', { class: 'secret', title: say('secret') }, mask), part] : [part]);
  };
  const pairs = (list, caption) => el('table', { class: 'pairs' }, el('caption', { class: 'hidden-visually' }, caption),
    el('tbody', {}, ...list.map(([name, value]) => el('tr', {}, el('th', { scope: 'row' }, plain(name)), el('td', {}, ...marked(value))))));

  // JSON with its lines set in, token by token, so that numbers stay as they are and a part of a text can be shown too.
  const tokens = /("(?:\\.|[^"\\])*"?)(\s*:)?|([{[])|([}\]])|(,)|(-?\d[\d.eE+-]*)|(true|false|null)|\s+|[^]/g;
  const json = text => {
    const pre = el('code');
    let depth = 0, fresh = false;
    const line = () => '\n' + '  '.repeat(Math.max(0, depth));
    for (const [whole, string, colon, opens, closes, comma, number, word] of text.matchAll(tokens)) {
      if (/^\s+$/.test(whole)) continue;
      if (fresh && !closes) pre.append(line());
      if (opens) { depth += 1; pre.append(opens); fresh = true; continue; }
      if (closes) { depth -= 1; pre.append((fresh ? '' : line()) + closes); }
      else if (comma) pre.append(',' + line());
      else if (colon) pre.append(el('span', { class: 'j-key' }, plain(string)), ': ');
      else if (string) pre.append(el('span', { class: 'j-text' }, plain(string)));
      else if (number) pre.append(el('span', { class: 'j-number' }, number));
      else if (word) pre.append(el('span', { class: 'j-word' }, word));
      else pre.append(plain(whole));
      fresh = false;
    }
    return pre;
  };

  const decode64 = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const hex = data => {
    const lines = [];
    for (let at = 0; at < data.length; at += 16) {
      const row = Array.from(data.subarray(at, at + 16));
      const digits = row.map(byte => byte.toString(16).padStart(2, '0')).join(' ');
      const letters = row.map(byte => byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·').join('');
      lines.push(at.toString(16).padStart(6, '0') + '  ' + digits.padEnd(47) + '  ' + letters);
    }
    return lines.join('\n');
  };

  // The decoded beginning of a coded body; null if this browser does not know the coding.
  const uncoded = async (data, coding) => {
    const format = { gzip: 'gzip', 'x-gzip': 'gzip', deflate: 'deflate' }[coding];
    if (!format || !window.DecompressionStream) return null;
    const pieces = [];
    try {
      const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream(format)).getReader();
      for (let sum = 0; sum < 1 << 20;) {
        const { done, value } = await reader.read();
        if (done) break;
        pieces.push(value);
        sum += value.length;
      }
    } catch { /* the rest was not kept */ }
    return pieces.length ? new Uint8Array(await new Blob(pieces).arrayBuffer()) : null;
  };

  const picture = /^image\/(png|jpeg|gif|webp|avif)\b/;
  const isForm = type => type.startsWith('application/x-www-form-urlencoded');

  // A body in the form that fits its type, with its size, type and coding.
  const body = async (content, fields, title) => {
    const type = (field(fields, 'content-type') || '').toLowerCase();
    const coding = (field(fields, 'content-encoding') || '').toLowerCase();
    const notes = [bytes(content.count)];
    if (type) notes.push(plain(field(fields, 'content-type')));
    if (!content.whole) notes.push(say('beginning'));
    let text = content.text;
    let data = content.base64 == null ? null : decode64(content.base64);
    if (data && coding) {
      const inner = await uncoded(data, coding);
      if (inner) {
        notes.push(say('decoded', { coding }));
        data = inner;
        const opened = new TextDecoder().decode(inner, { stream: true });
        if (!opened.includes('\ufffd')) { text = opened; data = null; }
      }
    }
    const head = el('h3', {}, title, el('small', {}, notes.join(' · ')));
    if (!content.count) return [el('h3', {}, title), el('p', { class: 'soft' }, say('noBody'))];
    if (data && picture.test(type) && content.whole && !coding) {
      return [head, el('img', { class: 'picture', alt: say('picture'), src: 'data:' + type.match(picture)[0] + ';base64,' + content.base64 })];
    }
    if (text == null) return [head, el('pre', { class: 'body', tabindex: 0 }, hex(data.subarray(0, 1024)) + (data.length > 1024 ? '\n…' : ''))];
    if (isForm(type)) return [head, pairs(Array.from(new URLSearchParams(text)), title)];
    const isJSON = /[/+]json\b/.test(type) || /^\s*[[{]\s*(["[{\]}]|-?\d|true|false|null)/.test(text);
    if (!isJSON || text.length > 300000) return [head, el('pre', { class: 'body wrapped', tabindex: 0 }, plain(text))];
    const raw = el('pre', { class: 'body wrapped', tabindex: 0, hidden: '' }, plain(text));
    const pretty = el('pre', { class: 'body wrapped', tabindex: 0 }, json(text));
    const button = el('button', { class: 'button quiet small push', type: 'button', 'aria-pressed': 'false' }, say('raw'));
    button.addEventListener('click', () => {
      raw.hidden = !raw.hidden;
      pretty.hidden = !raw.hidden;
      button.setAttribute('aria-pressed', String(!raw.hidden));
    });
    head.append(button);
    return [head, pretty, raw];
  };

  // The request as a command for a shell.
  const quote = text => "'" + text.replace(/'/g, "'\\''") + "'";
  const ours = /^(x-forwarded-|content-length$|forwarded$|host$|connection$|x-request-id$)/i;
  const curl = exchange => {
    const fields = exchange.requestFields;
    const host = field(fields, 'x-forwarded-host') || field(fields, 'host') || location.host;
    const url = (field(fields, 'x-forwarded-proto') || 'http') + '://' + host + (field(fields, 'x-forwarded-prefix') || '') + exchange.target;
    const content = exchange.requestBody;
    const parts = ['curl ' + (exchange.method === 'HEAD' ? '-I ' : exchange.method === 'GET' && !content.count ? '' : '-X ' + quote(exchange.method) + ' ') + quote(url)];
    for (const [name, value] of fields) if (!ours.test(name)) parts.push('-H ' + quote(name + (value ? ': ' + value : ';')));
    if (content.count && content.text != null) parts.push('--data-raw ' + quote(content.text));
    if (content.count && content.base64 != null) {
      parts[0] = 'printf %s ' + quote(content.base64) + ' | base64 -d | ' + parts[0];
      parts.push('--data-binary @-');
    }
    return parts.join(' \\\n  ');
  };

  return { language, mask, say, plain, el, milliseconds, bytes, field, statusClass, statusText, pairs, body, curl };
})();
