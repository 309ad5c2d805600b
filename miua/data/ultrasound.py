"""How a convex probe turns tissue into a grey image, in simple form.

Everything happens on the probe's own grid, depth along a beam by angle between beams:

    echoes (scatterers and mirror-like surfaces)  ->  point spread function  ->  attenuation
    ->  envelope  ->  log compression  ->  scan conversion to pixels

Echoes are complex baseband amplitudes, so the envelope is the magnitude, and scatterers too dense
to be resolved give fully developed speckle (Rayleigh distributed). A point spread function of
constant angle widens with depth by itself; the focus narrows it at one depth.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

# Single precision: half the time, and far finer than 256 grey values.
Floats = NDArray[np.floating[Any]]

DEPTHS, BEAMS = 512, 256


@dataclass(frozen=True)
class Fan:
    """The sector that a convex probe sees, in pixels of the image and radians.

    apex_x, apex_y: where the beams would meet, above the image. near, far: distances from the
    apex where the image begins and ends. left, right: angles of the outer beams, from straight
    down, positive to the right.
    """

    apex_x: float
    apex_y: float
    near: float
    far: float
    left: float
    right: float

    @cached_property
    def angles(self) -> Floats:
        """Angle of each beam: (1, BEAMS)."""
        return np.linspace(self.left, self.right, BEAMS, dtype=np.float32)[None, :]

    @cached_property
    def positions(self) -> tuple[Floats, Floats]:
        """Pixel coordinates (x, y) of each sample: (DEPTHS, BEAMS) each."""
        radius = np.linspace(self.near, self.far, DEPTHS, dtype=np.float32)[:, None]
        x = self.apex_x + radius * np.sin(self.angles)
        return x, self.apex_y + radius * np.cos(self.angles)

    @property
    def sample_length(self) -> float:
        """Pixels between two samples of a beam."""
        return (self.far - self.near) / (DEPTHS - 1)

    def scan_convert(self, samples: Floats, width: int, height: int) -> Floats:
        """Values of (DEPTHS, BEAMS) samples in an image (height, width), 0 outside the fan."""
        dx = np.arange(width, dtype=np.float32)[None, :] - self.apex_x
        dy = np.arange(height, dtype=np.float32)[:, None] - self.apex_y
        depth = (np.hypot(dx, dy) - self.near) / self.sample_length
        beam = (np.arctan2(dx, dy) - self.left) / (self.right - self.left) * (BEAMS - 1)
        image: Floats = map_coordinates(samples, [depth, beam], order=1, cval=0.0, prefilter=False)
        return image


class Tissue(NamedTuple):
    """What the probe meets: three maps of (DEPTHS, BEAMS).

    level: strength of the scatterers in dB; 0 dB is solid tissue. surface: amplitude of mirror-like
    reflections; 1 is as strong as solid tissue. loss: attenuation on the way there and back, in dB
    per sample, beyond what the machine's time gain compensates.
    """

    level: Floats
    surface: Floats
    loss: Floats


class Machine(NamedTuple):
    """Settings of the scanner.

    focus: depth of the focus as a share of the range. axial, lateral: sigma of the point spread
    function at the focus, in samples and beams. noise: electronic noise in dB at the surface, where
    0 dB is solid tissue; it grows by noise_gain dB over the range, as the time gain does.
    looks: images from different directions that are averaged. gain: dB added to everything.
    dynamic_range: dB from black to white. gamma: exponent of the grey map.
    """

    focus: float
    axial: float
    lateral: float
    noise: float
    noise_gain: float
    looks: int
    gain: float
    dynamic_range: float
    gamma: float


def grey_image(
    tissue: Tissue, machine: Machine, fan: Fan, width: int, height: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The image that the scanner shows: uint8 (height, width), black outside the fan."""
    strength = _amplitude(tissue.level)
    mirrored = _blurred(tissue.surface, machine)
    passed = _amplitude(-np.cumsum(tissue.loss, axis=0))
    depth = np.linspace(0, 1, DEPTHS, dtype=np.float32)[:, None]
    noise = _amplitude(machine.noise + machine.noise_gain * depth)
    # A Gaussian's sum of squares is 1 / (2 sigma sqrt(pi)) per axis: this keeps speckle's power.
    keep = math.sqrt(4 * math.pi * machine.axial * machine.lateral)
    power = np.zeros((DEPTHS, BEAMS), np.float32)
    # Looks from several directions see the same tissue with other speckle; their mean is smoother.
    for _ in range(machine.looks):
        speckle = keep * _blurred(strength * _scatterers(rng), machine)
        received = passed * (speckle + mirrored) + noise * _scatterers(rng)
        power += np.abs(received) ** 2 / machine.looks
    decibels = 10 * np.log10(power + 1e-9) + machine.gain
    # White lies 12 dB above the mean of solid tissue, which leaves room for bone.
    share = np.clip(1 + (decibels - 12) / machine.dynamic_range, 0, 1)
    shown = fan.scan_convert(255 * share**machine.gamma, width, height)
    return np.rint(shown).astype(np.uint8)


def smooth_field(rng: np.random.Generator, down: int, across: int) -> Floats:
    """A smooth random map (DEPTHS, BEAMS), about N(0, 1), of some `down` x `across` cells."""
    # Values at random phase on a coarse grid, joined smoothly; 0.8 is the joints' loss of spread.
    cells = rng.standard_normal((down + 2, across + 2), np.float32) / 0.8
    top, left = rng.random(2)
    return _joined(_joined(cells, DEPTHS, down, top).T, BEAMS, across, left).T


def _joined(values: Floats, samples: int, cells: int, start: float) -> Floats:
    """Resample the first axis, (cells + 2, n) to (samples, n), by smooth steps between values."""
    place = start + np.arange(samples) * (cells / samples)
    before = place.astype(np.int64)
    share = (place - before)[:, None]
    share = (share * share * (3 - 2 * share)).astype(np.float32)
    return np.asarray(values[before] * (1 - share) + values[before + 1] * share)


def _scatterers(rng: np.random.Generator) -> NDArray[np.complex64]:
    """Unresolved scatterers: circular complex normal values of mean power 1."""
    parts = rng.standard_normal((DEPTHS, BEAMS, 2), np.float32) * np.float32(math.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def _blurred(echoes: NDArray[Any], machine: Machine) -> NDArray[Any]:
    """The echoes as the probe resolves them, sharpest across at the focus."""
    sharp = gaussian_filter(echoes, (machine.axial, machine.lateral), truncate=3)
    wide = gaussian_filter(sharp, (0.5 * machine.axial, 1.5 * machine.lateral), truncate=3)
    depth = np.linspace(0, 1, DEPTHS, dtype=np.float32)[:, None]
    in_focus = np.exp(-(((depth - machine.focus) / 0.4) ** 2))
    blurred: NDArray[Any] = in_focus * sharp + (1 - in_focus) * wide
    return blurred


def _amplitude(decibels: Floats) -> Floats:
    return np.asarray(np.exp(decibels * (math.log(10) / 20)))
