// Single-key shortcuts.
export function mountKeys(_root, _hooks) {}
