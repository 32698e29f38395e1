"""Drawing: whole batches in order, whoever draws them and however often it was killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from genbench.drawing.draw import draw_images, main_images, missing_batches
from genbench.drawing.requests import Requests
from genbench.drawing.seeds import image_keys
from genbench.errors import DivergedError
from genbench.interfaces.drawing import Runner, SampleRequest


class Keyed(Runner):
    """Images that are functions of their keys: a level in 0.01 steps beyond both ends of [-1, 1]."""

    networks: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.first_keys: list[int] = []

    def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
        self.first_keys.append(int(request.keys[0]))
        levels = request.keys.remainder(221).double() / 100 - 1.1
        return levels.float().reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)


class Rows:
    """What a map keeps, in memory."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(map(len, self.batches))

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        self.batches.append(rows["images"].copy())

    @property
    def images(self) -> np.ndarray:
        return np.concatenate(self.batches)


def starts_of(runner: Keyed) -> list[int]:
    """The first image of each batch that was run."""
    numbers = {int(key): i for i, key in enumerate(image_keys(7, 0, 100))}
    return [numbers[key] for key in runner.first_keys]


def test_whole_batches_cover_the_count_in_order_rounded_to_the_nearest_byte(requests: Requests, clock: Any) -> None:
    rows, reports = Rows(), []
    draw_images(Keyed(), requests, 10, 4, rows.append, clock, report=reports.append)
    levels = (image_keys(7, 0, 12) % 221).double() / 100 - 1.1
    expected = np.rint((levels.clamp(-1, 1).numpy() + 1) * 127.5).astype(np.uint8)
    assert rows.images.dtype == np.uint8
    assert rows.images.shape == (12, 1, 2, 2)
    assert rows.images[:, 0, 0, 0].tolist() == expected.tolist()
    assert (rows.images == rows.images[:, :, :1, :1]).all()
    assert reports == [4, 8, 10]


def test_what_is_missing_is_whole_batches_from_the_first_missing_one() -> None:
    assert list(missing_batches(0, 10, 4)) == [0, 4, 8]
    assert list(missing_batches(8, 10, 4)) == [8]
    assert list(missing_batches(12, 10, 4)) == []
    assert list(missing_batches(12, 40, 4)) == [12, 16, 20, 24, 28, 32, 36]
    with pytest.raises(ValueError, match="there are 10 images, which is no multiple of the batch size 4"):
        missing_batches(10, 40, 4)


def test_seconds_are_those_of_run_between_two_synchronisations(requests: Requests, clock: Any) -> None:
    class Timed(Keyed):
        def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
            clock.work(0.5)
            clock.queue(2.0)
            return super().run(request)

    def append(rows: Mapping[str, np.ndarray]) -> None:
        clock.work(64.0)

    # Each request also leaves 1,000 seconds of work on the device, which is not drawing.
    assert draw_images(Timed(), requests, 12, 4, append, clock) == 3 * 2.5
    assert draw_images(Timed(), requests, 12, 4, append, clock, have=12) == 0.0


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_killed_at_a_batch_it_goes_on_with_exactly_the_missing_ones(batch: int, requests: Requests, clock: Any) -> None:
    class Killed(Keyed):
        def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
            if len(self.first_keys) == batch:
                raise KeyboardInterrupt
            return super().run(request)

    undisturbed, rows, second = Rows(), Rows(), Keyed()
    draw_images(Keyed(), requests, 20, 4, undisturbed.append, clock)
    with pytest.raises(KeyboardInterrupt):
        draw_images(Killed(), requests, 20, 4, rows.append, clock)
    assert len(rows) == 4 * batch
    draw_images(second, requests, 20, 4, rows.append, clock, have=len(rows))
    assert starts_of(second) == list(range(4 * batch, 20, 4))
    assert np.array_equal(rows.images, undisturbed.images)


def test_more_images_are_added_to_those_that_are_there(requests: Requests, clock: Any) -> None:
    rows, whole, more = Rows(), Rows(), Keyed()
    draw_images(Keyed(), requests, 6, 4, rows.append, clock)
    draw_images(more, requests, 18, 4, rows.append, clock, have=len(rows))
    draw_images(Keyed(), requests, 18, 4, whole.append, clock)
    assert starts_of(more) == [8, 12, 16]
    assert np.array_equal(rows.images, whole.images)


class Threads:
    """R processes as threads of one: exchanges by barriers."""

    def __init__(self, count: int) -> None:
        self.barrier, self.values = threading.Barrier(count, timeout=20), [None] * count

    def exchange(self, rank: int, value: Any) -> list[Any]:
        self.barrier.wait()
        self.values[rank] = value
        self.barrier.wait()
        return list(self.values)


class Rank:
    def __init__(self, rank: int, count: int, threads: Threads) -> None:
        self.rank, self.count, self.threads = rank, count, threads

    def broadcast(self, value: Any) -> Any:
        return self.threads.exchange(self.rank, value)[0]

    def gather(self, rows: Mapping[str, Tensor] | None) -> Sequence[Mapping[str, Tensor]]:
        given = self.threads.exchange(self.rank, rows)
        return [rows for rows in given if rows is not None] if self.rank == 0 else []

    def average_(self, tensors: Sequence[Tensor]) -> None:
        raise NotImplementedError

    def wait(self) -> None:
        self.threads.barrier.wait()


def side_by_side(count: int, work: Callable[[Rank], None]) -> None:
    threads, errors = Threads(count), []

    def body(rank: int) -> None:
        try:
            work(Rank(rank, count, threads))
        except BaseException as error:
            errors.append(error)
            threads.barrier.abort()

    processes = [threading.Thread(target=body, args=(rank,)) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("have", [0, 8])
def test_ranks_take_turns_by_whole_batches_and_rank_0_writes_all(
    count: int, have: int, requests: Requests, clock: Any
) -> None:
    alone, rows, others = Rows(), Rows(), Rows()
    runners, reports = [Keyed() for _ in range(count)], []
    draw_images(Keyed(), requests, 26, 4, alone.append, clock)
    rows.batches = alone.batches[: have // 4]

    def work(rank: Rank) -> None:
        # Only rank 0 knows the map, so only its `have` counts.
        mine = (rows.append, have, reports.append) if rank.rank == 0 else (others.append, 0, lambda done: None)
        draw_images(runners[rank.rank], requests, 26, 4, mine[0], clock, mine[1], rank, mine[2])

    side_by_side(count, work)
    assert np.array_equal(rows.images, alone.images)
    assert len(others) == 0
    for rank, runner in enumerate(runners):
        assert starts_of(runner) == list(range(have, 26, 4))[rank::count]
    assert reports == [*range(have + 4, 26, 4), 26]


def test_an_image_that_is_not_finite_is_named_and_not_written(requests: Requests, clock: Any) -> None:
    class Broken(Keyed):
        def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
            images = torch.zeros(len(request.keys), 1, 2, 2)
            if self.first_keys:
                images[1, 0, 1, 1], images[3, 0, 0, 0] = torch.nan, torch.inf
            self.first_keys.append(0)
            return images

    rows = Rows()
    with pytest.raises(DivergedError, match=r"^image 5 \(and 1 more of its batch of 4\) holds NaN or infinity$"):
        draw_images(Broken(), requests, 12, 4, rows.append, clock)
    assert len(rows) == 4


def test_further_images_are_written_under_their_names(requests: Requests, clock: Any) -> None:
    class Pasting(Keyed):
        def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
            images = super().run(request)
            return {"images": images, "before pasting": torch.full((len(request.keys), 3, 1, 5), -1.0)}

    written: list[Mapping[str, np.ndarray]] = []
    draw_images(Pasting(), requests, 4, 4, written.append, clock)
    plain = Rows()
    draw_images(Keyed(), requests, 4, 4, plain.append, clock)
    assert set(written[0]) == {"images", "before pasting"}
    assert np.array_equal(written[0]["images"], plain.images)
    assert written[0]["before pasting"].shape == (4, 3, 1, 5)
    assert not written[0]["before pasting"].any()
    assert torch.equal(main_images({"images": torch.ones(1), "x": torch.zeros(1)}), torch.ones(1))


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (torch.zeros(4, 1, 2, 3), r"'images' of shape \[4, 1, 2, 3\], and asked for were \[4, 1, 2, 2\]"),
        (torch.zeros(3, 1, 2, 2), r"'images' of shape \[3, 1, 2, 2\], and asked for were \[4, 1, 2, 2\]"),
        (torch.zeros(4, 1, 2, 2, dtype=torch.uint8), "'images' as torch.uint8: a Runner returns tensors of floats"),
        (torch.zeros(4, 1, 2, 2, device="meta"), "'images' on meta, and asked for was cpu"),
        (None, "'images' as NoneType"),
        ({"pictures": torch.zeros(4, 1, 2, 2)}, "returned 'pictures' without 'images'"),
        ({}, "returned nothing without 'images'"),
        ({"images": torch.zeros(4, 1, 2, 2), "x": torch.zeros(3, 1, 2, 2)}, r"'x' of shape \[3, 1, 2, 2\]"),
        ({"images": torch.zeros(4, 1, 2, 2), "x": torch.full((4, 1, 1, 1), torch.nan)}, "'x' of image 0 .and 3 more"),
    ],
)
def test_what_no_runner_may_return_is_refused_in_one_line(
    drawn: Any, words: str, requests: Requests, clock: Any
) -> None:
    class Wrong(Keyed):
        def run(self, request: SampleRequest) -> Any:
            return drawn

    rows = Rows()
    with pytest.raises((ValueError, DivergedError), match=words) as caught:
        draw_images(Wrong(), requests, 4, 4, rows.append, clock)
    assert "\n" not in str(caught.value)
    assert len(rows) == 0


def test_nothing_is_drawn_with_gradients(requests: Requests, clock: Any) -> None:
    class Graded(Keyed):
        def run(self, request: SampleRequest) -> Tensor | Mapping[str, Tensor]:
            assert torch.is_inference_mode_enabled()
            return super().run(request)

    runner = Graded()
    draw_images(runner, requests, 4, 4, Rows().append, clock)
    assert len(runner.first_keys) == 1
