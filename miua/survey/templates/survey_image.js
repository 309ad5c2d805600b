// The image as it is: every pixel of it a block of whole pixels of the screen, none in between.

const stage = document.getElementById("stage");
const picture = document.getElementById("picture");

/** Screen pixels an image pixel: the largest whole number that fits the place for the image. */
function zoomOf(box) {
  const ratio = window.devicePixelRatio;
  const most = Math.min((box.width * ratio) / STUDY.width, (box.height * ratio) / STUDY.height);
  return Math.max(1, Math.floor(most));
}

/** Lay the image on the grid of the screen's pixels; gives the zoom. */
function place() {
  const box = stage.getBoundingClientRect();
  const ratio = window.devicePixelRatio;
  const zoom = zoomOf(box);
  const onGrid = (start, room, size) => (Math.round((start + room / 2) * ratio - size / 2) / ratio) - start;
  picture.style.width = `${(STUDY.width * zoom) / ratio}px`;
  picture.style.height = `${(STUDY.height * zoom) / ratio}px`;
  picture.style.left = `${onGrid(box.left, box.width, STUDY.width * zoom)}px`;
  picture.style.top = `${onGrid(box.top, box.height, STUDY.height * zoom)}px`;
  document.getElementById("zoom").textContent = say("zoom", { zoom });
  return zoom;
}

/** Show an image; done when it is there to be looked at. */
async function showImage(id) {
  const source = `data:image/png;base64,${PICTURES[id]}`;
  if (picture.src !== source) {
    picture.src = source;
    await picture.decode();
  }
  place();
}
