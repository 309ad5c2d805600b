"""Time each work and its peers, once their results are known to agree: `./run bench`."""

import pytest

from tests.benchmarks import evaluation_work, work
from tests.benchmarks.work import THREADS, Peer, Work

WORKS = [*work.WORKS, *evaluation_work.WORKS]

PEERS = [(work, peer) for work in WORKS for peer in work.peers]


@pytest.mark.benchmark(min_rounds=5)
@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_ours(benchmark, work: Work):
    inputs = work.inputs()
    benchmark.group = work.name
    benchmark(work.ours, *inputs, threads=THREADS)


@pytest.mark.benchmark(min_rounds=3)
@pytest.mark.parametrize(
    ("work", "peer"), PEERS, ids=[f"{work.name}, {peer.library}" for work, peer in PEERS]
)
def test_peer(benchmark, work: Work, peer: Peer):
    inputs = work.inputs()
    assert peer.agree(peer.call(*inputs), work.ours(*inputs, threads=THREADS))
    benchmark.group = work.name
    benchmark.extra_info["peer"] = peer.library
    benchmark(peer.call, *inputs)
