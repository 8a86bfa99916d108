"""The judge against a local server that speaks the protocol."""

from __future__ import annotations

import base64
import io
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from photographs import photograph
from PIL import Image

from sentinelqa.dimensions.judged import SemanticArtifacts, VqaAlignment
from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.judge import JUDGES, KEY, JudgeFeature, Verdicts, judges_of
from sentinelqa.features.judge_client import Judge, probability_of_yes
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored


class Server(ThreadingHTTPServer):
    """Answers ``yes`` with a probability per model name; ``broken`` and ``silent`` misbehave."""

    seen: list[dict[str, Any]]
    keys: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(body)
        self.server.keys.append(self.headers["Authorization"])
        model = body["model"]
        if model == "broken":
            self._send(500, {})
        elif model == "moved":
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/v1/else")
            self.end_headers()
        elif model == "chatty":
            self._send(200, {"choices": [{"message": {"content": "It depends"}}]})
        elif model == "plain":
            self._send(200, {"choices": [{"message": {"content": "Yes."}}]})
        else:
            self._send(200, completion(float(model)))

    def _send(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def completion(yes: float) -> dict[str, Any]:
    tokens = [
        {"token": "Yes", "logprob": math.log(0.8 * yes / 2 + 1e-12)},
        {"token": " yes", "logprob": math.log(0.8 * yes / 2 + 1e-12)},
        {"token": "No", "logprob": math.log(0.8 * (1 - yes) + 1e-12)},
        {"token": "Maybe", "logprob": math.log(0.2)},
    ]
    message = {"content": "Yes" if yes > 0.5 else "No"}
    return {"choices": [{"message": message, "logprobs": {"content": [{"top_logprobs": tokens}]}}]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path))
    made = Server(("127.0.0.1", 0), Handler)
    made.seen, made.keys = [], []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def judge(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*models: str) -> JudgeFeature:
        address = f"http://127.0.0.1:{server.server_port}/v1"
        monkeypatch.setenv(JUDGES, ";".join(f"{address} {m}" for m in models))
        feature = JudgeFeature()
        feature.load("cpu")
        return feature

    return make


def look(feature: JudgeFeature, prompt: str = "a cup of coffee") -> Verdicts | ScoringError:
    picture = Picture(photograph("coffee"))
    item = FeatureInput("", Request(id="r", prompt=prompt), {"pixels": picture})
    return feature.compute([item])[0]


def measure(dimension: Any, found: Any) -> Measurement:
    return dimension.measure(Features({"judge": found}), Request(id="r"))


def test_probability_of_yes_and_what_was_sent(
    server: Server, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "secret")
    found = look(judge("0.9"))
    result = measure(VqaAlignment(), found)
    assert result.score == pytest.approx(0.9, abs=1e-6)
    assert measure(SemanticArtifacts(), found).score == pytest.approx(0.1, abs=1e-6)
    assert [m.id for m in result.models] == ["judge:0.9"]
    picture, text = server.seen[-1]["messages"][0]["content"]
    assert '"a cup of coffee"' in text["text"]
    sent = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
    assert Image.open(io.BytesIO(sent)).size == (600, 400)
    assert set(server.keys) == {"Bearer secret"}


def test_answers_are_kept_by_picture_question_and_model(server: Server, judge: Any) -> None:
    look(judge("0.9"))
    asked = len(server.seen)
    look(judge("0.9"))
    assert len(server.seen) == asked
    look(judge("0.9"), prompt="a cat")
    assert len(server.seen) == asked + 1
    look(judge("0.8"))
    assert len(server.seen) == asked + 1 + 3


def test_the_median_of_several_judges_counts_and_disagreement_is_uncertain(judge: Any) -> None:
    result = measure(VqaAlignment(), look(judge("0.9", "0.7", "0.2")))
    assert result.score == pytest.approx(0.7, abs=1e-6)
    assert result.metrics["spread"] == pytest.approx(0.7, abs=1e-6)
    assert result.uncertain


@pytest.mark.parametrize("silent", ["broken", "chatty", "moved"])
def test_a_judge_that_does_not_answer_is_no_vote(judge: Any, silent: str) -> None:
    assert isinstance(look(judge(silent)), ScoringError)
    assert isinstance(look(judge("0.9", silent)), ScoringError)
    result = measure(VqaAlignment(), look(judge("0.9", "0.8", silent)))
    assert result.score == pytest.approx(0.85, abs=1e-6)


def test_nobody_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTINELQA_CACHE", str(tmp_path))
    monkeypatch.setenv(JUDGES, "http://127.0.0.1:9/v1 m")
    feature = JudgeFeature()
    feature.load("cpu")
    found = look(feature)
    assert isinstance(found, ScoringError)
    assert "did not answer" in str(found)


def test_a_server_without_probabilities_gives_yes_or_no(judge: Any) -> None:
    assert measure(VqaAlignment(), look(judge("plain"))).score == 1.0


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"message": None}]}])
def test_answers_of_another_form_are_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ScoringError, match="another form"):
        probability_of_yes(answer, Judge("http://x/v1", "m"))


@pytest.mark.parametrize("setting", ["", " ; ", "http://x/v1", "file:///etc/passwd m", "qwen"])
def test_judges_must_be_configured(setting: str) -> None:
    with pytest.raises(ModelError) as caught:
        judges_of(setting)
    assert caught.value.where == JUDGES


def test_without_a_prompt_alignment_is_not_applicable(judge: Any) -> None:
    result = measure(VqaAlignment(), look(judge("0.9"), prompt=""))
    assert result.unscored is Unscored.NOT_APPLICABLE
