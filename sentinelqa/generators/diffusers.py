"""Any text-to-image pipeline that ``AutoPipelineForText2Image`` loads."""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sentinelqa.compat import prepare_torchvision
from sentinelqa.errors import (
    ComponentError,
    DeviceMemoryError,
    GenerationError,
    ModelError,
    did_you_mean,
)
from sentinelqa.generators import compiling, phases, tuning
from sentinelqa.generators.base import Generated, Halfway, Image
from sentinelqa.generators.previews import Previewer
from sentinelqa.generators.prompts import PromptEncoder
from sentinelqa.generators.transfer import Arriving, Clock
from sentinelqa.generators.tuning import Tuning
from sentinelqa.tracing import span, spanned
from sentinelqa.types import Candidate, ModelUse, Settings
from sentinelqa.weights import LicencePolicy, ResolvedModel, resolve

prepare_torchvision()
import diffusers  # noqa: E402 - it and the next fail before the line above
import transformers  # noqa: E402

TUNING_BATCH, TUNING_STEPS = 4, 4
_GUIDANCE_ARGUMENT = {"QwenImagePipeline": "true_cfg_scale"}


@dataclass(slots=True)
class _Loaded:
    """A pipeline in memory, and what of it was changed from the model's own."""

    pipeline: Any
    encoder: PromptEncoder
    model: ResolvedModel
    previewer: Previewer
    scheduler_config: Any
    scheduler: str = ""
    lora: str = ""


class DiffusersGenerator:
    """Generates with diffusers; one ``torch.Generator`` per candidate, seeded on the CPU.

    Args:
        settings: those of the first round; their model is loaded in ``load``. A candidate whose
            settings name another model makes that one be loaded in its place.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        compiled: whether ``torch.compile`` works on the denoiser, or on the blocks it repeats.
            ``auto`` chooses by the length of the job, on a GPU; on a CPU it is ``off``.
        expected: candidates that the job comes to at least; 0 for too few to compile for.
        record: file that keeps how the device's work is done; what an earlier process of the run
            chose stands there and is used again. Without one it is chosen anew.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "auto",
        dtype: str = "auto",
        compiled: compiling.Asked = "auto",
        expected: int = 0,
        record: Path | None = None,
        policy: LicencePolicy | None = None,
        allow_unpinned: bool = False,
    ) -> None:
        self._settings = settings
        self._device = device
        self._dtype = dtype
        self._compiled = compiled
        self._expected = expected
        self._record = record
        self._tuned = None if record is None else tuning.recorded(record)
        self._policy = policy or LicencePolicy()
        self._allow_unpinned = allow_unpinned
        self._loaded: _Loaded | None = None
        self._fits: dict[tuple[str, int, int], int] = {}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (self._loaded.model.use(),) if self._loaded else ()

    @property
    def tuned(self) -> Tuning | None:
        """How the device's work is done. Known after ``load``."""
        return self._tuned

    def load(self) -> None:
        """See :class:`sentinelqa.generators.base.Generator`."""
        self._prepare(self._settings)

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        """See :class:`sentinelqa.generators.base.Generator`.

        When memory runs out, the batch is halved until it fits, and the size that fitted is
        remembered for this model and image size.

        Raises:
            DeviceMemoryError: one image alone does not fit into memory.
        """
        return self.begin(batch, shape)()

    def begin(self, batch: Sequence[Candidate], shape: int) -> Callable[[], Generated]:
        """See :class:`sentinelqa.generators.base.Beginning` and ``generate``."""
        loaded, settings = self._begin(batch)
        clock = Clock(torch.device(pick_device(self._device)))
        parts: list[Arriving] = []

        def whole(part: Sequence[Candidate], shape: int) -> None:
            with span("denoise and decode"):
                parts.append(Arriving(self._run(loaded, part, settings, shape), len(part)))

        shape = self._in_parts(batch, shape, whole)
        clock.stop()

        def wait() -> Generated:
            with span("to the host"):
                images = [image for part in parts for image in part.images()]
            return Generated(images=images, seconds=clock.seconds, shape=shape)

        return wait

    def why_whole(self, settings: Settings) -> str:
        """See :class:`sentinelqa.generators.base.Halting`."""
        return phases.why_whole(self._prepare(settings).pipeline)

    def scout(self, batch: Sequence[Candidate], shape: int, step: int) -> Halfway:
        """See :class:`sentinelqa.generators.base.Halting`."""
        loaded, settings = self._begin(batch)
        start = time.perf_counter()
        previews: list[Image | GenerationError] = []
        latents: list[np.ndarray[Any, Any]] = []

        def first(part: Sequence[Candidate], shape: int) -> None:
            with torch.inference_mode():
                arguments = self._arguments(loaded, _padded(part, shape), settings)
                scouted = phases.scout(loaded.pipeline, arguments, step)
                shown = loaded.previewer.pixels(scouted.predicted[: len(part)])
            previews.extend(Arriving(shown, len(part)).images())
            latents.extend(_to_array(scouted.latents[: len(part)]))

        shape = self._in_parts(batch, shape, first)
        return Halfway(
            latents=latents, previews=previews, seconds=time.perf_counter() - start, shape=shape
        )

    def finish(
        self,
        batch: Sequence[Candidate],
        shape: int,
        step: int,
        latents: Sequence[np.ndarray[Any, Any]],
    ) -> Generated:
        """See :class:`sentinelqa.generators.base.Halting`."""
        loaded, settings = self._begin(batch)
        start = time.perf_counter()
        images: list[Image | GenerationError] = []
        state = dict(zip((c.id for c in batch), latents, strict=True))

        def rest(part: Sequence[Candidate], shape: int) -> None:
            padded = _padded(part, shape)
            begun = torch.stack([_to_tensor(state[c.id]) for c in padded])
            with torch.inference_mode():
                arguments = self._arguments(loaded, padded, settings)
                pixels = phases.resume(
                    loaded.pipeline, arguments, begun.to(loaded.pipeline.device), step
                )
            images.extend(Arriving(pixels, len(part)).images())

        shape = self._in_parts(batch, shape, rest)
        return Generated(images=images, seconds=time.perf_counter() - start, shape=shape)

    def _begin(self, batch: Sequence[Candidate]) -> tuple[_Loaded, Settings]:
        settings = batch[0].settings
        if settings is None:
            raise ValueError(f"candidate {batch[0].id} has no settings to generate with")
        return self._prepare(settings), settings

    def _in_parts(
        self,
        batch: Sequence[Candidate],
        shape: int,
        work: Callable[[Sequence[Candidate], int], None],
    ) -> int:
        """Work a batch in device batches of ``shape``, halved until they fit. Returns the shape.

        Raises:
            DeviceMemoryError: one image alone does not fit into memory.
        """
        settings = batch[0].settings
        assert settings is not None
        key = (settings.model, settings.width, settings.height)
        shape = min(shape, self._fits.get(key, shape))
        done = 0
        while done < len(batch):
            part = batch[done : done + shape]
            with self._tuned.attention() if self._tuned else nullcontext():
                fits = _fits(work, part, shape, settings.model)
            if fits:
                done += len(part)
                continue
            if shape == 1:
                raise DeviceMemoryError(
                    f"out of memory for one {settings.width}x{settings.height} image of "
                    f"{settings.model}"
                )
            shape = self._fits[key] = max(1, shape // 2)
        return shape

    def _run(
        self, loaded: _Loaded, part: Sequence[Candidate], settings: Settings, shape: int
    ) -> torch.Tensor:
        with torch.inference_mode():
            arguments = self._arguments(loaded, _padded(part, shape), settings)
            if "callback_on_step_end" in _accepted(loaded):
                arguments["callback_on_step_end"] = phases.stepped
            return loaded.pipeline(**arguments, output_type="pt", return_dict=False)[0]

    def _arguments(
        self, loaded: _Loaded, padded: Sequence[Candidate], settings: Settings
    ) -> dict[str, Any]:
        guided = settings.guidance > 1
        arguments = loaded.encoder.arguments(
            [(c.prompt, c.negative_prompt) for c in padded], guided=guided
        )
        guidance = _GUIDANCE_ARGUMENT.get(type(loaded.pipeline).__name__, "guidance_scale")
        if guidance in _accepted(loaded):
            arguments[guidance] = settings.guidance
        return {
            **arguments,
            "num_inference_steps": settings.steps,
            "width": settings.width,
            "height": settings.height,
            "generator": [torch.Generator("cpu").manual_seed(c.seed) for c in padded],
        }

    def _prepare(self, settings: Settings) -> _Loaded:
        """The pipeline for these settings, with their scheduler and LoRA file."""
        loaded = self._loaded
        if loaded is None or self._settings.model != settings.model:
            self._loaded = None
            del loaded
            gc.collect()
            loaded = self._loaded = self._open(settings)
            self._settings = settings
        if loaded.scheduler != settings.scheduler:
            loaded.pipeline.scheduler = _scheduler(settings.scheduler, loaded)
            loaded.scheduler = settings.scheduler
        if loaded.lora != settings.lora:
            _swap_lora(loaded, settings.lora)
        return loaded

    def _open(self, settings: Settings) -> _Loaded:
        model = resolve(
            settings.model,
            task="text-to-image",
            revision=settings.revision,
            policy=self._policy,
            allow_unpinned=self._allow_unpinned,
        )
        device = pick_device(self._device)
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        try:
            pipeline = diffusers.AutoPipelineForText2Image.from_pretrained(
                model.path,
                dtype=getattr(torch, self._tuned.dtype)
                if self._tuned
                else pick_dtype(self._dtype, device),
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{settings.model} cannot be loaded: {error}", where=str(model.path)
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(device)
        pipeline.vae.decode = spanned("decode", pipeline.vae.decode)
        loaded = _Loaded(
            pipeline,
            PromptEncoder(pipeline),
            model,
            Previewer(pipeline),
            pipeline.scheduler.config,
        )
        self._tune(loaded, settings)
        return loaded

    def _tune(self, loaded: _Loaded, settings: Settings) -> None:
        if self._tuned is not None:
            tuning.apply(loaded.pipeline, self._tuned)
            compiling.compile_denoiser(loaded.pipeline, self._tuned.compiled)
            return
        short = [
            Candidate(id="tuning", request_id="tuning", prompt="a", settings=settings, seed=n)
            for n in range(TUNING_BATCH)
        ]
        few = settings.evolve(steps=min(TUNING_STEPS, settings.steps))
        work = partial(self._run, loaded, short, few, len(short))
        dtype = pick_dtype(self._dtype, pick_device(self._device))
        self._tuned = tuning.choose(loaded.pipeline, work, dtype=dtype)
        if self._compiled in ("whole", "regional"):
            self._tuned = replace(self._tuned, compiled=self._compiled)
            compiling.compile_denoiser(loaded.pipeline, self._compiled)
        elif self._compiled == "auto" and loaded.pipeline.device.type == "cuda":
            batches = self._expected / len(short) * settings.steps / few.steps
            self._tuned = compiling.weigh(
                loaded.pipeline, self._tuned, batches, partial(tuning.first_and_best, work)
            )
        if self._record is not None:
            tuning.keep(self._record, self._tuned, loaded.pipeline)


def pick_device(wanted: str) -> str:
    """``auto`` is the first CUDA device, else the CPU."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def pick_dtype(wanted: str, device: str) -> torch.dtype:
    """``auto`` is float32 on a CPU; on a GPU bfloat16, or float16 where that is not supported."""
    if wanted != "auto":
        return getattr(torch, wanted)
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32


def _accepted(loaded: _Loaded) -> Container[str]:
    """The arguments that a pipeline takes."""
    return inspect.signature(loaded.pipeline.__call__).parameters


def _fits(
    work: Callable[[Sequence[Candidate], int], None],
    part: Sequence[Candidate],
    shape: int,
    model: str,
) -> bool:
    """Work one device batch; ``False`` when memory ran out."""
    try:
        work(part, shape)
    except torch.OutOfMemoryError:
        pass
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise GenerationError(f"{model}: {error}") from error
    else:
        return True
    # Here, outside the handlers, nothing holds the failed batch's tensors any more.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False


def _padded(part: Sequence[Candidate], shape: int) -> list[Candidate]:
    return [*part, *[part[-1]] * (shape - len(part))]


def _to_array(latents: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    """One array per candidate. NumPy has no bfloat16, so its bits travel as integers."""
    bits = latents.view(torch.int16) if latents.dtype is torch.bfloat16 else latents
    return list(bits.cpu().numpy())


def _to_tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if tensor.dtype is torch.int16 else tensor


def _scheduler(name: str, loaded: _Loaded) -> Any:
    original = getattr(diffusers, loaded.scheduler_config["_class_name"])
    if not name:
        return original.from_config(loaded.scheduler_config)
    known = {
        n
        for n in dir(diffusers)
        if n.endswith("Scheduler") and not n.startswith(("Flax", "Karras"))
    }
    if name not in known:
        raise ComponentError(f"unknown scheduler {name!r}", remedy=did_you_mean(name, known))
    return getattr(diffusers, name).from_config(loaded.scheduler_config)


def _swap_lora(loaded: _Loaded, path: str) -> None:
    if loaded.lora:
        loaded.pipeline.unload_lora_weights()
        loaded.encoder.forget()
        loaded.lora = ""
    if not path:
        return
    if not path.endswith(".safetensors"):
        raise ModelError(f"a LoRA file must be safetensors; got {path!r}")
    try:
        loaded.pipeline.load_lora_weights(path, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the LoRA file cannot be loaded: {error}", where=path) from error
    loaded.encoder.forget()
    loaded.lora = path
