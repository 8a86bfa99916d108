"""Train the denoiser and its text encoder together, on latents that are computed once.

The text encoder is a three-layer CLIP text model. Its tokens reach the UNet twice: through cross
attention, and pooled into the time embedding, which is what makes objects and colours bind early.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from catalog import CATALOG
from common import (
    Row,
    caption,
    load_checkpoint,
    load_index,
    machine,
    over_white,
    save_checkpoint,
    shaken,
    until,
    warm_cosine,
)
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from tokenizer import CONTEXT
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TEXT_WIDTH = 192  # that of the CLIP's text tower
TEXT_GAIN = 0.3  # of the learning rate
CAPTIONS = 24  # drawn once per image
DROPPED = 0.1  # captions emptied, for guidance
PROJECTIONS = ("q_proj", "k_proj", "v_proj")
BLOCK_NAMES = {
    "out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "fc1": "mlp.c_fc",
    "fc2": "mlp.c_proj",
}
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


def build_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(80, 128, 192),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        encoder_hid_dim=None,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_text(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=CONTEXT,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def text_from_clip(tokenizer: CLIPTokenizer, folder: Path) -> CLIPTextModel:
    """The CLIP's text tower as a text encoder: it tells names and colours apart already, so that
    the UNet need not discover what words mean."""
    model = build_text(tokenizer)
    theirs = {
        key: value.float()
        for key, value in load_file(folder / "open_clip_model.safetensors").items()
    }
    ours: dict[str, torch.Tensor] = {}
    for key in model.state_dict():
        parts = key.removeprefix("text_model.").split(".")
        if parts[0] == "embeddings":
            name = (
                "token_embedding.weight"
                if parts[1] == "token_embedding"
                else ("positional_embedding")
            )
            ours[key] = theirs[name]
        elif parts[0] == "final_layer_norm":
            ours[key] = theirs[f"ln_final.{parts[-1]}"]
        else:
            block = f"transformer.resblocks.{parts[2]}."
            kind, last = parts[-2], parts[-1]
            if kind in PROJECTIONS:
                third = theirs[f"{block}attn.in_proj_{last}"].chunk(3)
                ours[key] = third[PROJECTIONS.index(kind)].clone()
            else:
                ours[key] = theirs[f"{block}{BLOCK_NAMES[kind]}.{last}"]
    model.load_state_dict(ours)
    return model


@torch.no_grad()
def encode(vae: AutoencoderKL, images: torch.Tensor, versions: int) -> torch.Tensor:
    """Latents (versions, N, 8, 16, 16) in fp16, at unit variance: as drawn first, then shaken."""
    rng = np.random.default_rng(0)
    device = next(vae.parameters()).device
    made = []
    for version in range(versions):
        parts = []
        for part in images.split(64):
            clean = over_white(part.to(device))
            seen = clean if version == 0 else shaken(clean, rng)
            mean = vae.encode(seen.contiguous(memory_format=torch.channels_last)).latent_dist.mean
            parts.append((mean * vae.config.scaling_factor).half().cpu())
        made.append(torch.cat(parts))
        print(f"latents {version + 1}/{versions}", flush=True)
    return torch.stack(made)


def token_pool(rows: list[Row], tokenizer: CLIPTokenizer) -> torch.Tensor:
    rng = np.random.default_rng(0)
    texts = [caption(row, rng) for row in rows for _ in range(CAPTIONS)]
    ids = tokenizer(texts, padding="max_length", truncation=True, max_length=CONTEXT)["input_ids"]
    return torch.tensor(ids).view(len(rows), CAPTIONS, CONTEXT)


def chances(rows: list[Row]) -> np.ndarray:
    """Objects that exist in one colour only are drawn as often as three colours of another."""
    taught = {item.hexcode for item in CATALOG if item.generated}
    count: dict[str, int] = {}
    for row in rows:
        count[row.hexcode] = count.get(row.hexcode, 0) + 1
    weight = np.array([max(3, count[row.hexcode]) / count[row.hexcode] for row in rows])
    weight *= [row.hexcode in taught for row in rows]
    return weight / weight.sum()


def export(
    folder: Path,
    vae: AutoencoderKL,
    text: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    vocabulary: Path,
) -> None:
    """Write a stock pipeline in fp16."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(**SCHEDULE, clip_sample=False, set_alpha_to_one=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    copy.deepcopy(pipeline).to(torch.float16).save_pretrained(folder, safe_serialization=True)
    for part in ("text_encoder", "unet", "vae"):
        config = folder / part / "config.json"
        settings = json.loads(config.read_text())
        settings.pop("_name_or_path", None)  # where training began is nobody's business
        if part == "text_encoder":
            # transformers loads in the type that it names, diffusers in fp32 unless told otherwise
            settings["dtype"] = "float32"
        config.write_text(json.dumps(settings, indent=2) + "\n")
    # read by older releases of transformers
    for name in ("vocab.json", "merges.txt"):
        (folder / "tokenizer" / name).write_text((vocabulary / name).read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/starter/data"))
    parser.add_argument("--vae", type=Path, default=Path("build/starter/vae/export"))
    parser.add_argument("--out", type=Path, default=Path("build/starter/denoiser"))
    parser.add_argument("--init-from", type=Path, help="a pipeline folder to go on from")
    parser.add_argument(
        "--text-from", type=Path, help="a clip folder whose text tower to start from"
    )
    parser.add_argument("--versions", type=int, default=4, help="latents per image")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.998, help="of the average of the weights")
    parser.add_argument("--plain", type=float, default=0.25, help="share of unshaken latents")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--export-every", type=int, default=500)
    args = parser.parse_args()
    host = machine(args.threads)
    index = load_index(args.data)
    picked = [i for i, row in enumerate(index) if row.style == "3d" and row.catalog]
    rows = [index[i] for i in picked]
    vocabulary = (args.init_from or args.data) / "tokenizer"
    tokenizer = CLIPTokenizer.from_pretrained(vocabulary)
    if args.init_from:
        vae = AutoencoderKL.from_pretrained(args.init_from / "vae").float()
        unet = UNet2DConditionModel.from_pretrained(args.init_from / "unet").float()
        text = CLIPTextModel.from_pretrained(args.init_from / "text_encoder").float()
    else:
        vae = AutoencoderKL.from_pretrained(args.vae).float()
        unet, text = build_unet(), build_text(tokenizer)
    if args.text_from:
        text = text_from_clip(tokenizer, args.text_from)
    vae = vae.to(host.device, memory_format=torch.channels_last).eval()
    stored = args.out / "latents.pt"
    saved = load_checkpoint(stored)
    if saved is None or len(saved["latents"]) != args.versions:
        drawn = np.load(args.data / "images.npy", mmap_mode="r")
        latents = encode(vae, torch.from_numpy(np.ascontiguousarray(drawn[picked])), args.versions)
        save_checkpoint(stored, latents=latents)
    else:
        latents = saved["latents"]
    latents = latents.to(host.device)
    tokens = token_pool(rows, tokenizer).to(host.device)
    empty = tokenizer("", padding="max_length", max_length=CONTEXT)["input_ids"]
    empty = torch.tensor(empty, device=host.device)
    unet = unet.to(host.device, memory_format=torch.channels_last).train()
    text = text.to(host.device).train()
    models = torch.nn.ModuleList([unet, text])
    average = copy.deepcopy(models).eval()
    optimiser = torch.optim.AdamW(
        [{"params": list(unet.parameters())}, {"params": list(text.parameters())}],
        lr=args.rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
    )
    start = 0
    if saved := load_checkpoint(args.out / "last.pt"):
        models.load_state_dict(saved["models"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        start = saved["step"] + 1
    schedule = DDIMScheduler(**SCHEDULE, clip_sample=False)
    cumulative = schedule.alphas_cumprod
    noise_ratio = cumulative / (1 - cumulative).clamp_min(1e-8)
    # fine detail is damped; the noisy end keeps its full weight, because shapes are decided there
    weights = (5.0 / (noise_ratio + 1)).clamp(max=1.0).to(host.device)
    chance = torch.from_numpy(chances(rows)).to(host.device)
    torch.manual_seed(start)
    begun = time.monotonic()
    for step, progress in until(args.minutes, args.steps, start):
        which = torch.multinomial(chance, args.batch, replacement=True)
        version = torch.randint(1, args.versions, (args.batch,), device=host.device)
        version[torch.rand(args.batch, device=host.device) < args.plain] = 0
        clean = latents[version, which].float().contiguous(memory_format=torch.channels_last)
        ids = tokens[which, torch.randint(CAPTIONS, (args.batch,), device=host.device)]
        ids[torch.rand(args.batch, device=host.device) < DROPPED] = empty
        noise = torch.randn_like(clean)
        # one time in each of `batch` equal parts: less noise in the gradient for nothing
        parts = torch.arange(args.batch, device=host.device)
        parts = (parts + torch.rand(args.batch, device=host.device)) / args.batch
        times = (parts * 1000).long()
        noisy = schedule.add_noise(clean, noise, times)
        target = schedule.get_velocity(clean, noise, times)
        for group, gain in zip(optimiser.param_groups, (1.0, TEXT_GAIN), strict=True):
            group["lr"] = gain * args.rate * warm_cosine(progress, step)
        with host.autocast():
            hidden = text(ids).last_hidden_state
            made = unet(noisy, times, hidden).sample.float()
        apart = (made - target).square().mean((1, 2, 3))
        loss = (apart * weights[times]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(models.parameters(), 1.0)
        optimiser.step()
        decay = min(args.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(models.parameters()), 1 - decay)
        if step % 50 == 0:
            print(
                f"{step} {progress:.3f} mse {float(apart.detach().mean()):.4f} "
                f"{time.monotonic() - begun:.0f}s",
                flush=True,
            )
        if step % args.export_every == args.export_every - 1:
            save_checkpoint(
                args.out / "last.pt",
                models=models.state_dict(),
                average=average.state_dict(),
                optimiser=optimiser.state_dict(),
                step=step,
            )
            export(
                args.out / "pipeline",
                vae,
                average[1],
                tokenizer,
                average[0],
                vocabulary,
            )
    export(args.out / "pipeline", vae, average[1], tokenizer, average[0], vocabulary)


if __name__ == "__main__":
    main()
