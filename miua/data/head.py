"""A fetal head and what surrounds it, as an ultrasound probe would meet them.

A `Head` is a subject: gestational age, size, proportions and the shape of its brain. A `View` is
one image of it: where the head lies, as an `Ellipse`, how large a pixel is, and the fan that looks
at it. `tissue()` joins both to maps of echo strength. Positions inside the head are given along its
axes, (u, v), where the skull is the unit circle, u points to the forehead and v across the midline.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miua.data.ultrasound import Fan, Floats, Tissue, smooth_field

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
        along, across = _turned(x - self.x, y - self.y, self.angle)
        return along / self.major, across / self.minor

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


@dataclass(frozen=True)
class Head:
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


@dataclass(frozen=True)
class View:
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


def draw_view(head: Head, width: int, height: int, rng: np.random.Generator) -> View:
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
    ellipse = Ellipse(0, 0, major, minor, angle)
    while ellipse.half_extent[1] > height / 2 - 6:
        angle /= 2
        ellipse = Ellipse(0, 0, major, minor, angle)
    reach_x, reach_y = (extent + 5 for extent in ellipse.half_extent)
    x = float(np.clip(rng.normal(0.493 * width, 36), reach_x, width - reach_x))
    y = float(np.clip(rng.normal(0.505 * height, 30), reach_y, height - reach_y))
    ellipse = Ellipse(x, y, major, minor, angle)
    zoomed_out = perimeter < 1200 and head.trimester > 1 and rng.random() < 0.75
    fan = _far_fan(ellipse, height, rng) if zoomed_out else _near_fan(width, height, rng)
    return View(ellipse, pixel_size, fan)


def tissue(head: Head, view: View, rng: np.random.Generator) -> Tissue:
    """Echo strength of the whole scene on the fan's grid; `rng` makes what is not the head."""
    x, y = view.fan.positions
    u, v = view.ellipse.own_coordinates(x, y)
    radius = np.hypot(u, v)
    # Signed distance to the outline in pixels, to first order; exact on the outline itself.
    slope = np.hypot(u / view.ellipse.major, v / view.ellipse.minor) / np.maximum(radius, 1e-6)
    outside = (radius - 1) / np.maximum(slope, 1e-6)
    level, surface = _surroundings(head, view, outside, rng)
    brain = _Brain(head, view, u, v, rng)
    inner = _step(-outside / 4)
    level = level * (1 - inner) + brain.level * inner
    surface = surface * (1 - inner) + brain.surface * inner
    bone_level, bone_surface, loss = _skull(head, view, outside, u, v, rng)
    return Tissue(np.maximum(level, bone_level), surface + bone_surface, loss)


def _near_fan(width: int, height: int, rng: np.random.Generator) -> Fan:
    """A fan so large that the image cuts it off, as in most of HC18."""
    above = rng.uniform(420, 1100)
    reach = 0.5 * width * rng.uniform(0.92, 1.14)
    half = math.atan(reach / (above + height))
    steer = rng.normal(0, 0.03)
    near = above + rng.uniform(-25, 14)
    far = (above + height) * rng.uniform(0.97, 1.12)
    return Fan(width * rng.normal(0.48, 0.015), -above, near, far, steer - half, steer + half)


def _far_fan(ellipse: Ellipse, height: int, rng: np.random.Generator) -> Fan:
    """A fan seen whole, with the head in its middle."""
    above = rng.uniform(40, 110)
    near = above + rng.uniform(-5, 12)
    far = max(above + height * rng.uniform(0.9, 0.99), above + ellipse.y + 1.1 * ellipse.minor)
    half = math.radians(rng.uniform(27, 36))
    return Fan(ellipse.x + rng.normal(0, 12), -above, near, far, -half, half)


def _skull(
    head: Head, view: View, outside: Floats, u: Floats, v: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Bone: brightest where the beam meets it squarely, and a shadow behind."""
    ellipse = view.ellipse
    thickness = {1: 0.040, 2: 0.030, 3: 0.026}[head.trimester] * rng.uniform(0.85, 1.4)
    sigma = thickness * ellipse.minor
    outside = outside + 0.25 * sigma * smooth_field(rng, 9, 9)
    shell = np.exp(-(((outside + 1.2 * sigma) / sigma) ** 2))
    # Cosine between beam and surface normal; the normal is the gradient of u^2 + v^2.
    normal = np.arctan2(v / ellipse.minor, u / ellipse.major) + ellipse.angle
    squarely = np.abs(np.cos(normal - (math.pi / 2 - view.fan.angles)))
    around = np.arctan2(v, u)
    uneven = _around(around, rng, 9)
    strength = 10 ** (rng.normal(0, 1.5) / 20) * (0.03 + 0.97 * squarely**2)
    strength *= np.clip(1 + 0.4 * uneven, 0.1, 1.8)
    # Sutures, where two bones meet: narrow gaps.
    for place in rng.uniform(-math.pi, math.pi, rng.integers(0, 4)).tolist():
        away = _wrapped(around - place)
        strength *= 1 - 0.8 * np.exp(-((away / rng.uniform(0.04, 0.10)) ** 2))
    per_pixel = {1: 0.10, 2: 0.13, 3: 0.2}[head.trimester] * rng.uniform(0.6, 1.5)
    loss = per_pixel * view.fan.sample_length * shell * np.clip(1 + 0.3 * uneven, 0.2, 2)
    return -40 + 27 * shell, 5.0 * strength * shell, loss


class _Brain:
    """The brain while it is drawn: echo `level` and mirror-like `surface` at the positions u, v.

    own: draws the features that all images of the subject share; rng: those of this image.
    """

    def __init__(
        self, head: Head, view: View, u: Floats, v: Floats, rng: np.random.Generator
    ) -> None:
        self.own = own = np.random.default_rng(head.shape)
        self.rng = rng
        self.u = u = u * int(own.choice((-1, 1))) + 0.03 * smooth_field(rng, 9, 7)
        v = v + 0.025 * smooth_field(rng, 9, 7)
        texture = smooth_field(rng, 22, 14)
        self.level = rng.normal(-18, 2.5) + 2.6 * texture + 2.0 * smooth_field(rng, 6, 5)
        # Reverberation of the near skull veils the near half; down is where the fan points.
        near_side = -math.copysign(1, math.cos(view.ellipse.angle)) * v
        self.level += rng.uniform(0, 5) * np.clip(near_side, 0, 1)
        self.v = v - (own.normal(0, 0.03) + own.normal(0, 0.05) * u + own.normal(0, 0.04) * u**2)
        self.surface: Floats = np.zeros_like(u)
        if head.trimester == 1:
            self.first_trimester()
        else:
            self.midline()
            self.ventricles()
            if own.random() < 0.35:
                self.cerebellum()
            self.folds(head.trimester, v)

    def blend(self, value: float, share: Floats) -> None:
        """Move the level towards `value` in dB where `share` is not 0."""
        self.level = self.level + share * (value - self.level)

    def blob(
        self, u0: float, v0: float, half_u: float, half_v: float, turn: float, v: Floats
    ) -> Floats:
        """1 inside a turned ellipse, 0 outside, with a soft border; v: across, perhaps bent."""
        along, across = _turned(self.u - u0, v - v0, turn)
        return _step((1 - np.hypot(along / half_u, across / half_v)) / 0.12)

    def along(self, waves: int) -> Floats:
        """A smooth random function of position along the head, about N(0, 1)."""
        return _around(np.clip(self.u, -1, 1) * math.pi, self.rng, waves)

    def first_trimester(self) -> None:
        """Thin brain around wide ventricles, filled by two bright choroid plexuses."""
        own = self.own
        self.level = self.level + own.uniform(-8, 6)
        for side in (-1, 1):
            place = own.normal(-0.05, 0.1), side * own.uniform(0.33, 0.42)
            wide = own.uniform(0.42, 0.62), own.uniform(0.20, 0.30)
            plexus = self.blob(*place, *wide, side * own.normal(0.15, 0.15), self.v)
            self.blend(own.uniform(-6, 0), plexus)
        falx = _line(self.v, 0.03) * _step((0.9 - np.abs(self.u)) / 0.05)
        self.blend(-4.0, falx)
        self.surface += own.uniform(0.3, 1.0) * falx

    def midline(self) -> None:
        """The falx in pieces, the cavum septi pellucidi in front, the thalami beside the middle."""
        u, v, own = self.u, self.v, self.own
        for side in (-1, 1):
            thalamus = self.blob(own.normal(-0.02, 0.04), side * 0.15, 0.2, 0.11, side * 0.3, v)
            self.blend(own.normal(-20, 2), 0.8 * thalamus)
        cavum = own.uniform(0.28, 0.45)
        box = _step((0.09 - np.abs(u - cavum)) / 0.02) * _step((0.05 - np.abs(v)) / 0.012)
        self.blend(-30.0, box)
        walls = _line(np.abs(v) - 0.055, 0.016) * _step((0.12 - np.abs(u - cavum)) / 0.03)
        falx = _line(v, own.uniform(0.014, 0.022)) * _step((0.93 - np.abs(u)) / 0.03) * (1 - box)
        broken = np.clip(0.6 + 0.8 * self.along(9), 0, 1.5)
        self.surface += own.uniform(0.5, 1.6) * falx * broken
        self.surface += own.uniform(0.5, 1.5) * walls
        self.blend(-7.0, 0.8 * falx)

    def ventricles(self) -> None:
        """Lateral ventricles: dark, with bright walls and the choroid plexus; clearer far away."""
        u, own = self.u, self.own
        far_side = int(own.choice((-1, 1)))
        for side in (-1, 1):
            clear = self.rng.uniform(*((0.6, 1) if side == far_side else (0.1, 0.5)))
            offset, tilt = own.uniform(0.30, 0.42), own.normal(0.12, 0.08)
            start, end = own.uniform(-0.75, -0.6), own.uniform(0.0, 0.3)
            course = side * self.v - offset - tilt * u
            along = _step((u - start) / 0.05) * _step((end - u) / 0.05)
            half = own.uniform(0.06, 0.11)
            self.blend(-27.0, clear * along * _step((half - np.abs(course)) / 0.02))
            whole = np.clip(0.5 + self.along(7), 0, 1.3)
            walls = _line(np.abs(course) - half, 0.02) * along * whole
            self.surface += clear * own.uniform(0.4, 1.4) * walls
            place, length = own.uniform(-0.45, -0.25), own.uniform(0.13, 0.22)
            plexus = self.blob(place, 0.02, length, 0.9 * half + 0.03, 0.0, course)
            self.blend(own.uniform(-5, 1), clear * plexus)

    def cerebellum(self) -> None:
        """Two round lobes behind, with bright borders, and the dark cisterna magna behind them."""
        place = self.own.uniform(-0.68, -0.58)
        self.blend(-30.0, self.blob(place - 0.17, 0, 0.12, 0.28, 0.0, self.v))
        for side in (-1, 1):
            radius = np.hypot((self.u - place) / 0.14, (self.v - side * 0.2) / 0.2)
            self.blend(-15.0, _step((1 - radius) / 0.1))
            self.surface += self.own.uniform(0.1, 0.35) * _line(radius - 1, 0.12)

    def folds(self, trimester: int, v: Floats) -> None:
        """Sylvian fissures and, later in pregnancy, sulci: short bright lines near the skull."""
        own = self.own
        count = int(own.integers(3, 7)) + (6 if trimester == 3 else 0)
        radius, around = np.hypot(self.u, v), np.arctan2(v, self.u)
        for _ in range(count):
            place, depth = own.uniform(-math.pi, math.pi), own.uniform(0.45, 0.85)
            away = _wrapped(around - place)
            course = radius - depth - own.normal(0, 0.25) * away
            spark = _line(course, 0.02) * np.exp(-((away / own.uniform(0.08, 0.25)) ** 2))
            self.surface += self.rng.uniform(0.3, 1.2) * spark
            self.blend(-8.0, 0.6 * spark)


def _surroundings(
    head: Head, view: View, outside: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Uterus, placenta and abdominal wall, with amniotic fluid around part of the head."""
    x, y = view.fan.positions
    streaks = smooth_field(rng, 48, 9)
    level = rng.normal(-6, 3) + 2.5 * streaks + 3.5 * smooth_field(rng, 7, 6)
    # Layers of skin, fat and muscle lie across the beams near the probe.
    fan = view.fan
    depth = (np.hypot(x - fan.apex_x, y - fan.apex_y) - fan.near) / (fan.far - fan.near)
    layers = smooth_field(rng, 60, 2) * np.exp(-depth / 0.10)
    level = level + 5 * layers + rng.uniform(0, 5) * np.exp(-depth / 0.08)
    level -= rng.uniform(0, 9) * depth
    # The pocket of fluid: a wobbly ellipse around the head, moved to one side.
    span = {1: 0.55, 2: 0.16, 3: 0.08}[head.trimester] * rng.gamma(0.7, 1.4)
    size = view.ellipse.minor
    shift_u, shift_v = (size * span * shift for shift in rng.normal(0, 0.9, 2).tolist())
    major, minor = view.ellipse.major * (1 + span), size * (1 + span)
    angle = view.ellipse.angle + rng.normal(0, 0.15)
    moved = Ellipse(view.ellipse.x + shift_u, view.ellipse.y + shift_v, major, minor, angle)
    edge = (np.hypot(*moved.own_coordinates(x, y)) - 1) * moved.minor
    edge += 0.09 * size * smooth_field(rng, 5, 5)
    fluid = _step(-edge / 3)
    level = level + fluid * (rng.normal(-34, 4) - level)
    wall = _line(edge - 3, 4) * np.clip(0.4 + 0.6 * smooth_field(rng, 9, 9), 0, 1.5)
    # The scalp: a faint line just outside the bone where fluid lies behind it.
    scalp = _line(outside - 0.05 * size, 0.02 * size) * np.clip(smooth_field(rng, 8, 8), 0, 1)
    return level, rng.uniform(0.5, 1.6) * wall + 0.5 * scalp


def _around(angle: Floats, rng: np.random.Generator, waves: int) -> Floats:
    """A smooth random function of an angle in [-pi, pi], about N(0, 1), without a seam."""
    nodes = np.linspace(-math.pi, math.pi, 361)
    wave = np.arange(1, waves + 1)[:, None]
    cosines, sines = rng.standard_normal((2, waves, 1)) / math.sqrt(waves)
    values = (cosines * np.cos(wave * nodes) + sines * np.sin(wave * nodes)).sum(axis=0)
    return np.asarray(np.interp(angle, nodes, values), np.float32)


def _wrapped(angle: Floats) -> Floats:
    """The same direction as `angle`, between -pi and pi."""
    return np.asarray((angle + math.pi) % (2 * math.pi) - math.pi)


def _turned(x: Floats, y: Floats, angle: float) -> tuple[Floats, Floats]:
    """Coordinates along axes that are turned by `angle` from x to y."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _line(distance: Floats, sigma: float) -> Floats:
    return np.asarray(np.exp(-((distance / sigma) ** 2)))


def _step(distance: Floats) -> Floats:
    """0 below, 1 above, soft over about +-2."""
    return 0.5 * (1 + np.tanh(distance))
