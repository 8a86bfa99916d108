"""A network with SCRFD's inputs and outputs that takes red for faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

STRIDES = (8, 16, 32)


def write_scrfd(path: Path, side: int | None = None, points: bool = True) -> str:
    """Scores where the cell is red; boxes and points from a fixed random map of its colour."""
    make, proto = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(0)
    red = np.array([9.0, -9.0, -9.0], np.float32)
    nodes, outputs, tensors = [], [], []
    kinds = {"score": 1, "box": 4, "point": 10} if points else {"score": 1, "box": 4}
    for kind, numbers in kinds.items():
        for stride in STRIDES:
            name = f"{kind}{stride}"
            wide = 2 * numbers
            if kind == "score":
                weight = np.stack([red, red * 0.8])
                bias = np.full(wide, -14.0, np.float32)
            else:
                weight = rng.normal(0, 0.1, (wide, 3)).astype(np.float32)
                bias = rng.uniform(2, 4, wide).astype(np.float32)
            tensors += [
                onnx.numpy_helper.from_array(weight.reshape(wide, 3, 1, 1), f"w_{name}"),
                onnx.numpy_helper.from_array(bias, f"b_{name}"),
                onnx.numpy_helper.from_array(np.array([-1, numbers]), f"s_{name}"),
            ]
            size = [stride, stride]
            nodes += [
                make.make_node(
                    "AveragePool", ["image"], [f"p_{name}"], kernel_shape=size, strides=size
                ),
                make.make_node("Conv", [f"p_{name}", f"w_{name}", f"b_{name}"], [f"c_{name}"]),
                make.make_node("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]),
            ]
            flat = name if kind != "score" else f"f_{name}"
            nodes.append(make.make_node("Reshape", [f"t_{name}", f"s_{name}"], [flat]))
            if kind == "score":
                nodes.append(make.make_node("Sigmoid", [flat], [name]))
            outputs.append(make.make_tensor_value_info(name, proto.FLOAT, ["n", numbers]))
    shape = [1, 3, side or "height", side or "width"]
    image = make.make_tensor_value_info("image", proto.FLOAT, shape)
    graph = make.make_graph(nodes, "tiny", [image], outputs, tensors)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return str(path)


def red_spots() -> np.ndarray:
    """A grey picture of 300 x 420 with two red squares."""
    rgb = np.full((300, 420, 3), 128, np.uint8)
    rgb[40:100, 60:120] = (250, 10, 20)
    rgb[180:230, 300:350] = (230, 60, 10)
    return rgb
