// The two images side by side.
export function mountViewer(_root, _hooks) {}
