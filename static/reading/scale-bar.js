// A bar of a round length in the image's own millimetres.
const LONGEST_PX = 120;

// The longest of 1, 2 and 5 times a power of ten millimetres that fits.
export function roundLength(pixelsPerMm) {
  const most = LONGEST_PX / pixelsPerMm;
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [5, 2, 1].find((each) => each * power <= most);
  return Number((step * power).toPrecision(1));
}

export const lengthLabel = (mm) => (mm >= 10 ? `${mm / 10} cm` : `${mm} mm`);

export function drawScaleBar(bar, pixelsPerMm) {
  const mm = roundLength(pixelsPerMm);
  bar.firstElementChild.style.width = `${mm * pixelsPerMm}px`;
  bar.lastElementChild.textContent = lengthLabel(mm);
  bar.hidden = false;
}
