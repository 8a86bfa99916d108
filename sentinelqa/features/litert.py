"""Small networks in TensorFlow Lite's format, run by LiteRT on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from sentinelqa.errors import ModelError
from sentinelqa.weights import ResolvedModel

Floats = NDArray[np.float32]


class Network:
    """One network with one image input.

    Raises:
        ModelError: the file is not a network that this LiteRT can run.
    """

    def __init__(self, model: ResolvedModel) -> None:
        try:
            self._interpreter: Any = Interpreter(model_path=str(model.path), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"model {model.id!r} does not load: {error}", where=str(model.path)
            ) from error
        entry = self._interpreter.get_input_details()[0]
        self._input = entry["index"]
        self._outputs = {o["name"]: o["index"] for o in self._interpreter.get_output_details()}
        self.side = int(entry["shape"][1])

    def __call__(self, image: Floats) -> dict[str, Floats]:
        """Run ``side x side x 3`` float32 through the network; outputs by name, without batch."""
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None], np.float32))
        self._interpreter.invoke()
        return {
            name: np.asarray(self._interpreter.get_tensor(index)[0], np.float32)
            for name, index in self._outputs.items()
        }
