"""Which images a reader study shows, and in which order each reader sees them.

All readers judge the same images, so that their answers can be compared image by image. Every
reader's order is made of blocks that are alike in kinds and sets, and the blocks rotate over the
readers as in a cyclic Latin square: over as many readers as there are blocks, every image is in
every block of first showings once, so that none is seen early or late on average.
"""

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np

BLOCKS = 4  # of a session; fewer where there are fewer images
REAL = ""  # the name of the real images among the sets

# What a random draw is for; no two purposes share a generator.
Stream = IntEnum("Stream", "IMAGES SHARES IDS PRACTICE BLOCKS ORDER", start=0)


def generator(seed: int, *key: int) -> np.random.Generator:
    """The random numbers for one purpose, independent of every other key's."""
    return np.random.default_rng((seed, *key))


def equal_shares(total: int, names: Sequence[str], seed: int) -> dict[str, int]:
    """`total` over the names as equally as possible; which get one more is drawn."""
    least, more = divmod(total, len(names))
    favoured = set(generator(seed, Stream.SHARES).permutation(len(names))[:more].tolist())
    return {name: least + (place in favoured) for place, name in enumerate(names)}


def draw_ids(sets: Sequence[str], seed: int) -> list[str]:
    """For images of these sets, one each: ids in an order that is drawn, and so says nothing."""
    digits = max(3, len(str(len(sets))))
    places = generator(seed, Stream.IDS).permutation(len(sets))
    return [f"i{place + 1:0{digits}d}" for place in places.tolist()]


def draw_orders(
    set_of: Mapping[str, str], repeated: int, readers: int, seed: int
) -> list[list[str]]:
    """For each reader the ids in the order of showing.

    set_of: each image's set by its id, REAL for a real one. repeated: how many images, half of them
    at most, each reader sees a second time. Another number of readers changes no order.
    """
    # Dealt out like cards, sorted by set: of each set, blocks differ by one image at most.
    cards = _by_set(sorted(set_of), set_of, generator(seed, Stream.BLOCKS))
    count = min(BLOCKS, len(cards))
    blocks = [cards[block::count] for block in range(count)]
    orders = []
    for reader in range(readers):
        turned = blocks[reader % count :] + blocks[: reader % count]
        orders.append(_order(turned, set_of, repeated, generator(seed, Stream.ORDER, reader)))
    return orders


def _order(
    blocks: Sequence[list[str]], set_of: Mapping[str, str], repeated: int, draw: np.random.Generator
) -> list[str]:
    """The blocks in turn, each shuffled, with repeats of images of the first half in the second."""
    first = [block[place] for block in blocks for place in draw.permutation(len(block)).tolist()]
    half = math.ceil(len(first) / 2)
    cards = _by_set(first[:half], set_of, draw)
    start = draw.random() if repeated else 0.0
    # At equal steps: of any cards that lie beside each other, their share.
    chosen = [cards[int((place + start) * half / repeated)] for place in range(repeated)]
    again = _repeats(chosen, first, half, draw)
    rest = iter(first)
    return [again.get(place) or next(rest) for place in range(len(first) + repeated)]


def least_distance(length: int) -> int:
    """How many places at least a repeat stands after the first showing: a third of the session."""
    return math.ceil(length / 3)


def _repeats(
    chosen: Sequence[str], first: Sequence[str], half: int, draw: np.random.Generator
) -> dict[int, str]:
    """Where in the second half which image is shown again.

    Places are drawn, and moved back where the distance asks for it. The last of k images of the
    first half has k places from its earliest one to the end, so there is always room.
    """
    length = len(first) + len(chosen)
    places_of = {image: place for place, image in enumerate(first[:half])}
    earliest = [place + least_distance(length) for place in sorted(places_of[x] for x in chosen)]
    drawn = np.sort(draw.permutation(np.arange(half, length))[: len(chosen)]).tolist()
    waiting, found, last = list(chosen), {}, -1
    for place, least in zip(drawn, earliest, strict=True):
        last = max(place, least, last + 1)
        ready = [image for image in waiting if places_of[image] + least_distance(length) <= last]
        image = ready[int(draw.integers(len(ready)))]
        waiting.remove(image)
        found[last] = image
    return found


def _by_set(
    images: Sequence[str], set_of: Mapping[str, str], draw: np.random.Generator
) -> list[str]:
    """The images of one set beside each other; the sets, and the images of each, are shuffled."""
    sets = sorted({set_of[image] for image in images})
    # Real ones stay at an end, so that the synthetic ones are beside each other, too.
    rank = dict(zip(sets, draw.permutation(len(sets)).tolist(), strict=True)) | {REAL: -1}
    shuffled = [images[place] for place in draw.permutation(len(images)).tolist()]
    return sorted(shuffled, key=lambda image: rank[set_of[image]])
