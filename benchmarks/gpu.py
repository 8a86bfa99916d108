"""The generator on one CUDA GPU: what each setting of the device's work is worth.

    python -m benchmarks.gpu --out gpu.json
    python -m benchmarks.gpu --rehearse     # without a GPU: does every part run?

Under three minutes on a data-centre GPU. Prints each figure as it is taken and writes all of them
as JSON. Sides of a ratio are timed in turn, each after a warm-up, with the device synchronised.

- ``starter``: the embedded pipeline; the bare diffusers loop as its documentation writes it, at its
  best batch, against :class:`DiffusersGenerator` in each number format, and against a whole run
  (generate, score, select, persist), start-up taken out by the difference of two sizes.
- ``sd15``, ``sdxl``: networks of that size with random weights, for realistic device times. What
  they draw is noise; how long they take is not.
- ``halfway``: all candidates to step 8 of 20, a quarter of them to the end, over all to the end.

A rehearsal runs the same code on a CPU, with the starter pipeline in the place of the large ones,
few steps and nothing compiled; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import overlap
from sentinelqa.compat import prepare_torchvision
from sentinelqa.generators import compiling, tuning
from sentinelqa.generators.diffusers import DiffusersGenerator, _Loaded
from sentinelqa.generators.previews import Previewer
from sentinelqa.generators.prompts import PromptEncoder
from sentinelqa.shipped import shipped
from sentinelqa.types import Candidate, Settings, candidate_seed
from sentinelqa.weights import LicencePolicy, resolve

prepare_torchvision()
import diffusers  # noqa: E402 - it and the next fail before the line above
import transformers  # noqa: E402

SECONDS = 150.0
"""Nothing new is begun after so long."""
PROMPTS = [f"a {colour} {thing}" for colour in ("red", "blue") for thing in ("car", "teapot")]
RUBRIC = """\
name: gpu
version: 1
tiers:
  generic:
    artifacts: {min: 0.5}
    sharpness: {min: 0.4}
    prompt_alignment: {min: 0.2}
"""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """Where and how large everything is measured.

    Attributes:
        batches: of the bare loop, the best of which is compared with.
        runs: requests of the short and the long run; ``candidates`` for each.
        large: side and batch of the networks of SD 1.5's and SDXL's size.
    """

    device: str = "cuda"
    steps: int = 20
    dtypes: tuple[str, ...] = ("float32", "float16", "bfloat16")
    batches: tuple[int, ...] = (16, 64, 128)
    runs: tuple[int, int] = (16, 80)
    candidates: int = 16
    batch: int = 64
    side: int = 128
    sd15: tuple[int, int] = (512, 8)
    sdxl: tuple[int, int] = (1024, 4)

    @property
    def halt(self) -> int:
        """The step that candidates are looked at after."""
        return round(0.4 * self.steps)


REHEARSAL = Scale("cpu", 3, ("float32",), (1, 2), (1, 2), 2, 2, 64, (64, 2), (64, 2))


class Report:
    """Figures by name, printed as they come and kept in a file."""

    def __init__(self, path: Path, scale: Scale) -> None:
        self._path = path
        self._started = time.perf_counter()
        self.scale = scale
        self.figures: Figures = {
            "device": torch.cuda.get_device_name() if scale.device == "cuda" else scale.device,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
        }

    @property
    def over(self) -> bool:
        return time.perf_counter() - self._started > SECONDS

    def add(self, name: str, value: Any) -> None:
        self.figures[name] = value
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{time.perf_counter() - self._started:6.1f} s  {name}: {shown}", flush=True)
        self._path.write_text(json.dumps(self.figures, indent=2) + "\n")


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The fastest of a few runs after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        _synchronize()
        start = time.perf_counter()
        work()
        _synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def candidates(settings: Settings, count: int) -> list[Candidate]:
    """A batch over a few prompts."""
    return [
        Candidate(
            id=f"{n:016x}",
            request_id=f"r{n % len(PROMPTS)}",
            index=n,
            seed=candidate_seed(7, "r", n),
            prompt=PROMPTS[n % len(PROMPTS)],
            settings=settings,
        )
        for n in range(count)
    ]


def bare(pipeline: Any, settings: Settings, count: int) -> Callable[[], object]:
    """The loop of diffusers' documentation, without the conversion to PIL that it ends with."""

    def work() -> object:
        with torch.inference_mode():
            return pipeline(
                prompt=[PROMPTS[n % len(PROMPTS)] for n in range(count)],
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                width=settings.width,
                height=settings.height,
                generator=[torch.Generator("cpu").manual_seed(n) for n in range(count)],
                output_type="pt",
            ).images.cpu()

    return work


def around(pipeline: Any, settings: Settings, device: str) -> DiffusersGenerator:
    """The generator around a pipeline that is in memory already."""
    generator = DiffusersGenerator(settings, device=device)
    generator._loaded = _Loaded(
        pipeline,
        PromptEncoder(pipeline),
        resolve("starter", task="text-to-image", policy=LicencePolicy()),
        Previewer(pipeline),
        pipeline.scheduler.config,
    )
    return generator


def starter(report: Report) -> None:
    """The embedded pipeline in every number format, and a whole run."""
    scale = report.scale
    side = scale.side
    settings = Settings(model="starter", steps=scale.steps, guidance=3.0, width=side, height=side)
    best: dict[str, float] = {}
    for dtype in scale.dtypes:
        pipeline = _starter_pipeline(scale, dtype)
        rates = {n: n / seconds(bare(pipeline, settings, n), 2) for n in scale.batches}
        size = max(rates, key=rates.__getitem__)
        best[dtype] = rates[size]
        report.add(f"starter {dtype} bare images/s, batch {size}", rates[size])
        generator = DiffusersGenerator(settings, device=scale.device, dtype=dtype)
        generator.load()
        made = candidates(settings, size)
        rate = size / seconds(lambda g=generator, m=made: g.generate(m, len(m)), 2)  # type: ignore[misc]
        report.add(f"starter {dtype} generator over bare", rate / rates[size])
        assert generator.tuned is not None
        report.add(f"starter {dtype} tuning", generator.tuned.as_dict())
        del pipeline, generator
    report.add("starter bare best images/s", max(best.values()))


def _starter_pipeline(scale: Scale, dtype: str) -> Any:
    pipeline = diffusers.AutoPipelineForText2Image.from_pretrained(
        shipped("models/starter/pipeline"),
        dtype=getattr(torch, dtype),
        use_safetensors=True,
        local_files_only=True,
    ).to(scale.device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def whole_run(report: Report) -> None:
    """Candidates/s of a run with the starter models, from the difference of two sizes."""
    import sentinelqa

    scale, taken = report.scale, {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rubric.yaml").write_text(RUBRIC)
        for requests in scale.runs:
            job = Path(folder) / f"job-{requests}.yaml"
            rows = "\n".join(f"r{n},{PROMPTS[n % len(PROMPTS)]}" for n in range(requests))
            (Path(folder) / f"r{requests}.csv").write_text(f"id,prompt\n{rows}\n")
            job.write_text(
                f"name: gpu-{requests}\nrequests: r{requests}.csv\n"
                "rubric: rubric.yaml\ndeliver: 2\n"
                f"generator: {{model: starter, steps: {scale.steps}, guidance: 3.0, "
                f"width: {scale.side}, height: {scale.side}}}\n"
                f"candidates: {{batch: {scale.batch}, best_of: {scale.candidates}}}\n"
            )
            trace = Path(folder) / f"trace-{requests}.json"
            start = time.perf_counter()
            run = sentinelqa.run(job, out=Path(folder) / f"run-{requests}", trace=trace)
            taken[requests] = (time.perf_counter() - start, len(run.candidates))
        lines = overlap.table(overlap.by_kind(overlap.events_of(trace)))
    (short, few), (long, many) = (taken[requests] for requests in scale.runs)
    report.add("starter whole run: what runs at the same time", lines)
    report.add("starter whole run images/s", (many - few) / (long - short))
    report.add("starter whole run seconds", [short, long])


def sized(kind: str, device: str = "cuda") -> Any:
    """A pipeline of the size of SD 1.5 or SDXL with random weights in bfloat16, on ``device``."""
    tokenizer = transformers.CLIPTokenizer.from_pretrained(
        shipped("models/starter/pipeline"), subfolder="tokenizer", local_files_only=True
    )
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
    )
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            pipeline = (_sd15 if kind == "sd15" else _sdxl)(tokenizer, scheduler)
    finally:
        torch.set_default_dtype(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device, torch.bfloat16)


def _pipeline(report: Report, kind: str) -> Any:
    scale = report.scale
    return sized(kind) if scale.device == "cuda" else _starter_pipeline(scale, "float32")


def _vae() -> Any:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
    )


def _text(tokenizer: Any, width: int, layers: int, *, projected: bool = False) -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    kind = transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel
    return kind(config)


def _sd15(tokenizer: Any, scheduler: Any) -> Any:
    unet = diffusers.UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8
    )
    return diffusers.StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_text(tokenizer, 768, 12),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(tokenizer: Any, scheduler: Any) -> Any:
    unet = diffusers.UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    return diffusers.StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text(tokenizer, 768, 12),
        text_encoder_2=_text(tokenizer, 1280, 32, projected=True),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=scheduler,
        add_watermarker=False,
    )


def large(report: Report, kind: str, side: int, size: int) -> None:
    """The generator over the bare loop, stopping half way, and each setting of the device's work,
    at a realistic size."""
    pipeline, scale = _pipeline(report, kind), report.scale
    settings = Settings(model="starter", steps=scale.steps, guidance=5.0, width=side, height=side)
    times = 1 if kind == "sdxl" else 2
    plain = seconds(bare(pipeline, settings, size), times)
    report.add(f"{kind} bare images/s, batch {size}, bfloat16", size / plain)
    generator = around(pipeline, settings, scale.device)
    made = candidates(settings, size)
    ours = seconds(lambda: generator.generate(made, size), times)
    report.add(f"{kind} generator over bare", plain / ours)
    halfway(report, kind, generator, made, ours)
    if report.over:
        return
    few = candidates(settings.evolve(steps=min(4, scale.steps)), size)
    found = tuning.compare(
        pipeline,
        tuning.Tuning(dtype="bfloat16"),
        lambda: seconds(lambda: generator.generate(few, size), times),
    )
    report.add(f"{kind} settings, seconds of a short batch", dict(found.measured))


def halfway(
    report: Report, kind: str, generator: DiffusersGenerator, made: list[Candidate], whole: float
) -> None:
    """Seconds of scouting everybody and finishing a quarter, over finishing everybody."""
    size, step = len(made), report.scale.halt
    state = generator.scout(made, size, step)
    scouting = seconds(lambda: generator.scout(made, size, step), 1)
    finishing = seconds(lambda: generator.finish(made, size, step, state.latents), 1)
    direct = generator.generate(made, size).images
    parted = generator.finish(made, size, step, state.latents).images
    same = all((a == b).all() for a, b in zip(direct, parted, strict=True))  # type: ignore[union-attr]
    report.add(f"{kind} halfway: same pixels as in one go", same)
    report.add(
        f"{kind} halfway: scouting and all the rest, seconds over one go",
        (scouting + finishing) / whole,
    )
    report.add(
        f"{kind} halfway: a quarter goes on, seconds over one go",
        (scouting + finishing / 4) / whole,
    )


def compiled(report: Report, how: str) -> None:
    """``torch.compile`` on the denoiser of SD 1.5's size, or on the blocks that it repeats."""
    pipeline, scale = _pipeline(report, "sd15"), report.scale
    side, size = scale.sd15
    settings = Settings(model="starter", steps=scale.steps, guidance=5.0, width=side, height=side)
    generator = around(pipeline, settings, scale.device)
    made = candidates(settings, size)
    eager = seconds(lambda: generator.generate(made, size), 2)
    start = time.perf_counter()
    tuning.apply(pipeline, tuning.Tuning(dtype="bfloat16", channels_last=True))
    compiling.compile_denoiser(pipeline, how)
    generator.generate(made, size)
    report.add(f"sd15 compile, {how}: seconds to compile", time.perf_counter() - start)
    report.add(f"sd15 compile, {how}: seconds over eager", _ratio(generator, made, eager))


def _ratio(generator: DiffusersGenerator, made: list[Candidate], before: float) -> float:
    return seconds(lambda: generator.generate(made, len(made)), 2) / before


def main() -> None:
    """Take every figure; what fails is said, and the rest goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, as small as may be")
    arguments = parser.parse_args()
    if not (arguments.rehearse or torch.cuda.is_available()):
        parser.error("there is no CUDA GPU here; --rehearse runs every part on the CPU")
    diffusers.utils.logging.disable_progress_bar()
    scale = REHEARSAL if arguments.rehearse else Scale()
    report = Report(arguments.out, scale)
    parts: list[tuple[str, Callable[[], None]]] = [
        ("starter", lambda: starter(report)),
        ("whole run", lambda: whole_run(report)),
        ("sd15", lambda: large(report, "sd15", *scale.sd15)),
        ("sdxl", lambda: large(report, "sdxl", *scale.sdxl)),
    ]
    if scale.device == "cuda":
        parts.append(("compiled, regional", lambda: compiled(report, "regional")))
        parts.append(("compiled, whole", lambda: compiled(report, "whole")))
    for name, part in parts:
        if report.over:
            report.add(f"{name}: left out", "no time")
            continue
        try:
            part()
        except (RuntimeError, ValueError, TypeError, AttributeError, OSError) as error:
            report.add(f"{name}: failed", f"{type(error).__name__}: {error}")
        gc.collect()
        if scale.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
