"""Who may read secured metrics, and how often the API server is asked."""

from typing import Any

import pytest

from controller.meta import Resource
from controller.meta.errors import ServiceUnavailable
from controller.runtime.authorization import TOKEN_REVIEW, MetricsAuthorizer


class ReviewingServer:
    """Knows two tokens, lets one of them read, and counts the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    async def create(self, resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
        """Answers a review."""
        self.asked.append(resource.kind)
        if self.away:
            raise ServiceUnavailable("away")
        spec = obj["spec"]
        if resource == TOKEN_REVIEW:
            known = spec["token"] in ("friend", "stranger")
            return {"status": {"authenticated": known, "user": {"username": spec["token"], "groups": ["g"]}}}
        assert spec["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}
        return {"status": {"allowed": spec["user"] == "friend" and spec["groups"] == ["g"]}}


@pytest.fixture
def server() -> ReviewingServer:
    return ReviewingServer()


@pytest.fixture
def authorize(server: ReviewingServer) -> MetricsAuthorizer:
    return MetricsAuthorizer(server)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", 401),
        ("Basic dTpw", 401),
        ("Bearer", 401),
        ("Bearer  ", 401),
        ("Bearer unknown", 401),
        ("Bearer stranger", 403),
        ("Bearer friend", 200),
        ("bearer friend", 200),
    ],
)
async def test_only_a_known_and_allowed_token_passes(authorize: MetricsAuthorizer, header: str, code: int):
    """No token or an unknown one: 401; known without the right: 403."""
    assert await authorize(header) == code


async def test_answers_are_remembered_save_for_unknown_tokens(server: ReviewingServer, authorize: MetricsAuthorizer):
    """A scrape every few seconds costs the API server next to nothing."""
    for _ in range(10):
        assert await authorize("Bearer friend") == 200
        assert await authorize("Bearer stranger") == 403
    assert server.asked == ["TokenReview", "SubjectAccessReview"] * 2
    await authorize("Bearer unknown")
    await authorize("Bearer unknown")
    assert server.asked[4:] == ["TokenReview", "TokenReview"]


async def test_without_an_answer_nobody_new_passes(server: ReviewingServer, authorize: MetricsAuthorizer):
    """Unknown callers get 500; remembered ones go on."""
    assert await authorize("Bearer friend") == 200
    server.away = True
    assert await authorize("Bearer stranger") == 500
    assert await authorize("Bearer friend") == 200
