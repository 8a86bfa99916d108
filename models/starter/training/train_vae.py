"""Train the KL autoencoder: 128 x 128 x 3 pixels to 16 x 16 x 8 latents and back.

On a CPU most of the budget goes to 64 x 64 crops, a quarter of the cost; the last quarter sees
whole images, so that group normalisation meets the statistics that it will have in use.
"""

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as nnf
from common import (
    load_checkpoint,
    load_index,
    machine,
    over_white,
    save_checkpoint,
    shaken,
    until,
    warm_cosine,
)
from diffusers import AutoencoderKL
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D

LATENT_CHANNELS = 8
KL_WEIGHT = 1e-3


def build() -> AutoencoderKL:
    model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=LATENT_CHANNELS,
        mid_block_add_attention=False,
        sample_size=128,
        force_upcast=False,
    )
    _lay_colour_path(model)
    return model


@torch.no_grad()
def _lay_colour_path(model: AutoencoderKL) -> None:
    """Start as "shrink eight times, enlarge eight times".

    Group normalisation makes absolute colour hard to find, and a small model finds it late. So six
    channels carry RGB and its negative along the residual stream, which is linear, and pass the
    final activation unharmed, because silu(x) - silu(-x) = x. All else starts as a zero correction.
    """
    six = torch.arange(6)
    for module in model.modules():
        if isinstance(module, ResnetBlock2D):
            module.conv2.weight.zero_()
            module.conv2.bias.zero_()
            if module.conv_shortcut is not None:
                _pass_only(module.conv_shortcut, torch.ones(1, 1))
        elif isinstance(module, Downsample2D):
            # the stride-2 convolution is padded at the right and the bottom only
            _pass_only(module.conv, nnf.pad(torch.full((2, 2), 0.25), (0, 1, 0, 1)))
        elif isinstance(module, Upsample2D):
            _pass_only(module.conv, torch.full((3, 3), 1 / 9))
    encoder, decoder = model.encoder, model.decoder
    sign = torch.tensor([1.0, 1, 1, -1, -1, -1])
    for conv in (encoder.conv_in, decoder.conv_in):
        conv.weight[:6] = 0
        conv.bias[:6] = 0
        conv.weight[six, six % 3, 1, 1] = sign
    for conv in (encoder.conv_out, decoder.conv_out):
        conv.bias.zero_()
        conv.weight[:3] = 0
        conv.weight[six % 3, six, 1, 1] = sign
    encoder.conv_out.weight[LATENT_CHANNELS:] = 0
    encoder.conv_out.bias[LATENT_CHANNELS:] = -5.0
    for conv in (model.quant_conv, model.post_quant_conv):
        conv.weight.copy_(torch.eye(len(conv.weight))[..., None, None])
        conv.bias.zero_()


def _pass_only(conv: torch.nn.Conv2d, kernel: torch.Tensor) -> None:
    """The six colour channels go through `kernel`, each on its own."""
    six = torch.arange(6)
    conv.weight[:6] = 0
    conv.bias[:6] = 0
    conv.weight[six, six] = kernel.to(conv.weight.dtype)


@torch.no_grad()
def finish(model: AutoencoderKL, sample: torch.Tensor) -> None:
    """Fold a linear map into the two 1 x 1 convolutions: latent channels then have mean 0, variance
    1 and no correlation on the sample, which a denoiser wants, and pixels stay as they were.

    Colour gains most: before, it is a small difference between three large channels. The posterior
    becomes narrow and constant, so that encoding is as good as deterministic.
    """
    latents = torch.cat([model.encode(part).latent_dist.mean for part in sample.split(32)])
    flat = latents.movedim(1, -1).flatten(0, -2).double()
    mean = flat.mean(0)
    size, axes = torch.linalg.eigh(torch.cov(flat.T))
    scale = size.clamp_min(1e-6).sqrt()
    forth, back = (axes / scale).T, axes * scale
    before, after, half = model.quant_conv, model.post_quant_conv, LATENT_CHANNELS
    weight, bias = before.weight[..., 0, 0].double(), before.bias.double()
    before.weight.zero_()
    before.weight[:half, :, 0, 0] = (forth @ weight[:half]).float()
    before.bias[:half] = (forth @ (bias[:half] - mean)).float()
    before.bias[half:] = -8.0
    weight = after.weight[..., 0, 0].double()
    after.bias += (weight @ mean).float()
    after.weight[..., 0, 0] = (weight @ back).float()
    model.register_to_config(scaling_factor=1.0)
    apart = []
    for part in sample.split(32):
        made = model.decode(model.encode(part).latent_dist.mean).sample
        apart.append((made - part).abs().mean())
    white = torch.ones_like(sample[:1])
    white = model.decode(model.encode(white).latent_dist.mean).sample
    print(
        f"whole images: l1 {float(torch.stack(apart).mean()):.4f}, white decodes to at least "
        f"{float(white.min()):.3f}; latents were {[round(v, 2) for v in scale.tolist()]} wide"
    )


def chroma(image: torch.Tensor) -> torch.Tensor:
    red, green, blue = image.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack([(blue - luma) * 0.564, (red - luma) * 0.713], 1)


def reconstruction_loss(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """L1 on pixels, on edges, and on low-passed chroma (colour, which else comes late)."""
    drawn = (true < 0.97).any(1, keepdim=True).float()
    weight = 0.5 + drawn
    pixels = ((made - true).abs() * weight).mean()
    apart = made - true
    edges = apart.diff(dim=-1).abs().mean() + apart.diff(dim=-2).abs().mean()
    soft = nnf.avg_pool2d(apart, 4)
    return pixels + 0.5 * edges + soft.abs().mean() + 2.0 * chroma(soft).abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/starter/data"))
    parser.add_argument("--out", type=Path, default=Path("build/starter/vae"))
    parser.add_argument("--init-from", type=Path, help="a pipeline's vae folder to go on from")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument(
        "--decoder-only",
        action="store_true",
        help="keep the latents that a denoiser was trained on",
    )
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    host = machine(args.threads)
    rows = load_index(args.data)
    drawn = np.load(args.data / "images.npy", mmap_mode="r")
    renders = np.array([i for i, row in enumerate(rows) if row.style == "3d"])
    # catalog objects are what the generator draws: half of the others are enough for generality
    chance = np.array([1.0 if rows[i].catalog else 0.5 for i in renders])
    chance /= chance.sum()
    images = torch.from_numpy(np.ascontiguousarray(drawn[renders])).to(host.device)

    model = (AutoencoderKL.from_pretrained(args.init_from) if args.init_from else build()).float()
    model = model.to(host.device, memory_format=torch.channels_last)
    if args.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    average = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=args.rate, betas=(0.9, 0.97)
    )
    start = 0
    if saved := load_checkpoint(args.out / "last.pt"):
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        start = saved["step"] + 1
    rng = np.random.default_rng(start)
    begun = time.monotonic()
    for step, progress in until(args.minutes, args.steps, start):
        whole = host.fast or args.decoder_only or progress > 0.75
        size = args.batch if host.fast or not whole else max(2, args.batch // 3)
        picked = torch.from_numpy(rng.choice(len(renders), size, p=chance)).to(host.device)
        true = over_white(images[picked])
        if rng.random() < 0.5:
            true = shaken(true, rng)
        if not whole:
            top, left = rng.integers(0, 9, 2) * 8
            true = true[:, :, top : top + 64, left : left + 64]
        true = true.contiguous(memory_format=torch.channels_last)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * warm_cosine(progress, step)
        with host.autocast():
            latents = model.encode(true).latent_dist
            made = model.decode(latents.sample()).sample.float()
        loss = (
            reconstruction_loss(made, true)
            + KL_WEIGHT * latents.kl().mean() / latents.mean[0].numel()
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        decay = min(0.995, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
        if step % 100 == 0:
            shown = float((made - true).detach().abs().mean())
            print(
                f"{step} {progress:.2f} l1 {shown:.4f} "
                f"loss {float(loss.detach()):.4f} {time.monotonic() - begun:.0f}s",
                flush=True,
            )
        if step % 500 == 499:
            save_checkpoint(
                args.out / "last.pt",
                model=model.state_dict(),
                average=average.state_dict(),
                optimiser=optimiser.state_dict(),
                step=step,
            )
    some = torch.from_numpy(rng.choice(len(renders), 256, p=chance)).to(host.device)
    if args.decoder_only:
        average.save_pretrained(args.out / "export")
        return
    finish(average, over_white(images[some]))
    average.save_pretrained(args.out / "export")


if __name__ == "__main__":
    main()
