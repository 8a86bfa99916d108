"""A CLIP in open_clip's own format, small and random: real code at tiny size."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from sentinelqa.features import clip_model  # noqa: F401 - makes open_clip importable

import open_clip  # isort: skip

CONFIG = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def write_tiny_clip(folder: Path) -> str:
    """Write the model to ``folder`` and return its path."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.CLIP(**CONFIG)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    config = {"model_cfg": CONFIG, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return str(folder)
