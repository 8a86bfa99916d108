"""Asks a vision-language model yes-or-no questions over the OpenAI-compatible protocol.

vLLM, SGLang, Ollama and llama.cpp speak it. The address comes from the environment of the machine
alone, never from a job or a rubric; redirects are not followed and proxies not used, so that a
picture goes nowhere else.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features.pixels import Picture

DEFECTS = (
    "Does this picture show a body, face or hand with wrong anatomy, such as extra or missing "
    "fingers, merged limbs or a distorted face?",
    "Does this picture show an object that is melted, broken or physically impossible?",
)
"""What judges are asked about faults, unless somebody asks otherwise."""

LONGEST = 1024
_MOST_BYTES = 4 * 2**20
_LONGEST_WORD = 20
FORM = "{question} Answer with one word, yes or no."


@dataclass(frozen=True, slots=True)
class Judge:
    """One model behind one address.

    Attributes:
        url: up to and with ``/v1``; ``local`` for a model that this process loads itself.
        model: the model's name there; a registered model or a folder for ``local``.
        timeout: seconds for one answer.
    """

    url: str
    model: str
    timeout: float = 60.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def encode_picture(picture: Picture) -> str:
    """The picture, at most 1024 pixels, as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(picture.within(LONGEST)).save(buffer, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def ask(judge: Judge, key: str, picture_url: str, question: str) -> float:
    """The probability of "yes", 0 to 1.

    From the log-probabilities of the first token (the form of VQAScore: Lin et al., "Evaluating
    text-to-visual generation with image-to-text generation", 2024); 1 or 0 from a server that gives
    none.

    Raises:
        ScoringError: no answer, or one that is neither yes nor no.
    """
    content = [
        {"type": "image_url", "image_url": {"url": picture_url}},
        {"type": "text", "text": FORM.format(question=question)},
    ]
    body = {
        "model": judge.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 20,
    }
    return probability_of_yes(_post(judge, key, body), judge)


def probability_of_yes(answer: Mapping[str, Any], judge: Judge) -> float:
    """Read a chat completion.

    Raises:
        ScoringError: it is neither yes nor no.
    """
    try:
        choice = answer["choices"][0]
        said = plain_word(str(choice["message"]["content"] or ""))
        tokens = ((choice.get("logprobs") or {}).get("content") or [{}])[0].get(
            "top_logprobs"
        ) or []
        shares = {word: _mass(tokens, word) for word in ("yes", "no")}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ScoringError(f"judge {judge.model!r} gave an answer of another form") from error
    total = shares["yes"] + shares["no"]
    if total > 0:
        return shares["yes"] / total
    if said in ("yes", "no"):
        return float(said == "yes")
    raise ScoringError(f"judge {judge.model!r} said neither yes nor no, but {_quoted(said)}")


def _mass(tokens: Sequence[Mapping[str, Any]], word: str) -> float:
    return sum(math.exp(float(t["logprob"])) for t in tokens if plain_word(str(t["token"])) == word)


def plain_word(text: str) -> str:
    """A token without case, blanks and stops."""
    return text.strip().strip(".,!\"'").lower()


def _quoted(said: str) -> str:
    """One plain word is quoted; anything longer may repeat what was sent, a key included."""
    return repr(said) if said.isalpha() and len(said) <= _LONGEST_WORD else "something else"


def _why(error: Exception) -> str:
    """The system's or Python's own words; never those of the server."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return "timed out" if isinstance(reason, TimeoutError) else type(error).__name__


def _post(judge: Judge, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked where it was configured
        f"{judge.url.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
    )
    try:
        with _OPENER.open(request, timeout=judge.timeout) as response:
            found = json.loads(response.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            raise ScoringError(f"judge {judge.model!r} answered {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ScoringError(f"judge {judge.model!r} did not answer: {_why(error)}") from error
    if not isinstance(found, dict):
        raise ScoringError(f"judge {judge.model!r} gave an answer of another form")
    return found
