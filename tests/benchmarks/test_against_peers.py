"""Time each work and its peers, and see that their results agree: `./run bench`."""

import pytest

from tests.benchmarks import evaluation_work, work
from tests.benchmarks.work import THREADS, Peer, Work

WORKS = [*work.WORKS, *evaluation_work.WORKS]

FEW = 24  # images a side where nothing is timed: enough to see that all agree

PEERS = [(work, peer) for work in WORKS for peer in work.peers]


def inputs_of(work: Work, benchmark):
    return [each[:FEW] if benchmark.disabled else each for each in work.inputs()]


@pytest.mark.benchmark(min_rounds=5)
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_ours(benchmark, work: Work):
    inputs = inputs_of(work, benchmark)
    benchmark.group = work.name
    benchmark(work.ours, *inputs, threads=THREADS)


@pytest.mark.benchmark(min_rounds=3)
@pytest.mark.parametrize(
    ("work", "peer"), PEERS, ids=[f"{work.name}, {peer.library}" for work, peer in PEERS]
)
def test_peer(benchmark, work: Work, peer: Peer):
    inputs = inputs_of(work, benchmark)
    benchmark.group = work.name
    benchmark.extra_info["peer"] = peer.library
    theirs = benchmark(peer.call, *inputs)
    assert peer.agree(theirs, work.ours(*inputs, threads=THREADS))
