// The image as it is: every pixel of it a block of whole pixels of the screen, none in between.

const stage = document.getElementById("stage");
const picture = document.getElementById("picture");

/** Screen pixels an image pixel: the largest whole number that fits the place for the image. */
function zoomOf(box) {
  const ratio = window.devicePixelRatio;
  const most = Math.min((box.width * ratio) / STUDY.width, (box.height * ratio) / STUDY.height);
  return Math.max(1, Math.floor(most));
}

/** Screen pixels as a length; a trace more, as browsers round lengths down to 1/64 of a pixel. */
const screenPixels = (count) => `${(count + 0.01) / window.devicePixelRatio}px`;

/**
 * Lay the image on the grid of the screen's pixels; gives the zoom.
 * Its place counts from the page's corner: a parent at half a pixel would move it off the grid.
 */
function place() {
  const box = stage.getBoundingClientRect();
  const zoom = zoomOf(box);
  const start = (from, room, size) => Math.round((from + room / 2) * window.devicePixelRatio - size / 2);
  const width = STUDY.width * zoom;
  const height = STUDY.height * zoom;
  picture.style.width = screenPixels(width);
  picture.style.height = screenPixels(height);
  picture.style.left = screenPixels(start(box.left + window.scrollX, box.width, width));
  picture.style.top = screenPixels(start(box.top + window.scrollY, box.height, height));
  document.getElementById("zoom").textContent = say("zoom", { zoom });
  return zoom;
}

/** Show an image; done when it is there to be looked at. */
async function showImage(id) {
  const source = `data:image/png;base64,${PICTURES[id]}`;
  if (picture.src !== source) {
    await new Promise((resolve) => {
      picture.onload = resolve;
      picture.onerror = resolve;
      picture.src = source;
    });
  }
  place();
}
