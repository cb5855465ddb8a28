"""A generation is validated and rendered once, however many Models there are."""

import gc
import weakref

import pytest

from controller import meta
from controller.api.model import Model
from controller.fronts import MODEL_FRONT
from controller.reconcilers import rendered as module
from controller.reconcilers.rendered import Renderer
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model


def test_a_generation_is_rendered_once_for_as_long_as_the_model_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 Models, pass after pass; another generation, uid, refresh or image is another rendering."""
    calls: list[str] = []

    def counting(model: Model, options: RenderOptions, backends: object) -> tuple[dict[str, object], ...]:
        calls.append(model.name)
        return ()

    monkeypatch.setattr(module, "render", counting)
    renderer, models = Renderer(MODEL_FRONT, ()), [a_model(f"m{index}") for index in range(1000)]
    for _ in range(3):
        for model in models:
            renderer.rendered(model, RenderOptions())
    assert len(calls) == len(models)
    for changed in (
        {**models[0], "metadata": models[0]["metadata"] | {"generation": 2}},
        {**models[0], "metadata": models[0]["metadata"] | {"uid": "other"}},
        {**models[0], "metadata": models[0]["metadata"] | {"annotations": {"registry.volcano.sh/refresh": "1"}}},
    ):
        renderer.rendered(changed, RenderOptions())
    renderer.rendered(models[0], RenderOptions(runtime_image="other"))
    assert len(calls) == len(models) + 4
    renderer.forget(meta.key_of(models[1]))
    renderer.rendered(models[1], RenderOptions())
    assert calls[-1] == "m1"


def test_what_is_kept_is_what_was_rendered() -> None:
    """Also once many other Models came, and it was stored as JSON."""
    renderer, model = Renderer(MODEL_FRONT, ()), a_model("chat", a_backend("a"), a_backend("b"))
    first = renderer.rendered(model, RenderOptions())
    for index in range(200):
        renderer.rendered(a_model(f"m{index}"), RenderOptions())
    again = renderer.rendered(model, RenderOptions())
    assert first.children == again.children == render(Model.from_object(model), RenderOptions())
    assert first.model is not None
    assert again.model is not None
    assert first.model.spec == again.model.spec


def test_the_model_carries_the_object_that_was_asked_about() -> None:
    """The status of the first pass is not shown to the second one."""
    renderer, model = Renderer(MODEL_FRONT, ()), a_model("chat")
    renderer.rendered(model, RenderOptions())
    later = {**model, "status": {"observedGeneration": 1}}
    again = renderer.rendered(later, RenderOptions()).model
    assert again is not None
    assert again.object is later


def test_the_object_is_not_kept() -> None:
    """Caches hold objects as bytes; a decoded one for each Model would cost more than those."""

    class Decoded(dict[str, object]):
        """A dict that a weak reference may point to."""

    renderer, model = Renderer(MODEL_FRONT, ()), Decoded(a_model("chat"))
    reference = weakref.ref(model)
    renderer.rendered(model, RenderOptions())
    del model
    gc.collect()
    assert reference() is None


def test_an_invalid_model_has_no_children() -> None:
    """Only the findings that say why."""
    wrong = Renderer(MODEL_FRONT, ()).rendered(a_model("chat", a_backend(cacheURI="pvc://a/b")), RenderOptions())
    assert wrong.blocking
    assert (wrong.model, wrong.children) == (None, ())


def test_a_generation_has_a_warning_about_the_cluster_that_it_is_in() -> None:
    """An image volume in a cluster that is too old; the children are rendered all the same."""
    model = a_model("chat", a_backend(modelURI="oci://weights"))
    rendered = Renderer(MODEL_FRONT, (), (1, 31)).rendered(model, RenderOptions())
    assert [(finding.rule, finding.terminal) for finding in rendered.findings] == [("image-volume", False)]
    assert rendered.children
