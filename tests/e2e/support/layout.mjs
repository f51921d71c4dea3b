// What a person would call broken, measured: boxes that stick out, text that is cut, buttons that cover each other or
// are too small to hit.

/** Runs in the page. Gives sentences; none means that all is well. */
export const findFaults = () => {
  const faults = [];
  const layer = [...document.querySelectorAll('dialog[open]')].at(-1);
  const root = layer ?? document.body;
  const name = (element) => {
    const text = (element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 40);
    return `<${element.tagName.toLowerCase()} class="${element.className.baseVal ?? element.className}"> ${text}`;
  };
  const shown = (element) => {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    if (element.closest('.hidden, .skip-link, datalist, option, [aria-hidden=true]')) return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const all = [...root.querySelectorAll('*')].filter(shown);

  if (document.documentElement.scrollWidth > window.innerWidth)
    faults.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} px`);

  for (const element of all) {
    if (element.closest('svg') && element.tagName !== 'svg') continue;
    const box = element.getBoundingClientRect();
    if (box.left < -0.5 || box.right > window.innerWidth + 0.5) faults.push(`sticks out: ${name(element)}`);
    const style = getComputedStyle(element);
    const cuts = style.overflowX === 'hidden' || style.overflowX === 'clip';
    const ellipsis = style.textOverflow === 'ellipsis';
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (own && !ellipsis && style.display !== 'inline' && element.scrollWidth > element.clientWidth + 1)
      faults.push(`text is wider than its box: ${name(element)}`);
    if (own && cuts && !ellipsis && element.scrollHeight > element.clientHeight + 1)
      faults.push(`text is cut: ${name(element)}`);
    // An ellipsis is for texts that people write, not for the app's own.
    if (ellipsis && element.scrollWidth > element.clientWidth + 1 && element.closest('nav.bottom-bar, button'))
      faults.push(`a label is cut: ${name(element)}`);
  }

  const targets = all.filter(
    (element) =>
      element.matches('button, a[href], input, select, textarea, [role=checkbox], [role=option]') &&
      !element.matches('.segmented input') &&
      element.closest('.bottom-bar, .float-add, .toasts, .banners') === null,
  );
  for (const element of targets) {
    const box = element.getBoundingClientRect();
    // Links in a sentence may be as high as its line.
    const inText = element.matches('a') && getComputedStyle(element).display === 'inline';
    const label = element.closest('label')?.getBoundingClientRect();
    const height = Math.max(box.height, label?.height ?? 0);
    const width = Math.max(box.width, label?.width ?? 0);
    if (!inText && (height < 23.5 || width < 23.5))
      faults.push(`smaller than 24 px: ${Math.round(width)}×${Math.round(height)} ${name(element)}`);
  }
  for (const [index, one] of targets.entries())
    for (const other of targets.slice(index + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      // Row actions lie over the row's end on purpose, and are shown with the pointer only.
      if (one.closest('.row-actions') || other.closest('.row-actions') || one.closest('.with-button')) continue;
      const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const sticky = (element) => element.closest('.detail-head, .popup-head, .palette-field, .sidebar, .detail-panel');
      if (sticky(one) !== sticky(other)) continue;
      if (wide > 1 && high > 1) faults.push(`cover each other: ${name(one)} / ${name(other)}`);
    }
  return [...new Set(faults)];
};
