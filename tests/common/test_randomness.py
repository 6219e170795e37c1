"""Philox against its published answers, and the laws of keyed randomness."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snowmelt.common import randomness
from snowmelt.common.randomness import Stream, normal, permutation, philox, uniform

WORD = 2**32 - 1
words = st.integers(0, WORD)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)

# The known answers of the authors' Random123 library: counter, key, words.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def scalar_philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """The paper's figure in whole numbers of any size: S-box, then permutation."""
    left, right = list(counter[0::2]), list(counter[1::2])
    key_left, key_right = key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * left[0], 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * left[1], 2**32)
        left = [high_1 ^ right[0] ^ key_left, high_0 ^ right[1] ^ key_right]
        right = [low_1, low_0]
        key_left = (key_left + 0x9E3779B9) % 2**32
        key_right = (key_right + 0xBB67AE85) % 2**32
    return left[0], right[0], left[1], right[1]


def scalar_words(
    seed: int, stream: int, index: int, step: int, block: int
) -> tuple[int, ...]:
    counter = (block, step, index % 2**32, (index >> 32) << 8 | stream)
    return scalar_philox(counter, (seed % 2**32, seed >> 32))


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    assert scalar_philox(counter, key) == answer
    assert tuple(philox(torch.tensor(counter), key).tolist()) == answer


@quick
@given(
    st.lists(st.tuples(words, words, words, words), min_size=1, max_size=4), words, words
)
def test_philox_is_the_scalar_one(
    counters: list[tuple[int, ...]], k0: int, k1: int
) -> None:
    found = philox(torch.tensor(counters), (k0, k1)).tolist()
    assert [tuple(row) for row in found] == [scalar_philox(c, (k0, k1)) for c in counters]


@quick
@given(
    seed=st.integers(0, 2**64 - 1),
    stream=st.sampled_from(Stream),
    index=st.integers(0, 2**50),
    step=words,
)
def test_numbers_are_where_their_key_says(
    seed: int, stream: Stream, index: int, step: int
) -> None:
    place = {"seed": seed, "stream": stream, "index": torch.tensor([index]), "step": step}
    flat = [w for b in range(2) for w in scalar_words(seed, stream, index, step, b)]
    expected = [(word + 0.5) / 2**32 for word in flat]
    assert uniform((8,), **place)[0].tolist() == expected

    pairs = []
    for first in (expected[:4], expected[4:]):
        polar = [
            (math.sqrt(-2 * math.log(first[i])), math.tau * first[i + 2]) for i in (0, 1)
        ]
        pairs += [r * math.cos(a) for r, a in polar] + [r * math.sin(a) for r, a in polar]
    found = normal((2, 4), **place)
    assert found.dtype == torch.float32
    assert found.flatten().tolist() == pytest.approx(pairs, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("word", [0, WORD])
def test_extreme_words_give_finite_numbers(
    word: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        randomness, "philox", lambda counter, key: torch.full_like(counter, word)
    )
    place = {"seed": 0, "stream": Stream.DATA_ORDER, "index": torch.tensor([0])}
    assert 0 < float(uniform((1,), **place)) < 1
    assert normal((4,), **place).isfinite().all()


@pytest.mark.parametrize("stream", Stream)
def test_normals_are_normal(stream: Stream) -> None:
    z = normal((256,), seed=7, stream=stream, index=torch.arange(400)).double().flatten()
    count = len(z)
    bounds = {1: 1.0, 2: math.sqrt(2.0), 3: math.sqrt(15.0), 4: math.sqrt(96.0)}
    for power, expected in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        error = float((z**power).mean()) - expected
        assert abs(error) < 5 * bounds[power] / math.sqrt(count), power
    distribution = 0.5 * (1 + torch.erf(z.sort().values / math.sqrt(2.0)))
    ranks = (torch.arange(count) + 0.5) / count
    # Kolmogorov's statistic exceeds 2.2 / sqrt(n) once in 8000 times.
    assert float((distribution - ranks).abs().max()) < 2.2 / math.sqrt(count)


def test_uniforms_are_uniform() -> None:
    u = uniform((128,), seed=3, stream=Stream.TRAINING_TIME, index=torch.arange(500))
    assert u.dtype == torch.float64
    u = u.flatten().sort().values
    assert u[0] > 0
    assert u[-1] < 1
    ranks = (torch.arange(len(u)) + 0.5) / len(u)
    assert float((u - ranks).abs().max()) < 2.2 / math.sqrt(len(u))


def test_elements_of_one_draw_are_uncorrelated() -> None:
    z = normal(
        (8,), seed=1, stream=Stream.SAMPLING_START, index=torch.arange(20_000)
    ).double()
    for values in (z, z.square(), z.abs().log()):
        correlation = torch.corrcoef(values.T) - torch.eye(8)
        assert float(correlation.abs().max()) < 5 / math.sqrt(len(z))


def test_every_part_of_the_key_matters() -> None:
    base = {"seed": 5, "stream": Stream.TRAINING_NOISE, "index": 11, "step": 2}
    changes = [
        {},
        {"seed": 6},
        {"seed": 5 + 2**32},
        {"seed": 5 + 2**63},
        {"index": 12},
        {"index": 11 + 2**32},
        {"index": 11 + 2**40},
        {"step": 3},
        {"step": 11, "index": 2},
        *({"stream": stream} for stream in Stream if stream != base["stream"]),
    ]
    draws = []
    for change in changes:
        place = base | change
        place["index"] = torch.tensor([place["index"]])
        draws.append(normal((10_000,), **place)[0].double())
    for first, second in itertools.combinations(draws, 2):
        product = float((first * second).mean())
        assert abs(product) < 5 / math.sqrt(10_000)
        assert float((first == second).float().mean()) < 1e-3


def test_streams_keep_their_numbers() -> None:
    # A renumbered stream would silently change every sample and every training.
    assert {stream.name: int(stream) for stream in Stream} == {
        "TRAINING_NOISE": 1,
        "TRAINING_TIME": 2,
        "DATA_ORDER": 3,
        "SAMPLING_START": 4,
        "SAMPLING_STEP": 5,
        "HELD_OUT_NOISE": 6,
        "CONSTRAINT": 7,
        "LABEL_DROPOUT": 8,
        "LIKELIHOOD": 9,
        "MEASUREMENT": 10,
        "DENSITY": 11,
        "CLOUD": 12,
        "TRAJECTORY": 13,
        "SCORE_ERROR": 14,
        "SELF_CONDITIONING": 15,
        "FLIP": 16,
        "START_ORDER": 17,
        "COUPLING": 18,
        "PATH_NOISE": 19,
    }


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2,), (7,), (1, 8, 8), (3, 5, 5)])
@pytest.mark.parametrize("draw", [normal, uniform])
def test_a_batch_changes_no_bit(draw, shape: tuple[int, ...]) -> None:
    place = {"seed": 9, "stream": Stream.SAMPLING_STEP, "step": 4}
    whole = draw(shape, index=torch.arange(37), **place)
    assert whole.shape == (37, *shape)
    for size in (1, 2, 5, 16, 36):
        parts = [draw(shape, index=part, **place) for part in torch.arange(37).split(size)]
        assert torch.equal(torch.cat(parts), whole), size
    mixed = torch.randperm(37, generator=torch.Generator().manual_seed(0))
    assert torch.equal(draw(shape, index=mixed, **place), whole[mixed])
    assert draw(shape, index=torch.arange(0), **place).shape == (0, *shape)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (7,), (3, 5, 5)])
@pytest.mark.parametrize("draw", [normal, uniform])
def test_many_steps_in_one_call_change_no_bit(draw, shape: tuple[int, ...]) -> None:
    place = {"seed": 9, "stream": Stream.DENSITY}
    index = torch.arange(37) * 7919 + 2**33
    steps = torch.tensor([0, 5, 2**16, 2**16 + 1, 2**32 - 1])
    one_by_one = [draw(shape, index=index, step=step, **place) for step in steps.tolist()]
    at_once = draw(shape, index=index.repeat(5), step=steps.repeat_interleave(37), **place)
    assert at_once.dtype == one_by_one[0].dtype
    assert torch.equal(at_once, torch.cat(one_by_one))
    # A step for each index, each another.
    own = draw(shape, index=index[:5], step=steps, **place)
    assert torch.equal(own, torch.stack([one_by_one[row][row] for row in range(5)]))
    assert torch.equal(draw(shape, index=index, step=steps[1], **place), one_by_one[1])


@pytest.mark.parametrize("shape", [(1,), (4,), (3, 1), (1, 3)])
@pytest.mark.parametrize("draw", [normal, uniform])
def test_steps_that_do_not_fit_are_refused(draw, shape: tuple[int, ...]) -> None:
    place = {"seed": 0, "stream": Stream.DENSITY, "index": torch.arange(3)}
    with pytest.raises(ValueError, match=r"one for each index.* for 3 indices"):
        draw((2,), step=torch.ones(shape, dtype=torch.int64), **place)


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    place = {"seed": 0, "stream": Stream.SAMPLING_START, "index": torch.arange(3)}
    assert torch.equal(normal((5,), **place), normal((64,), **place)[:, :5])
    assert torch.equal(normal((2, 3), **place).flatten(1), normal((6,), **place))


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    first = normal((4,), seed=0, stream=Stream.DATA_ORDER, index=torch.arange(2))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(
        first, normal((4,), seed=0, stream=Stream.DATA_ORDER, index=torch.arange(2))
    )
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("seed", [-1, 2**64])
@pytest.mark.parametrize("draw", [normal, uniform])
def test_a_seed_out_of_range_is_refused(draw, seed: int) -> None:
    with pytest.raises(
        ValueError, match=f"seed must be between 0 and 2.64 - 1, got {seed}"
    ):
        draw((2,), seed=seed, stream=Stream.DATA_ORDER, index=torch.arange(2))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 1437])
def test_a_permutation_is_one(count: int) -> None:
    order = permutation(count, seed=4, stream=Stream.DATA_ORDER, index=3)
    assert sorted(order.tolist()) == list(range(count))
    assert torch.equal(order, permutation(count, seed=4, stream=Stream.DATA_ORDER, index=3))


@pytest.mark.parametrize("part", [4, 8, 64])
def test_a_permutation_does_not_depend_on_how_its_keys_are_made(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"seed": 4, "stream": Stream.DATA_ORDER}
    keys = uniform((50,), index=torch.tensor([3]), **key)[0]
    monkeypatch.setattr(randomness, "_SORTED_AT_ONCE", part)
    order = permutation(50, index=3, **key)
    assert torch.equal(order, torch.argsort(keys, stable=True))


def test_permutations_differ_by_key() -> None:
    places = [
        (4, Stream.DATA_ORDER, 0),
        (4, Stream.DATA_ORDER, 1),
        (5, Stream.DATA_ORDER, 0),
    ]
    places.append((4, Stream.HELD_OUT_NOISE, 0))
    orders = [
        tuple(permutation(50, seed=seed, stream=stream, index=index).tolist())
        for seed, stream, index in places
    ]
    assert len(set(orders)) == len(orders)


def test_every_order_of_three_is_as_likely() -> None:
    trials = 900
    counts: dict[tuple[int, ...], int] = {}
    for index in range(trials):
        order = tuple(
            permutation(3, seed=0, stream=Stream.DATA_ORDER, index=index).tolist()
        )
        counts[order] = counts.get(order, 0) + 1
    expected = trials / 6
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert len(counts) == 6
    # The chi-square distribution with 5 degrees of freedom exceeds this once in 10,000.
    assert statistic < 25.7
