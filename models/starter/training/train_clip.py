"""Train the CLIP: a small convolutional image tower and a small text tower, for open_clip.

A batch holds pairs of colour variants of the same drawing, and every image also meets its own
caption with a wrong colour word, so that colour has to be told as well as shape. The 3D renders of
the held-out objects and the whole held-out style are never seen.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as nnf
from catalog import COLOURS, HELD_OUT, TRAIN_STYLES
from common import (
    Row,
    caption,
    load_checkpoint,
    load_index,
    machine,
    save_checkpoint,
    until,
    warm_cosine,
)
from safetensors.torch import load_file, save_file
from tokenizer import CONTEXT
from transformers import CLIPTokenizer

SHAPE_WEIGHT = 0.5
SIZE = 64
SMALL, SMALL_SHARE = 48, 0.5  # half of the budget at half the cost per image
MEAN = STD = (0.5, 0.5, 0.5)


def model_config(vocabulary: int) -> dict:
    return {
        "embed_dim": 256,
        "vision_cfg": {
            "timm_model_name": "resnet10t",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": SIZE,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocabulary,
            "width": 192,
            "heads": 4,
            "layers": 3,
            "hf_tokenizer_name": "local",
        },
    }


def build(config: dict) -> open_clip.CLIP:
    return open_clip.CLIP(**config)


def encode_texts(model: open_clip.CLIP, ids: torch.Tensor) -> torch.Tensor:
    """What `model.encode_text` gives, without the work on padding: the tower is causal."""
    length = int((ids == ids.max()).int().argmax(1).max()) + 1
    ids = ids[:, :length]
    hidden = model.token_embedding(ids) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    pooled = hidden[torch.arange(len(ids), device=ids.device), ids.argmax(1)]
    return nnf.normalize(pooled @ model.text_projection, dim=-1)


def export(folder: Path, model: torch.nn.Module, config: dict, tokenizer: Path) -> None:
    """Write what `open_clip.create_model_and_transforms("local-dir:...")` reads, in fp16."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "model_cfg": config,
        "preprocess_cfg": {
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    weights = {
        key: value.detach().cpu().half().contiguous() if value.is_floating_point() else value
        for key, value in model.state_dict().items()
    }
    save_file(weights, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    for file in tokenizer.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())


class Sampler:
    """Objects evenly (catalog four times as often), then a style, then two of its colours."""

    def __init__(self, rows: list[Row], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        groups: dict[str, dict[str, list[int]]] = {}
        for i, row in enumerate(rows):
            if row.style not in TRAIN_STYLES or (row.style == "3d" and row.hexcode in HELD_OUT):
                continue
            groups.setdefault(row.hexcode, {}).setdefault(row.style, []).append(i)
        self.groups = [list(styles.values()) for styles in groups.values()]
        self.names = [rows[styles[0][0]] for styles in self.groups]
        self.number = {row.hexcode: i for i, row in enumerate(self.names)}
        weight = np.array([4.0 if row.catalog else 1.0 for row in self.names])
        self.chance = weight / weight.sum()

    def draw(self, pairs: int) -> np.ndarray:
        picked = []
        for which in self.rng.choice(len(self.groups), pairs, p=self.chance, replace=False):
            styles = self.groups[which]
            variants = styles[self.rng.integers(len(styles))]
            picked += list(self.rng.choice(variants, 2, replace=len(variants) < 2))
        return np.array(picked)

    def labels(self, rows: list[Row]) -> torch.Tensor:
        return torch.tensor([self.number[row.hexcode] for row in rows])

    def others(self, count: int) -> list[Row]:
        """Objects whose names serve as further wrong answers."""
        return [self.names[i] for i in self.rng.choice(len(self.names), count, replace=False)]


def augment(image: torch.Tensor, rng: np.random.Generator, size: int) -> torch.Tensor:
    """uint8 RGBA at 128 px to normalised RGB: moved, turned, mirrored, over a ground."""
    count = len(image)
    small = size <= image.shape[1] // 2
    device = image.device
    value = (image.float() / 255).permute(0, 3, 1, 2)
    value = torch.cat([value[:, :3] * value[:, 3:], value[:, 3:]], 1)  # premultiplied
    value = nnf.avg_pool2d(value, 2) if small else value  # against aliasing

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, *shape))).float().to(device)

    angle = draw(-0.25, 0.25)
    scale_x, scale_y = draw(0.9, 1.3), draw(0.93, 1.07)
    flip = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
    shift = draw(-0.1, 0.1, 2)
    theta = torch.stack(
        [
            torch.stack([scale_x * angle.cos() * flip, -scale_x * angle.sin(), shift[:, 0]], 1),
            torch.stack(
                [
                    scale_x * scale_y * angle.sin() * flip,
                    scale_x * scale_y * angle.cos(),
                    shift[:, 1],
                ],
                1,
            ),
        ],
        1,
    )
    grid = nnf.affine_grid(theta, [count, 4, size, size], align_corners=False)
    value = nnf.grid_sample(value, grid, align_corners=False)
    # white grounds most of the time; else a pale one, or any
    pale, wild = draw(0.75, 1, 3), draw(0, 1, 3)
    kind = draw(0, 1)[:, None]
    ground = torch.where(kind < 0.8, torch.ones_like(pale), torch.where(kind < 0.92, pale, wild))
    rgb = value[:, :3] + (1 - value[:, 3:]) * ground[:, :, None, None]
    rgb = rgb * draw(0.9, 1.08)[:, None, None, None] + draw(-0.04, 0.04)[:, None, None, None]
    coarse = nnf.interpolate(nnf.avg_pool2d(rgb, 2), size, mode="bilinear", align_corners=False)
    blur = (draw(0, 1) < 0.3).float() * draw(0, 1)
    rgb = torch.lerp(rgb, coarse, blur[:, None, None, None])
    noise = (draw(0, 1) < 0.3).float() * draw(0, 0.06)
    rgb = rgb + noise[:, None, None, None] * torch.randn_like(rgb)
    return (rgb.clamp(0, 1) - 0.5) / 0.5


def captions(rows: list[Row], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Captions, and the colour word that each one holds ("" when none)."""
    # bare names as often as coloured ones: else colour alone tells most captions of a batch apart
    texts = [caption(row, rng, bare=0.5) for row in rows]
    return texts, [
        row.colour if row.colour and row.colour in text.split(" ") else ""
        for row, text in zip(rows, texts, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/starter/data"))
    parser.add_argument("--out", type=Path, default=Path("build/starter/clip"))
    parser.add_argument("--init-from", type=Path, help="a clip folder to go on from")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.998, help="of the average of the weights")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    host = machine(args.threads)
    index = load_index(args.data)
    images = torch.from_numpy(
        np.load(args.data / "images.npy", mmap_mode=None if host.fast else "c")
    )
    if host.fast:
        images = images.to(host.device)
    vocabulary = args.data / "tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(vocabulary)
    config = model_config(len(tokenizer))
    model = build(config)
    if args.init_from:
        weights = load_file(args.init_from / "open_clip_model.safetensors")
        model.load_state_dict(
            {
                key: value.float() if value.is_floating_point() else value
                for key, value in weights.items()
            }
        )
    sampler = Sampler(index, seed=0)
    model = model.to(host.device, memory_format=torch.channels_last).train()
    # a head for training only: all objects are wrong answers at once, and no colour helps
    shapes = torch.nn.Linear(model.visual.trunk.num_features, len(sampler.groups)).to(host.device)
    average = copy.deepcopy(model).eval()
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    kept = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [
            {"params": [*decayed, *shapes.parameters()], "weight_decay": 0.05},
            {"params": kept, "weight_decay": 0.0},
        ],
        lr=args.rate,
        betas=(0.9, 0.98),
    )
    start = 0
    if saved := load_checkpoint(args.out / "last.pt"):
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        shapes.load_state_dict(saved["shapes"])
        optimiser.load_state_dict(saved["optimiser"])
        start = saved["step"] + 1
    rng = np.random.default_rng(start)
    begun = time.monotonic()
    for step, progress in until(args.minutes, args.steps, start):
        picked = sampler.draw(args.pairs)
        rows = [index[i] for i in picked]
        texts, words = captions(rows, rng)
        # one image of each pair also meets a wrong colour
        coloured = [i for i, row in enumerate(rows) if row.colour and i % 2 == 0]
        wrong = [
            caption(rows[i], rng, rng.choice([c for c in COLOURS if c != rows[i].colour]))
            for i in coloured
        ]
        drawn_codes = {row.hexcode for row in rows}
        others = [row for row in sampler.others(args.pairs // 2) if row.hexcode not in drawn_codes]
        fillers = [caption(row, rng, bare=0.7) for row in others]
        ids = torch.tensor(
            tokenizer(
                [*texts, *wrong, *fillers],
                padding="max_length",
                truncation=True,
                max_length=CONTEXT,
            )["input_ids"]
        )
        codes = np.array([row.hexcode for row in rows])
        colours = np.array([row.colour for row in rows])
        words_held = np.array(words)
        # a caption is true of an image when the object agrees and its colour word, if any, too
        true = (codes[:, None] == codes[None]) & (
            (words_held[None] == "") | (words_held[None] == colours[:, None])
        )
        true = torch.from_numpy(true).float().to(host.device)
        size = SIZE if host.fast or progress >= SMALL_SHARE else SMALL
        seen = augment(images[torch.from_numpy(picked).to(images.device)], rng, size)
        seen = seen.to(host.device, memory_format=torch.channels_last)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * warm_cosine(progress, step)
        with host.autocast():
            pooled = model.visual.trunk(seen)
            image_vectors = nnf.normalize(model.visual.head(pooled), dim=-1).float()
            guessed = shapes(pooled).float()
            text_vectors = encode_texts(model, ids.to(host.device)).float()
        scores = model.logit_scale.exp() * image_vectors @ text_vectors.T
        full = torch.cat([true, true.new_zeros(len(rows), len(wrong) + len(fillers))], 1)
        by_image = -(full / full.sum(1, keepdim=True) * scores.log_softmax(1)).sum(1).mean()
        own = scores[:, : len(rows)].T
        by_text = -(true.T / true.T.sum(1, keepdim=True) * own.log_softmax(1)).sum(1).mean()
        labels = sampler.labels(rows).to(host.device)
        by_shape = nnf.cross_entropy(guessed, labels, label_smoothing=0.1)
        loss = (by_image + by_text) / 2 + SHAPE_WEIGHT * by_shape
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, np.log(50))
            decay = min(args.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
            for old, new in zip(average.buffers(), model.buffers(), strict=True):
                old.copy_(new)
        if step % 50 == 0:
            hit = float(full.gather(1, scores.argmax(1, keepdim=True)).mean())
            known = float((guessed.argmax(1) == labels).float().mean())
            print(
                f"{step} {progress:.3f} loss {float(loss.detach()):.3f} top1 {hit:.3f} "
                f"shape {known:.3f} "
                f"scale {float(model.logit_scale.detach().exp()):.1f} "
                f"{time.monotonic() - begun:.0f}s",
                flush=True,
            )
        if step % 500 == 499:
            save_checkpoint(
                args.out / "last.pt",
                model=model.state_dict(),
                average=average.state_dict(),
                shapes=shapes.state_dict(),
                optimiser=optimiser.state_dict(),
                step=step,
            )
            export(args.out / "export", average, config, vocabulary)
    export(args.out / "export", average, config, vocabulary)


if __name__ == "__main__":
    main()
