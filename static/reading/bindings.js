// Which key does what: the standard keys are in the page (data-action, data-key), a reader's own
// are kept in the browser.
import { readSettings, saveSettings } from "./reader-settings.js";

// Standard keys of what submits or changes a diagnosis or its aid, in whichever stage. They do
// nothing else in the other stage either: a habit from there would store a diagnosis here.
const KEPT = new Set([
  ...["b", "m", "1", "2", "3", "4", "k", "Enter", "Backspace", "c"],
  ...["Shift+1", "Shift+2", "Shift+3", "Shift+4", "Shift+5", "7", "8", "9", "h"],
]);
const STANDARD = { off: false, own: {} };

export class Bindings {
  #root;
  #settings = readSettings("keys", STANDARD);

  constructor(root) {
    this.#root = root;
  }

  get isOff() {
    return this.#settings.off;
  }

  switchOff(off) {
    this.#keep({ off });
  }

  reset() {
    this.#keep({ own: {} });
  }

  assign(action, name) {
    this.#keep({ own: { ...this.#settings.own, [action]: name } });
  }

  // Whether a key is not this element's to have: it is kept, or the reader gave it to an action
  // that another page has.
  isKeptFrom(element, name) {
    if (isKept(element, name)) return true;
    const here = new Set(this.#elements().map((each) => each.dataset.action));
    const own = Object.entries(this.#settings.own);
    return own.some(([action, its]) => its === name && !here.has(action));
  }

  // [element, [key names]] of each action in the page's order. Standard keys go first; an own key
  // that is kept from its action counts for nothing.
  all() {
    const elements = this.#elements();
    const taken = new Map();
    const take = (element, names) => {
      const free = names.filter((name) => !taken.has(name));
      for (const name of free) taken.set(name, element);
      return free;
    };
    const ownOf = (element) => {
      const name = this.#settings.own[element.dataset.action];
      return name && !isKept(element, name) ? name : null;
    };
    const keys = new Map();
    for (const element of elements.filter((each) => !ownOf(each))) {
      keys.set(element, take(element, standardOf(element)));
    }
    for (const element of elements.filter(ownOf)) {
      const own = take(element, [ownOf(element)]);
      keys.set(element, own.length ? own : take(element, standardOf(element)));
    }
    return elements.map((element) => [element, keys.get(element)]);
  }

  find(name) {
    return this.all().find(([, names]) => names.includes(name))?.[0];
  }

  #elements() {
    return [...this.#root.querySelectorAll("[data-action][data-key]")];
  }

  #keep(changed) {
    Object.assign(this.#settings, changed);
    saveSettings("keys", this.#settings);
  }
}

const standardOf = (element) => element.dataset.key.split(" ").filter(Boolean);
const isKept = (element, name) => KEPT.has(name) && !standardOf(element).includes(name);
