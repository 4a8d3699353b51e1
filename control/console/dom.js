/**
 * Making elements, and bringing what is on the page up to date with them.
 *
 * Views are functions from data to fresh elements; `morph` changes the page only where it differs, so a refresh keeps
 * focus, scroll position, selected text and opened details. Text always becomes text nodes, never markup: names of
 * unknown fields come from whoever calls an endpoint.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes and children that are null or false are left out; lists of children may nest. */
export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);

/** An SVG element, likewise. */
export const svg = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** A name that may be long, strange and not ours: cut short if it must be, kept from turning the text around it. */
export const named = (name, description) => h("bdi", { class: "name", title: description ?? name }, name);

/** Make an element on the page hold these children. */
export function show(element, ...children) {
  const wanted = element.cloneNode(false);
  morphChildren(element, filled(wanted, {}, children));
}

/** Make a node on the page be like another one, touching only what differs. */
function morph(current, wanted) {
  if (current.nodeName !== wanted.nodeName) {
    current.replaceWith(wanted);
  } else if (current.nodeType === Node.TEXT_NODE) {
    if (current.data !== wanted.data) current.data = wanted.data;
  } else {
    morphAttributes(current, wanted);
    morphChildren(current, wanted);
    if (current.nodeName === "SELECT") current.value = wanted.value;
  }
}

function morphAttributes(current, wanted) {
  for (const { name, value } of wanted.attributes) {
    if (current.getAttribute(name) !== value) current.setAttribute(name, value);
  }
  for (const { name } of [...current.attributes]) {
    const isTheReaders = name === "open"; // which details are open is for the reader to say
    if (!wanted.hasAttribute(name) && !isTheReaders) current.removeAttribute(name);
  }
}

/** Children are matched by id where they have one, else by their place. */
function morphChildren(current, wanted) {
  let place = current.firstChild;
  for (const child of [...wanted.childNodes]) {
    const kept = child.id && [...current.children].find((other) => other.id === child.id);
    if (kept && kept !== place) {
      current.insertBefore(kept, place);
      place = kept;
    }
    if (!place || (place.id ?? "") !== (child.id ?? "")) {
      current.insertBefore(child, place);
    } else {
      const next = place.nextSibling;
      morph(place, child);
      place = next;
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
