"""A fetal head and the ultrasound image of it, in simple form.

A `Head` is a subject: gestational age, size, proportions and the shape of its brain. A `View` says
how one image shows it: where the head lies, as an `Ellipse`, how large a pixel is, and which fan
the probe sees. `grey_image` draws both: echo strength in decibels, speckle, log compression.
Positions inside the head are given along its axes, (u, v), where the skull is the unit circle, u
points to the forehead and v across the midline.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Single precision: half the time, and far finer than 256 grey values.
Floats = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 800, 540

# HC18's extremes, in mm and in mm per pixel.
CIRCUMFERENCES = (44.0, 346.4)
PIXEL_SIZES = (0.0494, 0.3933)


@dataclass(frozen=True)
class Ellipse:
    """Centre (x, y) and semi-axes in pixels, y pointing down; `angle` turns `major` from x to y.

    x, y: pixel centres are whole numbers. angle: radians.
    """

    x: float
    y: float
    major: float
    minor: float
    angle: float

    @property
    def perimeter(self) -> float:
        """Length in pixels, by Ramanujan's second formula (1914); error below 1e-9 for heads."""
        total = self.major + self.minor
        h = ((self.major - self.minor) / total) ** 2
        return math.pi * total * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))

    @property
    def half_extent(self) -> tuple[float, float]:
        """Half the width and half the height of the upright box around it, in pixels."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        width = math.hypot(self.major * cosine, self.minor * sine)
        return width, math.hypot(self.major * sine, self.minor * cosine)

    def own_coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Coordinates (u, v) along the axes in which the ellipse is the unit circle."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = x - self.x, y - self.y
        return (x * cosine + y * sine) / self.major, (y * cosine - x * sine) / self.minor

    def outline(self, width: int, height: int) -> NDArray[np.uint8]:
        """The ellipse as a closed line one pixel wide: uint8 (height, width), 255 on 0."""
        # Twice as many points as pixels, so that no pixel of the line is left out.
        t = np.linspace(0, 2 * math.pi, max(16, math.ceil(2 * self.perimeter)), endpoint=False)
        along, across = self.major * np.cos(t), self.minor * np.sin(t)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x = np.rint(self.x + along * cosine - across * sine).astype(np.int64)
        y = np.rint(self.y + along * sine + across * cosine).astype(np.int64)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        image = np.zeros((height, width), np.uint8)
        image[y[inside], x[inside]] = 255
        return image


class Head(NamedTuple):
    """A subject. weeks: gestational age; circumference in mm; ratio: width over length.

    shape: seed of the brain's individual features, the same in all images of the subject.
    """

    weeks: float
    circumference: float
    ratio: float
    shape: int

    @property
    def trimester(self) -> int:
        return 1 if self.weeks < 14 else 2 if self.weeks < 26 else 3


class Fan(NamedTuple):
    """The sector that the probe sees, in pixels and radians, around an apex above the image."""

    apex_x: float
    apex_y: float
    near: float
    far: float
    half_angle: float


class View(NamedTuple):
    """One image of a head. ellipse: outer border of the skull in pixels; pixel_size in mm."""

    ellipse: Ellipse
    pixel_size: float
    fan: Fan


def draw_head(rng: np.random.Generator) -> Head:
    """A subject drawn as HC18's were: 17 % first, 69 % second, 14 % third trimester.

    Size follows age as in Hadlock et al., AJR 143 (1984), w in weeks:
    HC in cm = -11.48 + 1.56 w - 0.0002548 w^3.
    """
    mean, spread, low, high = (
        (12.6, 0.7, 10.5, 13.9),
        (19.9, 1.35, 14.0, 25.9),
        (31.5, 3.0, 26.0, 40.0),
    )[int(rng.choice(3, p=(0.17, 0.69, 0.14)))]
    weeks = float(np.clip(rng.normal(mean, spread), low, high))
    expected = 10 * (-11.48 + 1.56 * weeks - 0.0002548 * weeks**3)
    circumference = float(np.clip(expected * rng.normal(1, 0.04), *CIRCUMFERENCES))
    ratio = float(np.clip(rng.normal(0.79, 0.035), 0.70, 0.92))
    return Head(weeks, round(circumference, 2), ratio, int(rng.integers(2**31)))


def draw_view(head: Head, rng: np.random.Generator) -> View:
    """Place `head` in an image as a sonographer would: large, nearly level, near the middle."""
    perimeter = rng.normal(*((980, 210), (1370, 170), (1340, 165))[head.trimester - 1])
    perimeter = float(np.clip(perimeter, 450, 1720))
    pixel_size = float(np.clip(head.circumference / perimeter, *PIXEL_SIZES))
    # As many digits as the table gives, so that table and image agree exactly.
    pixel_size = float(f"{pixel_size:.12g}")
    length, unit = head.circumference / pixel_size, Ellipse(0, 0, 1.0, head.ratio, 0).perimeter
    major, minor = length / unit, head.ratio * length / unit
    steep = rng.random() < (0.5 if head.trimester == 1 else 0.12)
    angle = math.radians(rng.normal(0, 35 if steep else 7))
    while Ellipse(0, 0, major, minor, angle).half_extent[1] > HEIGHT / 2 - 6:
        angle /= 2
    reach_x, reach_y = (e + 5 for e in Ellipse(0, 0, major, minor, angle).half_extent)
    x = float(np.clip(rng.normal(0.493 * WIDTH, 36), reach_x, WIDTH - reach_x))
    y = float(np.clip(rng.normal(0.505 * HEIGHT, 30), reach_y, HEIGHT - reach_y))
    # So near an apex the fan is seen whole; farther off the image cuts it, as in most of HC18.
    whole = perimeter < 1200 and rng.random() < 0.5
    above = rng.uniform(60, 120) if whole else rng.uniform(420, 1100)
    far = (above + HEIGHT) * (rng.uniform(0.93, 0.99) if whole else rng.uniform(0.97, 1.12))
    half_angle = math.atan(WIDTH * rng.uniform(0.46, 0.58) / (above + HEIGHT))
    fan = Fan(rng.normal(x, 12), -above, above + rng.uniform(-20, 13), far, half_angle)
    return View(Ellipse(x, y, major, minor, angle), pixel_size, fan)


def grey_image(head: Head, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What the scanner shows: uint8 (540, 800), black outside the fan; `rng`: all but the head."""
    x, y = np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)[:, None]
    fan, ellipse = view.fan, view.ellipse
    beam = np.arctan2(x - fan.apex_x, y - fan.apex_y)
    depth = (np.hypot(x - fan.apex_x, y - fan.apex_y) - fan.near) / (fan.far - fan.near)
    u, v = ellipse.own_coordinates(x, y)
    radius = np.hypot(u, v)

    # Womb and abdominal wall in layers, then fluid around the head, all in decibels.
    level = rng.normal(-6, 3) + 3.5 * _smooth(rng, 7, 6) + 2.5 * _smooth(rng, 45, 9)
    level += 5 * (1 + _smooth(rng, 60, 2)) * np.exp(-depth / 0.1) - rng.uniform(0, 9) * depth
    span = (0.55, 0.16, 0.08)[head.trimester - 1] * rng.gamma(0.7, 1.4)
    pocket = np.hypot(u - rng.normal(0, 0.6 * span), v - rng.normal(0, 0.6 * span))
    edge = pocket - 1 - span + 0.09 * _smooth(rng, 5, 5)
    level += _below(edge, 0.03) * (rng.normal(-34, 4) - level)
    level += _below(radius - 1, 0.02) * (_brain(head, u, v, rng) - level)
    # Bone is brightest where the beam meets it squarely; the normal is the gradient of u^2 + v^2.
    normal = np.arctan2(v / ellipse.minor, u / ellipse.major) + ellipse.angle
    squarely = np.sin(normal + beam) ** 4
    bone = rng.normal(12, 1.5) + 20 * np.log10(0.02 + 0.98 * squarely) + 3 * _smooth(rng, 9, 9)
    thickness = (0.040, 0.030, 0.026)[head.trimester - 1] * rng.uniform(0.85, 1.4)
    np.maximum(level, bone - 4 * ((radius - 1 + thickness) / thickness) ** 2, out=level)

    # Noise grows with depth, as the scanner's time gain does; white is 12 dB above solid tissue.
    noise = rng.normal(-36, 3) + rng.uniform(4, 14) * depth
    power = _speckle(rng) * 10 ** (level / 10) + 10 ** (noise / 10)
    decibels = 10 * np.log10(power) + rng.normal(-6, 2.5)
    share = np.clip(1 + (decibels - 12) / rng.uniform(44, 58), 0, 1) ** rng.uniform(1.5, 2.1)
    seen = (np.abs(beam) < fan.half_angle) & (depth > 0) & (depth < 1)
    shown: NDArray[np.uint8] = np.rint(255 * share * seen).astype(np.uint8)
    return shown


def _brain(head: Head, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Echo strength in decibels: fluid in two ventricles, bright choroid plexus, and the midline.

    In the first trimester ventricles and plexus fill most of the head.
    """
    own, early = np.random.default_rng(head.shape), head.trimester == 1
    level = rng.normal(-18, 2.5) + 3 * _smooth(rng, 22, 14) + 2 * _smooth(rng, 6, 5)
    u = u * int(own.choice((-1, 1))) + 0.03 * _smooth(rng, 7, 9)
    v = v + own.normal(0, 0.03) + own.normal(0, 0.05) * u + 0.02 * _smooth(rng, 7, 9)
    size = 1.7 if early else 1.0
    for side in (-1, 1):
        tilt, at_u, at_v = own.normal(0.1, 0.08), own.uniform(-0.3, -0.1), own.uniform(0.32, 0.4)
        along, across = (u - at_u) / size, (side * v - at_v - tilt * u) / size
        ventricle = np.hypot(along / own.uniform(0.38, 0.48), across / own.uniform(0.08, 0.13)) - 1
        level += _below(ventricle, 0.1) * rng.uniform(0.4, 1) * (-28 - level)
        half = own.uniform(0.18, 0.26), own.uniform(0.06, 0.09)
        plexus = np.hypot((along + 0.1) / half[0], (across - 0.02) / half[1]) - 1
        level += _below(plexus, 0.15) * rng.uniform(0.6, 1) * (own.uniform(-6, 0) - level)
    # The falx, interrupted by the cavum septi pellucidi in front.
    cavum = np.hypot((u - own.uniform(0.35, 0.5)) / 0.12, v / 0.07) - 1
    falx = own.uniform(-8, 2) - (v / own.uniform(0.010, 0.016)) ** 2 + 4 * _smooth(rng, 9, 9)
    level = np.maximum(level, np.where(np.abs(u) < 0.92, falx, -60))
    return level if early else level + _below(cavum, 0.1) * (-30 - level)


def _smooth(rng: np.random.Generator, down: int, across: int) -> Floats:
    """A smooth random map (540, 800) of `down` x `across` cells, about N(0, 1)."""
    cells = Image.fromarray(1.25 * rng.standard_normal((down, across), np.float32))
    return np.asarray(cells.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def _speckle(rng: np.random.Generator, looks: int = 3) -> Floats:
    """Power of fully developed speckle (540, 800), mean 1, averaged over independent looks.

    One look is exponentially distributed: the echo is complex normal, its amplitude Rayleigh.
    """
    from scipy.ndimage import gaussian_filter  # here: scipy takes long to load

    depth, across = 1.1, 1.7  # sigma of the point spread function in pixels
    power: Floats = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(2 * looks):  # real and imaginary part of each
        echo = rng.standard_normal((HEIGHT, WIDTH), np.float32)
        power += gaussian_filter(echo, (depth, across), truncate=3) ** 2
    # A Gaussian's sum of squares is 1 / (2 sigma sqrt(pi)) along each axis.
    return power * (4 * math.pi * depth * across / (2 * looks))


def _below(distance: Floats, softness: float) -> Floats:
    """1 where the distance is negative, 0 where it is positive, with a soft border."""
    return np.asarray(0.5 * (1 - np.tanh(distance / softness)))
