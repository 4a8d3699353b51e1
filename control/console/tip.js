/** Words beside the pointer, for marks of charts: whatever `data-tip` says. */

const AWAY = 14; // pixels between the pointer and the words

/** Show tips for everything on the page, in this element. */
export function showTips(tip) {
  document.addEventListener("pointermove", (event) => place(tip, event));
  document.addEventListener("pointerdown", (event) => place(tip, event));
  document.addEventListener("scroll", () => tip.hidden || (tip.hidden = true), { passive: true, capture: true });
}

function place(tip, { target, clientX, clientY }) {
  const text = target.closest?.("[data-tip]")?.dataset.tip;
  tip.hidden = !text;
  if (!text) return;
  if (tip.textContent !== text) tip.textContent = text;
  const { width, height } = tip.getBoundingClientRect();
  const left = clientX + AWAY + width > innerWidth ? clientX - AWAY - width : clientX + AWAY;
  const top = clientY + AWAY + height > innerHeight ? clientY - AWAY - height : clientY + AWAY;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}
