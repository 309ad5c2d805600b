"""Figure 1: the DCGAN's architecture, drawn from the model's own list of layers."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from miua.charts import style
from miua.dcgan import Layer, discriminator_layers, generator_layers

# The drawing's units are arbitrary: a row is ROW_WIDTH long, blocks scale with logarithms so that
# 1 x 1 x 100 and 64 x 64 x 1 both stay visible.
ROW_WIDTH = 100.0
LABEL_HEIGHT = 10.5  # two lines of sizes and one of words below a block
DEPTH_SLANT = 0.42  # a block recedes this much per unit of its side
ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "tanh": "tanh", "none": ""}


def draw_architecture(image_size: int, latent_size: int, feature_maps: int) -> Figure:
    """Generator above, discriminator below, each block with its size written beside it."""
    generator = generator_layers(image_size, latent_size, feature_maps)
    discriminator = discriminator_layers(image_size, feature_maps)
    figure = style.new_figure(height=64 * style.MILLIMETRE)
    rows = figure.subplots(2, 1)
    _draw_row(rows[0], generator, "Generator", style.BLUE, "latent\nvector")
    _draw_row(rows[1], discriminator, "Discriminator", style.VERMILION, "image")
    return figure


def _draw_row(
    axes: Axes, layers: Sequence[Layer], title: str, colour: str, input_name: str
) -> None:
    tensors = [(layers[0].in_size, layers[0].in_channels)]
    tensors += [(layer.out_size, layer.out_channels) for layer in layers]
    centres = _centres(tensors)
    for centre, (size, channels) in zip(centres, tensors, strict=True):
        _draw_block(axes, centre, size, channels, colour)
    for index, layer in enumerate(layers):
        _draw_arrow(axes, centres[index : index + 2], tensors[index : index + 2], layer)
    output = "image" if layers[-1].kind == "transposed_conv" else "real?"
    for place, name in ((0, input_name), (-1, output)):
        below = -_side(tensors[place][0]) / 2 - 7.2
        axes.text(centres[place], below, name, ha="center", va="top", style="italic")
    axes.set_title(title, loc="left", color=colour, fontweight="bold", pad=2)
    axes.set_xlim(-2, ROW_WIDTH + 2)
    largest = max(size for size, _ in tensors)
    axes.set_ylim(-_side(largest) / 2 - LABEL_HEIGHT, _side(largest) / 2 + _recess(largest) + 0.5)
    axes.set_axis_off()


def _centres(tensors: Sequence[tuple[int, int]]) -> list[float]:
    """Horizontal places that leave the same gap between neighbouring blocks."""
    extents = [_thickness(channels) + 2 * _recess(size) for size, channels in tensors]
    gap = (ROW_WIDTH - sum(extents)) / (len(tensors) - 1)
    centres, edge = [], 0.0
    for extent in extents:
        centres.append(edge + extent / 2)
        edge += extent + gap
    return centres


def _side(size: int) -> float:
    return 3.0 + 3.4 * math.log2(size)


def _thickness(channels: int) -> float:
    return 0.5 + 0.45 * math.log2(channels)


def _recess(size: int) -> float:
    return DEPTH_SLANT * _side(size) / 4


def _draw_block(axes: Axes, centre: float, size: int, channels: int, colour: str) -> None:
    """A cuboid: its square face has the image's side, its thickness the number of channels."""
    side, thickness, recess = _side(size), _thickness(channels), _recess(size)
    left, right = centre - thickness / 2 - recess, centre + thickness / 2 - recess
    bottom, top, back = -side / 2, side / 2 - recess, 2 * recess
    front = [(left, bottom), (right, bottom), (right, top), (left, top)]
    above = [(left, top), (right, top), (right + back, top + back), (left + back, top + back)]
    beside = [(right, bottom), (right + back, bottom + back), (right + back, top + back),
              (right, top)]  # fmt: skip
    for shade, corners in ((0.20, front), (0.35, above), (0.55, beside)):
        face = Polygon(corners, facecolor=_tint(colour, shade), edgecolor=colour, linewidth=0.5)
        face.set_joinstyle("round")
        axes.add_patch(face)
    axes.text(centre, -side / 2 - 1.2, f"{size}×{size}\n×{channels}", ha="center", va="top",
              fontsize=6, linespacing=0.95)  # fmt: skip


def _draw_arrow(
    axes: Axes, centres: Sequence[float], tensors: Sequence[tuple[int, int]], layer: Layer
) -> None:
    starts = [_thickness(channels) / 2 + _recess(size) + 0.6 for size, channels in tensors]
    start, end = centres[0] + starts[0], centres[1] - starts[1]
    arrow = FancyArrowPatch((start, 0), (end, 0), arrowstyle="-|>", mutation_scale=5, linewidth=0.7)
    arrow.set_color("black")
    axes.add_patch(arrow)
    batch_norm, activation = "BN" if layer.batch_norm else "", ACTIVATIONS[layer.activation]
    parts = (f"{layer.kernel}×{layer.kernel}", f"stride {layer.stride}", batch_norm, activation)
    text = "\n".join(part for part in parts if part)
    axes.text((start + end) / 2, 1.0, text, ha="center", va="bottom", fontsize=5, linespacing=1)


def _tint(colour: str, strength: float) -> tuple[float, float, float]:
    """The colour mixed with white: strength 1 is the colour, 0 white."""
    red, green, blue = (1 - strength * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue
