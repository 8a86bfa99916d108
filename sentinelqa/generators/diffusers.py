"""Any text-to-image pipeline that ``AutoPipelineForText2Image`` loads."""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sentinelqa.compat import prepare_torchvision
from sentinelqa.errors import ComponentError, GenerationError, ModelError, did_you_mean
from sentinelqa.generators.base import Generated, Image
from sentinelqa.generators.prompts import PromptEncoder
from sentinelqa.types import Candidate, ModelUse, Settings
from sentinelqa.weights import LicencePolicy, ResolvedModel, resolve

prepare_torchvision()
import diffusers  # noqa: E402 - it and the next fail before the line above
import transformers  # noqa: E402

_GUIDANCE_ARGUMENT = {"QwenImagePipeline": "true_cfg_scale"}


@dataclass(slots=True)
class _Loaded:
    """A pipeline in memory, and what of it was changed from the model's own."""

    pipeline: Any
    encoder: PromptEncoder
    model: ResolvedModel
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
    """

    def __init__(
        self,
        settings: Settings,
        *,
        device: str = "auto",
        dtype: str = "auto",
        policy: LicencePolicy | None = None,
        allow_unpinned: bool = False,
    ) -> None:
        self._settings = settings
        self._device = device
        self._dtype = dtype
        self._policy = policy or LicencePolicy()
        self._allow_unpinned = allow_unpinned
        self._loaded: _Loaded | None = None
        self._fits: dict[tuple[str, int, int], int] = {}

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (self._loaded.model.use(),) if self._loaded else ()

    def load(self) -> None:
        """See :class:`sentinelqa.generators.base.Generator`."""
        self._prepare(self._settings)

    def generate(self, batch: Sequence[Candidate], shape: int) -> Generated:
        """See :class:`sentinelqa.generators.base.Generator`.

        When memory runs out, the batch is halved until it fits, and the size that fitted is
        remembered for this model and image size.

        Raises:
            GenerationError: one image alone does not fit into memory.
        """
        settings = batch[0].settings
        if settings is None:
            raise ValueError(f"candidate {batch[0].id} has no settings to generate with")
        start = time.perf_counter()
        loaded = self._prepare(settings)
        key = (settings.model, settings.width, settings.height)
        shape = min(shape, self._fits.get(key, shape))
        images: list[Image | GenerationError] = []
        while len(images) < len(batch):
            part = batch[len(images) : len(images) + shape]
            made = self._attempt(loaded, part, settings, shape)
            if made is None:
                if shape == 1:
                    raise GenerationError(
                        f"out of memory for one {settings.width}x{settings.height} image of "
                        f"{settings.model}"
                    )
                shape = self._fits[key] = max(1, shape // 2)
                continue
            images.extend(made)
        return Generated(images=images, seconds=time.perf_counter() - start, shape=shape)

    def _attempt(
        self, loaded: _Loaded, part: Sequence[Candidate], settings: Settings, shape: int
    ) -> list[Image | GenerationError] | None:
        """The images of one device batch, or ``None`` when memory ran out."""
        try:
            return _to_images(self._run(loaded, part, settings, shape), len(part))
        except torch.OutOfMemoryError:
            pass
        except RuntimeError as error:
            if "can't allocate memory" not in str(error):
                raise GenerationError(f"{settings.model}: {error}") from error
        # Here, outside the handlers, nothing holds the failed batch's tensors any more.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _run(
        self, loaded: _Loaded, part: Sequence[Candidate], settings: Settings, shape: int
    ) -> torch.Tensor:
        with torch.inference_mode():
            return self._call(loaded, [*part, *[part[-1]] * (shape - len(part))], settings)

    def _call(
        self, loaded: _Loaded, padded: Sequence[Candidate], settings: Settings
    ) -> torch.Tensor:
        guided = settings.guidance > 1
        arguments = loaded.encoder.arguments(
            [(c.prompt, c.negative_prompt) for c in padded], guided=guided
        )
        guidance = _GUIDANCE_ARGUMENT.get(type(loaded.pipeline).__name__, "guidance_scale")
        accepted = inspect.signature(loaded.pipeline.__call__).parameters
        if guidance in accepted:
            arguments[guidance] = settings.guidance
        return loaded.pipeline(
            **arguments,
            num_inference_steps=settings.steps,
            width=settings.width,
            height=settings.height,
            generator=[torch.Generator("cpu").manual_seed(c.seed) for c in padded],
            output_type="pt",
            return_dict=False,
        )[0]

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
                dtype=pick_dtype(self._dtype, device),
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{settings.model} cannot be loaded: {error}", where=str(model.path)
            ) from error
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(device)
        return _Loaded(pipeline, PromptEncoder(pipeline), model, pipeline.scheduler.config)


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


def _to_images(tensor: torch.Tensor, count: int) -> list[Image | GenerationError]:
    """Quantise on the device: a quarter of the bytes travel to the host."""
    finite = torch.isfinite(tensor[:count]).flatten(1).all(1).tolist()
    pixels = tensor[:count].float().nan_to_num(0).clamp(0, 1).mul(255).round().to(torch.uint8)
    array = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return [
        image if good else GenerationError("the pipeline returned NaN or infinite pixels")
        for image, good in zip(array, finite, strict=True)
    ]


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
        loaded.lora = ""
    if not path:
        return
    if not path.endswith(".safetensors"):
        raise ModelError(f"a LoRA file must be safetensors; got {path!r}")
    try:
        loaded.pipeline.load_lora_weights(path, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the LoRA file cannot be loaded: {error}", where=path) from error
    loaded.lora = path
