"""What is done and not used: empty batch slots, prompts encoded again, bytes that travel from the
device, encodes of what nobody gets, compilations after the first batch. Counted, not timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import sentinelqa
from benchmarks import candidates
from benchmarks.base import Bench, Row, at_least, at_most
from sentinelqa import images
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.types import Candidate, Settings, candidate_seed

SIDE, BATCH, PROMPTS, NEGATIVES = 64, 4, 3, 2
SETTINGS = Settings(model="starter", steps=2, guidance=3.0, width=SIDE, height=SIDE)


def measure(bench: Bench) -> list[Row]:
    """Counts on the starter pipeline at a small size, on replayed traces and on a small run."""
    slots = candidates.measure(
        requests=bench.pick(full=400, quick=40), seeds=1, shapes=("half",), give_up=(0.05,)
    )
    generator = DiffusersGenerator(SETTINGS, device="cpu")
    generator.load()
    with counted_bytes() as moved:
        for start in range(0, 12, BATCH):
            generator.generate(_batch(range(start, start + BATCH)), BATCH)
    assert generator._loaded is not None
    return [
        Row(
            number=9,
            name="batch slots that carry a candidate",
            goal=at_least(0.98),
            reached=slots["K=15 half adaptive 0.05"]["slots"],
            limit=1.0,
            detail="replayed, batches of 16, K=15; with K=2 of at most 12: "
            f"{slots['K=2 half adaptive 0.05']['slots']:.3f}",
            gap="the last batches of a run, and cohorts that wait for the first rounds before them",
        ),
        Row(
            number=9,
            name="prompt encodings per distinct prompt",
            goal=at_most(1.0),
            reached=generator._loaded.encoder.encoded / (PROMPTS + NEGATIVES),
            limit=1.0,
            detail=f"12 candidates in batches of {BATCH}, each of {PROMPTS} prompts with each of "
            f"{NEGATIVES} negative prompts; both kinds count",
        ),
        Row(
            number=9,
            name="bytes from the device per candidate over its uint8 size",
            goal=at_most(1.05),
            reached=moved["bytes"] / 12 / (3 * SIDE * SIDE),
            limit=1.0,
            detail="every copy to the host during generation, counted at the tensor",
        ),
        _encodes(bench),
        _recompilations(generator),
    ]


@contextmanager
def counted_bytes() -> Iterator[dict[str, int]]:
    """Bytes of tensors of pixels' or latents' kind that are brought to the host in the block."""
    moved = {"bytes": 0}
    own = torch.Tensor.cpu

    def cpu(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        moved["bytes"] += self.nbytes
        return own(self, *args, **kwargs)

    with patch.object(torch.Tensor, "cpu", cpu):
        yield moved


def _batch(indexes: range) -> list[Candidate]:
    return [
        Candidate(
            id=f"{n:016x}",
            request_id="r",
            index=n,
            seed=candidate_seed(7, "r", n),
            prompt=f"a {('red', 'blue', 'green')[n % PROMPTS]} cup",
            negative_prompt=("", "a blurred photo")[n % NEGATIVES],
            settings=SETTINGS,
        )
        for n in indexes
    ]


def _encodes(bench: Bench) -> Row:
    """Full-quality encodes per delivered image, in a run of the generator without a model."""
    folder = bench.scratch / "encodes"
    folder.mkdir()
    rows = "\n".join(f"r{n},a disc" for n in range(8))
    (folder / "requests.csv").write_text(f"id,prompt\n{rows}\n")
    (folder / "rubric.yaml").write_text(
        "name: waste\nversion: 1\ntiers:\n  generic:\n    sharpness: {min: 0.955}\n"
    )
    (folder / "job.yaml").write_text(
        "name: waste\nrequests: requests.csv\nrubric: rubric.yaml\ndeliver: 2\n"
        "generator: {model: fake, width: 64, height: 64}\n"
        "candidates: {first: 4, max: 8, batch: 8}\n"
    )
    calls = {"encodes": 0}
    own: Callable[[Any], bytes] = images.encode_small

    def encode(rgb: Any) -> bytes:
        calls["encodes"] += 1
        return own(rgb)

    with patch.object(images, "encode_small", encode):
        run = sentinelqa.run(Path(folder / "job.yaml"), out=folder / "run")
    delivered = int(run.requests["delivered"].sum())
    return Row(
        number=9,
        name="full-quality encodes per delivered image",
        goal=at_most(1.0),
        reached=calls["encodes"] / delivered,
        limit=1.0,
        detail=f"{calls['encodes']} encodes, {delivered} delivered of {len(run.candidates)} "
        "candidates; candidates are stored in a fast lossless form",
    )


def _recompilations(generator: DiffusersGenerator) -> Row:
    """Graphs compiled after the first batch, over full and short batches and other prompts."""
    assert generator._loaded is not None
    counters = torch._dynamo.utils.counters["stats"]
    generator._loaded.pipeline.unet.compile(backend="eager", dynamic=False)
    generator.generate(_batch(range(BATCH)), BATCH)
    warm = counters["unique_graphs"]
    for count in (BATCH, 1, 3):
        generator.generate(_batch(range(count)), BATCH)
    return Row(
        number=9,
        name="compilations after the first batch",
        goal=at_most(0.0),
        reached=float(counters["unique_graphs"] - warm),
        limit=0.0,
        unit="graphs",
        detail="torch.compile's own count, with full and short batches; the shape never changes",
    )
