// A button to copy each block of commands or settings.
(() => {
  'use strict';
  if (!navigator.clipboard) return;
  const texts = JSON.parse(document.getElementById('texts').textContent);
  for (const block of document.querySelectorAll('main pre')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'button small';
    button.textContent = texts.copy;
    const frame = document.createElement('div');
    frame.className = 'copied';
    block.replaceWith(frame);
    frame.append(block, button);
    button.addEventListener('click', async () => {
      try { await navigator.clipboard.writeText(block.textContent); } catch { return; }
      button.textContent = texts.copied;
      setTimeout(() => { button.textContent = texts.copy; }, 1500);
    });
  }
})();
