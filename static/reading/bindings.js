// Which key does what: the standard keys are in the page (data-action, data-key), a reader's own
// are kept in the browser.
import { recall, retain } from "./settings.js";

const STANDARD = { off: false, own: {} };

export class Bindings {
  #root;
  #settings = recall("keys", STANDARD);

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

  // [element, [key names]] of each action in the page's order. Standard keys go first: a key that
  // a reader gave to something else on an earlier page is not taken from what it is for here; what
  // had it falls back to its own standard key.
  all() {
    const elements = [...this.#root.querySelectorAll("[data-action][data-key]")];
    const taken = new Map();
    const take = (element, names) => {
      const free = names.filter((name) => !taken.has(name));
      for (const name of free) taken.set(name, element);
      return free;
    };
    const ownOf = (element) => this.#settings.own[element.dataset.action];
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

  #keep(changed) {
    Object.assign(this.#settings, changed);
    retain("keys", this.#settings);
  }
}

const standardOf = (element) => element.dataset.key.split(" ").filter(Boolean);
