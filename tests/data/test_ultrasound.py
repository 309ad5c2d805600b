from __future__ import annotations

import numpy as np
import pytest

from miua.data.ultrasound import (
    BEAMS,
    DEPTHS,
    Fan,
    Machine,
    Tissue,
    _blurred,
    grey_image,
    smooth_field,
)

FAN = Fan(apex_x=200, apex_y=-100, near=110, far=390, left=-0.5, right=0.5)
PLAIN = Machine(0.5, 1.2, 1.4, -90, 0, 1, 0, 60, 1)


def tissue(level: float = 0.0, surface: float = 0.0, loss: float = 0.0) -> Tissue:
    shape = (DEPTHS, BEAMS)
    return Tissue(
        np.full(shape, level, np.float32),
        np.full(shape, surface, np.float32),
        np.full(shape, loss, np.float32),
    )


def shown(scene: Tissue, machine: Machine = PLAIN, seed: int = 0) -> np.ndarray:
    return grey_image(scene, machine, FAN, 400, 300, np.random.default_rng(seed)).astype(float)


def inside_fan() -> np.ndarray:
    return FAN.scan_convert(np.ones((DEPTHS, BEAMS), np.float32), 400, 300) > 0.99


def test_outside_the_fan_is_black() -> None:
    y, x = np.indices((300, 400))
    angle = np.arctan2(x - 200, y + 100)
    radius = np.hypot(x - 200, y + 100)
    outside = (np.abs(angle) > 0.505) | (radius < 109) | (radius > 391)
    image = shown(tissue())
    assert (image[outside] == 0).all()
    assert (image[inside_fan()] > 0).mean() > 0.99


def test_speckle_in_the_focus_is_rayleigh_distributed() -> None:
    # For a Rayleigh envelope the logarithm's standard deviation is 5.57 dB (Dutt & Greenleaf 1996).
    image = shown(tissue(), PLAIN)
    focus = image[140:160, 150:250]
    decibels = focus * (PLAIN.dynamic_range / 255)
    assert decibels.std() == pytest.approx(5.57, abs=0.9)


def test_averaged_looks_are_smoother() -> None:
    several = Machine(0.5, 1.2, 1.4, -90, 0, 4, 0, 60, 1)
    middle = np.s_[100:200, 120:280]
    assert shown(tissue(), several)[middle].std() < 0.65 * shown(tissue())[middle].std()


def test_ten_decibels_of_echo_are_ten_decibels_of_grey() -> None:
    middle = np.s_[100:200, 120:280]
    step = shown(tissue(-10))[middle].mean() - shown(tissue(-20))[middle].mean()
    assert step == pytest.approx(10 / 60 * 255, rel=0.05)


def test_attenuation_shadows_only_what_lies_deeper() -> None:
    scene = tissue()
    scene.loss[200:220] = 1.0  # 20 dB in a layer
    image, free = shown(scene), shown(tissue())
    layer = 110 - 100 + 280 * 200 / 511  # its upper border on the central beam
    above, below = np.s_[20 : int(layer) - 5, 190:210], np.s_[int(layer) + 20 : 280, 190:210]
    assert np.abs(image[above] - free[above]).max() <= 1
    assert (free[below] - image[below]).mean() == pytest.approx(20 / 60 * 255, rel=0.05)


def test_the_beam_is_narrowest_in_the_focus() -> None:
    echoes = np.zeros((DEPTHS, BEAMS), np.float32)
    depths = [40, 256, 480]
    echoes[depths, BEAMS // 2] = 1
    resolved = _blurred(echoes, PLAIN)[depths]
    near, focus, far = (resolved > resolved.max(axis=1, keepdims=True) / 2).sum(axis=1)
    assert focus < 0.7 * near
    assert focus < 0.7 * far


def test_smooth_fields_are_smooth_and_of_unit_spread() -> None:
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_field(rng, 8, 6) for _ in range(60)])
    assert fields.std() == pytest.approx(1, abs=0.1)
    assert fields.mean() == pytest.approx(0, abs=0.1)
    assert np.abs(np.diff(fields, axis=1)).max() < 0.2
    assert np.abs(np.diff(fields, axis=2)).max() < 0.3
