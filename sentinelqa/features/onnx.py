"""Networks in ONNX, run by ONNX Runtime on one thread of the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from sentinelqa.errors import ModelError

_ERRORS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    RuntimeError,
    ValueError,
)
"""ONNX Runtime's exceptions share no base but Exception."""


def open_network(path: Path) -> Any:
    """A session of one network.

    Raises:
        ModelError: the file is not a network that this runtime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except _ERRORS as error:
        raise ModelError(f"the network does not load: {error}", where=str(path)) from error
