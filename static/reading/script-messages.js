// Texts for scripts, in the reader's language: the server puts them on the page.
const WORDS = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

export function scriptMessage(key, values = {}) {
  if (!(key in WORDS)) throw new Error(`no word for ${key}`);
  return WORDS[key].replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}
