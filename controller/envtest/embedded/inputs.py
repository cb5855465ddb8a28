"""The content of a request: its object, its options and its sender."""

from dataclasses import replace

from aiohttp import web

from controller.envtest.embedded import bodies, queries
from controller.envtest.embedded.deletion import DeleteOptions
from controller.envtest.embedded.reviews import user_of
from controller.envtest.embedded.writes import Body, User, WriteOptions


async def object_of(request: web.Request) -> Body:
    """The object in the body. Raises BadRequest and UnsupportedMediaType."""
    kind = request.content_type if "Content-Type" in request.headers else ""
    return bodies.read_object(await request.read(), kind)


async def delete_options_of(request: web.Request) -> DeleteOptions:
    """The options of a delete, by the body and the query. Raises BadRequest and Invalid."""
    body = await object_of(request) if request.can_read_body else Body({})
    return queries.delete_options(request.query, body.value)


def write_options_of(request: web.Request) -> WriteOptions:
    """The options of a write. Raises Invalid."""
    options = queries.write_options(request.query, request.headers.get("User-Agent", ""))
    return replace(options, user=sender_of(request))


def sender_of(request: web.Request) -> User:
    """The user that sends the request."""
    return user_of(
        request.headers.get("Authorization", ""),
        request.headers.get("Impersonate-User", ""),
        request.headers.getall("Impersonate-Group", ()),
    )
