"""Starting weights: found, checked, converted in another process, loaded by name, never silently random."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sagittal.engine import weights
from sagittal.engine._published import Published, names, published
from sagittal.engine.convert import convert
from sagittal.errors import LimitExceeded, SagittalError, UnreadableInput, UsageError
from sagittal.models.densenet import densenet
from sagittal.models.resnet import resnet
from sagittal.models.unet import unet
from sagittal.models.vgg import vgg


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision would publish it: ResNet-18 with 1000 classes."""
    path = tmp_path_factory.mktemp("published") / "resnet18-fake.pth"
    torch.save(resnet(channels=3, outputs=1000, generator=seeded(9)).state_dict(), path)
    return path


def entry_for(path: Path) -> Published:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Published(name="resnet18", url=f"https://example.org/{path.name}", sha256=digest[:8])


def test_a_published_file_fills_the_trunk_and_says_what_starts_anew(fake: Path, tmp_path: Path) -> None:
    network = resnet(channels=3, outputs=4, generator=seeded(1))
    head = network.fc.weight.clone()
    loaded = weights.start_from(network, str(fake), folder=tmp_path / "kept")
    truth = torch.load(fake, weights_only=True)
    assert all(torch.equal(v, truth[k]) for k, v in network.state_dict().items() if not k.startswith("fc."))
    assert torch.equal(network.fc.weight, head)
    assert loaded.missing == ("fc.weight", "fc.bias")
    assert set(loaded.unexpected) == {"fc.weight", "fc.bias"}
    assert loaded.sentence.endswith("start anew: fc")
    kept = list((tmp_path / "kept").iterdir())
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    assert weights.find(fake, folder=tmp_path / "kept").stat().st_mtime_ns == stamp, "converted once"


def test_a_grey_net_takes_what_grey_pictures_in_three_channels_give(tmp_path: Path) -> None:
    colour = resnet(channels=3, outputs=2, generator=seeded(3)).eval()
    save_file(colour.state_dict(), tmp_path / "c.safetensors")
    grey = resnet(channels=1, outputs=2, generator=seeded(4)).eval()
    loaded = weights.load_into(grey, tmp_path / "c.safetensors")
    assert loaded.adapted == ("conv1.weight",)
    x = torch.randn(2, 1, 64, 64, generator=seeded(5))
    with torch.no_grad():
        assert torch.allclose(grey(x), colour(x.repeat(1, 3, 1, 1)), atol=1e-4)


def test_densenet_files_of_2017_are_understood(tmp_path: Path) -> None:
    source = densenet(channels=3, outputs=1000, generator=seeded(6)).state_dict()
    old = {}
    for name, value in source.items():
        for part in ("norm1", "norm2", "conv1", "conv2", "relu1", "relu2"):
            if "denselayer" in name:
                name = name.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        if not name.endswith("num_batches_tracked"):
            old[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    save_file(old, tmp_path / "d.safetensors")
    network = densenet(channels=3, outputs=2)
    loaded = weights.load_into(network, tmp_path / "d.safetensors")
    assert loaded.missing == ("classifier.weight", "classifier.bias")
    assert torch.equal(network.features.denseblock1.denselayer2.conv2.weight, source["features.denseblock1.denselayer2.conv2.weight"])


def test_a_run_gives_its_matching_layers_and_lists_the_rest(tmp_path: Path) -> None:
    best = tmp_path / "RUN" / "checkpoints" / "best"
    best.mkdir(parents=True)
    save_file(unet(channels=1, outputs=2, widths=(4, 8), generator=seeded(7)).state_dict(), best / "model.safetensors")
    network = unet(channels=2, outputs=5, widths=(4, 8), generator=seeded(8))
    loaded = weights.start_from(network, str(tmp_path / "RUN"))
    assert "body.down.0.0.weight" in loaded.missing, "two channels do not fit one"
    assert {"last.weight", "last.bias"} <= set(loaded.missing)
    assert torch.equal(network.body.up[0].up.weight, load_file(best / "model.safetensors")["body.up.0.up.weight"])
    assert loaded.record()["matched"] == len(loaded.matched) > 10


def test_weights_that_do_not_fit_are_refused_not_ignored(tmp_path: Path) -> None:
    save_file({"a.weight": torch.ones(3)}, tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match="none of its 1 weights fits"):
        weights.load_into(resnet(channels=1, outputs=2), tmp_path / "a.safetensors")
    head = {"fc.weight": torch.ones(2, 512), "fc.bias": torch.ones(2)}
    save_file(head, tmp_path / "h.safetensors")
    with pytest.raises(UsageError, match="WEIGHTS_DO_NOT_FIT"):
        weights.load_into(resnet(channels=1, outputs=2), tmp_path / "h.safetensors")


def test_imagenet_means_this_networks_own_published_weights(tmp_path: Path) -> None:
    with torch.device("meta"):
        assert vgg(channels=3, outputs=2, depth=19, norm="batch").published == "vgg19_bn"
        assert resnet(channels=3, outputs=2, depth=50).published == "resnet50"
        assert densenet(channels=1, outputs=2, depth=169).published == "densenet169"
        assert resnet(channels=3, outputs=2, stem="small").published is None
        assert vgg(channels=3, outputs=2, activation="elu").published is None
        assert vgg(channels=3, outputs=2, axes=3).published is None
        assert vgg(channels=4, outputs=2).published is None
    with pytest.raises(UsageError, match="NO_PUBLISHED_WEIGHTS"):
        weights.start_from(unet(channels=3, outputs=2), "imagenet", folder=tmp_path)


def test_every_published_net_has_an_entry() -> None:
    assert len(names()) == 16
    for name in names():
        entry = published(name)
        assert entry.url.startswith("https://")
        assert len(entry.sha256) == 8
        assert entry.file.startswith(f"{name}-")


def test_without_the_file_the_ways_to_get_it_are_told(tmp_path: Path) -> None:
    network = resnet(channels=3, outputs=2)
    before = network.conv1.weight.clone()
    with pytest.raises(UnreadableInput) as told:
        weights.start_from(network, "imagenet", folder=tmp_path)
    assert "sagittal weights get resnet18" in told.value.remedy
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in told.value.remedy
    assert str(tmp_path) in told.value.remedy
    assert torch.equal(network.conv1.weight, before)


@pytest.mark.parametrize(
    ("what", "error"), [("resnet81", "did you mean resnet"), ("no/such/run", "no such file"), ("w.pth", "no such file")]
)
def test_a_wrong_name_is_told(what: str, error: str, tmp_path: Path) -> None:
    with pytest.raises(SagittalError, match=error):
        weights.find(what, folder=tmp_path)


class _Answer(io.BytesIO):
    def __init__(self, data: bytes, length: int) -> None:
        super().__init__(data)
        self.headers = {"Content-Length": str(length)}


def test_get_downloads_checks_converts_and_keeps(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_for(fake)
    monkeypatch.setattr(weights, "published", lambda _: entry)
    data, seen, calls = fake.read_bytes(), [], []

    def opener(url: str, *, timeout: float) -> _Answer:
        calls.append(url)
        return _Answer(data, len(data))

    found = weights.get("resnet18", folder=tmp_path / "w", opener=opener, progress=lambda a, b: seen.append((a, b)))
    assert [p.name for p in (tmp_path / "w").iterdir()] == ["resnet18.safetensors"]
    assert seen[-1] == (len(data), len(data))
    assert load_file(found).keys() == torch.load(fake, weights_only=True).keys()
    assert weights.get("resnet18", folder=tmp_path / "w", opener=opener) == found
    assert calls == [entry.url], "not downloaded again"


def test_a_file_put_into_the_folder_by_hand_is_taken(fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "published", lambda _: entry_for(fake))
    (tmp_path / fake.name).write_bytes(fake.read_bytes())
    assert weights.find("resnet18", folder=tmp_path) == tmp_path / "resnet18.safetensors"


def test_another_file_than_the_published_one_is_refused(fake: Path, tmp_path: Path) -> None:
    (tmp_path / "resnet18-f37072fd.pth").write_bytes(fake.read_bytes())
    with pytest.raises(UnreadableInput, match="WRONG_WEIGHTS"):
        weights.find("resnet18", folder=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["resnet18-f37072fd.pth"]


def no_network(url: str, *, timeout: float) -> _Answer:
    raise urllib.error.URLError("Name or service not known")


def half(url: str, *, timeout: float) -> _Answer:
    return _Answer(b"x" * 10, 20)


def other(url: str, *, timeout: float) -> _Answer:
    return _Answer(b"x" * 10, 10)


@pytest.mark.parametrize(("opener", "code"), [(no_network, "NO_NETWORK"), (half, "TRUNCATED")])
def test_a_failed_download_leaves_nothing(opener: Callable[..., _Answer], code: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=code):
        weights.get("vgg16", folder=tmp_path, opener=opener)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_way_by_hand_is_told_and_leads_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput) as told:
        weights.get("vgg16", folder=tmp_path, opener=no_network)
    assert "sagittal weights get" not in told.value.remedy
    for part in ("https://download.pytorch.org/models/vgg16-397923af.pth", "SHA-256 begins with 397923af", f"into {tmp_path}"):
        assert part in told.value.remedy
    (tmp_path / "vgg16-397923af.pth").write_bytes(b"x")
    with pytest.raises(UnreadableInput, match="WRONG_WEIGHTS"):
        weights.get("vgg16", folder=tmp_path, opener=no_network)


def test_a_download_that_is_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="WRONG_WEIGHTS"):
        weights.get("vgg16", folder=tmp_path, opener=other)
    assert not (tmp_path / "vgg16.safetensors").exists()


class _Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_foreign_file_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({"state_dict": {"a": torch.ones(1)}, "more": _Evil(mark)}, tmp_path / "evil.pth")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(_Evil(mark)))
    for name in ("evil.pth", "plain.pt"):
        with pytest.raises(UnreadableInput, match="FOREIGN_WEIGHTS") as refused:
            convert(tmp_path / name, tmp_path / "out.safetensors")
        assert "weights_only" not in str(refused.value), "torch advises to load it all the same"
    assert not mark.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.pth", "plain.pt"]


def test_a_whole_pickled_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(UnreadableInput, match="state_dict"):
        convert(tmp_path / "model.pth", tmp_path / "out.safetensors")


def test_nested_and_prefixed_names_are_found(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    content = {"epoch": 3, "state_dict": {"module.a.weight": shared.T, "module.b": shared, "module.n": torch.tensor(4)}}
    torch.save(content, tmp_path / "c.pt")
    found = load_file(convert(tmp_path / "c.pt", tmp_path / "out.safetensors"))
    assert found.keys() == {"a.weight", "b", "n"}
    assert torch.equal(found["a.weight"], shared.T)
    assert found["n"] == 4


@pytest.mark.parametrize("damage", ["truncated", "text", "list"])
def test_damaged_files_are_refused(damage: str, fake: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    if damage == "list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(fake.read_bytes()[:100_000] if damage == "truncated" else b"not weights at all")
    with pytest.raises(UnreadableInput):
        convert(path, tmp_path / "out.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["w.pth"]


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "big.pth").open("wb") as file:
        file.truncate(5 * 2**30)
    with pytest.raises(LimitExceeded):
        convert(tmp_path / "big.pth", tmp_path / "out.safetensors")


def test_a_damaged_safetensors_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UnreadableInput, match=r"a\.safetensors"):
        weights.load_into(resnet(channels=1, outputs=2), tmp_path / "a.safetensors")
