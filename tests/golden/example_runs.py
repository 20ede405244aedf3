"""Run directories as the engine writes them, drawn from a seed: what the tests of the report are built on.

``python tests/golden/example_runs.py FOLDER`` writes them, with their reports, to be looked at.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagittal.report import galleries

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What distinguishes one classification run from another."""

    positive: str | None = None
    leak: bool = False
    groups: bool = True
    touched: int = 1
    axes: int = 2


def write(run: Path, name: str, obj: object) -> None:
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(obj, bytes):
        path.write_bytes(obj)
    else:
        text = obj if isinstance(obj, str) else json.dumps(obj, ensure_ascii=False, allow_nan=False)
        path.write_text(text, encoding="utf-8", newline="\n")


def table(run: Path, name: str, rows: Rows) -> None:
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def score(metric: str, value: float | None, n: int, label: str = "", half: float = 0.04, **more: object) -> dict[str, Any]:
    """An entry of scores.json with an interval that is ``half`` wide to each side."""
    low, high = (None, None) if value is None else (value - half, value + half)
    if low is not None and high is not None and more.get("unit", "1") == "1":
        low, high = max(low, 0.0), min(high, 1.0)
    entry = {"metric": metric, "class": label, "value": value, "low": low, "high": high, "n": n, "unit": "1", "higher_is_better": True}
    return {**entry, "undefined": None, "convention": "", "method": "bootstrap", **more}


def proportion(metric: str, hits: int, n: int, label: str = "") -> dict[str, Any]:
    """A proportion with Wilson's interval; undefined for none of none."""
    if n == 0:
        return score(metric, None, 0, label, undefined=f"no case of {label}", method="")
    z, p = 1.959964, hits / n
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
    return {**score(metric, p, n, label), "low": float(middle - half), "high": float(middle + half), "method": "wilson"}


def scores_json(run: Path, scores: Rows, *, n: int, **rest: object) -> None:
    record = {"format": "sagittal-scores", "version": 1, "unit": "case", "n": n, "positive": None, "touched": 1, "baselines": []}
    write(run, "evaluation/test/scores.json", {**record, **rest, "scores": scores})


def manifest_json(run: Path, classes: list[str], *, positive: str | None = None, unit: str = "") -> None:
    labels = {"classes": classes, "positive": positive, "background": None, "codes": {}, "colours": {}, "unit": unit}
    told = {"layout": "class_folders", "group_rule": r"the file name, by \w+-(\d+)-\d+"}
    write(run, "manifest.json", {"format": "sagittal-manifest", "version": 1, "labels": labels, "root": ".", "provenance": told})


def audit_json(run: Path, classes: list[str], sizes: list[int], told: Told) -> None:
    leak = {
        "code": "GROUP_LEAK",
        "severity": "block",
        "items": ["P00017"],
        "n": 1,
        "what": "patient P00017 has 3 images in train and 2 in test; the run went on by --allow GROUP_LEAK",
        "remedy": "set split.leaks: drop",
    }
    pair = ["train/CNV/CNV-17-2", "test/CNV/CNV-17-3", "distance 4 of 64"]
    near = {"code": "NEAR_DUPLICATE", "severity": "note", "items": pair[:2], "n": 2, "pairs": [pair], "what": "1 pair is nearly the same"}
    shares = {"train": 6.1, "val": 1.2, "test": 1.0}
    record = {
        "format": "sagittal-audit",
        "version": 1,
        "sentence": f"class folders with train/val/test: {len(classes)} classes, patient taken from the file name",
        "counts": {s: {c: int(n * f) for c, n in zip(classes, sizes, strict=True)} for s, f in shares.items()},
        "groups": {"known": told.groups, "rule": r"\w+-(\d+)-\d+", "n": {"train": 812, "val": 160, "test": 133}},
        "findings": [leak, near] if told.leak else [near],
        "fingerprint": {
            "axes": told.axes,
            "channels": ["red", "green", "blue"],
            "grey": 1.0,
            "dtypes": {"uint8": 9},
            "formats": {"JPEG": 9},
            "range": [0, 255],
        },
        "sizes": [{"shape": [496, 512], "n": 300, "class": c} for c in classes] + [{"shape": [496, 768], "n": 40, "class": classes[0]}],
    }
    if told.axes == 3:
        record["fingerprint"].update(channels=["T1"], grey=None, dtypes={"int16": 9}, formats={"NIfTI": 9}, range=[0, 1024])
        record["sizes"] = [{"shape": [256, 128, 256], "n": 18, "class": ""}]
    write(run, "audit.json", record)


def common(run: Path, classes: list[str], sizes: list[int], told: Told, *, task: str = "classification", metric: str = "auc") -> None:
    """What every run has."""
    run.mkdir(parents=True, exist_ok=True)
    write(run, "recipe.yaml", f"# chosen by hand\ndata: {{layout: class_folders}}\ntask: {task}\nmodel: {{name: resnet, depth: 18}}\n")
    versions = {"sagittal": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "platform": "Linux-6.8", "cpu": "x86_64", "cores": 2}
    write(run, "environment.json", {**versions, "device": "cpu", "seed": 0, "started": "2026-11-20T09:14:02+00:00"})
    reasons = [
        {"what": "size", "value": [224, 224], "why": "the training images are 496 x 512 on the median"},
        {"what": "channels", "value": "grey", "why": "all 2,412 training images are grey, though 312 are stored as RGB"},
        {"what": "model", "value": "resnet, widths 32 64 128 256", "why": "2,412 cases and two cores: it trains in 12 minutes"},
        {"what": "balance", "value": True, "why": "the largest class is 6.1 times the smallest"},
    ]
    write(run, "plan.json", {"format": "sagittal-plan", "version": 1, "task": task, "model": {"name": "resnet"}, "reasons": reasons})
    manifest_json(run, classes, positive=told.positive)
    audit_json(run, classes, sizes, told)
    training(run, metric, classes=tuple(f":{c}" for c in classes[1:]) if task == "segmentation" else ())


def training(run: Path, metric: str, epochs: int = 24, classes: tuple[str, ...] = ()) -> None:
    rng = np.random.default_rng(1)
    log, speed = [], []
    for epoch in range(1, epochs + 1):
        t = epoch / epochs
        losses = {"train_loss": 1.3 * np.exp(-3 * t) + 0.12, "val_loss": 1.1 * np.exp(-3 * t) + 0.33 + 0.05 * t}
        noisy = {name: f"{value + rng.normal(0, 0.02):.5f}" for name, value in losses.items()}
        rate = 1e-3 * 0.5 * (1 + np.cos(np.pi * t)) + 1e-6
        reached = {f"val_{metric}{end}": f"{0.88 - k / 20 - 0.55 * np.exp(-4 * t):.5f}" for k, end in enumerate(("", *classes))}
        log.append({"epoch": epoch, "lr": f"{rate:.3g}", **noisy, **reached})
        speed.append({"epoch": epoch, "seconds": f"{29 + rng.normal(0, 1):.2f}", "images_per_s": f"{228 + rng.normal(0, 6):.1f}"})
    table(run, "log.csv", log)
    table(run, "speed.csv", speed)
    best = max(1, epochs - 5)
    write(run, "training.json", {"ended": f"all {epochs} epochs are done", "best": {"epoch": best}, "epochs": epochs, "device": "cpu"})
    write(run, "checkpoints/best/SHA256SUMS", f"{'3f' * 32}  model.safetensors\n{'a0' * 32}  state.json\n")


def retina(rng: np.random.Generator, kind: int, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Something like a B-scan, and a heat map on its bump."""
    y, x = np.mgrid[:size, :size] / size
    centre, bump = 0.3 + 0.4 * rng.random(), 0.05 * kind + 0.02
    line = 0.55 - 0.06 * np.cos((x - 0.5) * 3) - bump * np.exp(-(((x - centre) / 0.1) ** 2))
    layers = sum(np.exp(-(((y - line + offset) / 0.02) ** 2)) * gain for offset, gain in ((0, 1.0), (0.05, 0.45), (0.12, 0.7), (0.2, 0.55)))
    values = (layers * 190 + 26) * rng.gamma(4, 0.25, (size, size))
    heat = np.exp(-(((x - centre) / 0.13) ** 2) - (((y - line) / 0.1) ** 2))
    return np.clip(values, 0, 255).astype(np.uint8)[None], heat.astype(np.float32)


def gallery(run: Path, rows: Rows, positive: str, most: int) -> None:
    rng = np.random.default_rng(2)
    picked: dict[str, Rows] = {}
    for row in rows:
        truth, answer = row["truth"], row["predicted"]
        kind = ("TP" if answer == positive else "TN") if truth == answer else "FP" if answer == positive else "FN"
        picked.setdefault(kind, []).append(row)
    wrong = (r for r in rows if r["truth"] != r["predicted"])
    picked["confident_mistake"] = sorted(wrong, key=lambda r: -float(r[f"p:{r['predicted']}"]))
    items = []
    for kind, found in picked.items():
        for place, row in enumerate(found[:most]):
            name = f"{kind}-{place}"
            plain, covered = galleries.explained(*retina(rng, 1 + place % 3))
            write(run, f"explanation/test/{name}.png", plain)
            write(run, f"explanation/test/{name}_cam.png", covered)
            told = {key: row[key] for key in ("case", "group", "truth", "predicted")}
            p = float(row[f"p:{row['predicted']}"])
            items.append({**told, "p": p, "kind": kind, "picture": f"{name}.png", "overlay": f"{name}_cam.png", "border": 0.1})
    write(run, "explanation/test/kernels.png", galleries.kernels(rng.normal(size=(32, 3, 3, 3))))
    border = {"mean": 0.21, "share": 0.36, "n": len(items)}
    write(run, "explanation/test/index.json", {"items": items, "method": "grad_cam", "border_attention": border, "kernels": "kernels.png"})


def answers(classes: list[str], sizes: list[int], skill: list[float], told: Told) -> Rows:
    """Rows of predictions.csv: the more skill, the more often the true class wins."""
    rng, rows = np.random.default_rng(7), []
    for k, (name, n) in enumerate(zip(classes, sizes, strict=True)):
        for i in range(n):
            logits = 1.3 * (rng.normal(0, 1.0, len(classes)) + skill[k] * (np.arange(len(classes)) == k))
            p = np.exp(logits) / np.exp(logits).sum()
            group = f"P{(k * 1000 + i) // 3:05d}" if told.groups else ""
            row = {"case": f"test/{name}/{name}-{1000 + i}", "group": group, "split": "test", "truth": name}
            row["predicted"] = classes[int(p.argmax())]
            rows.append(
                {**row, **{f"p:{c}": f"{v:.4f}" for c, v in zip(classes, p, strict=True)}, "abstained": "yes" if p.max() < 0.42 else ""}
            )
    return rows


def curve(hit: np.ndarray) -> tuple[dict[str, Any], dict[str, Any], float]:
    """ROC and precision-recall points of hits in the order of their scores, and the area."""
    tpr, fpr = np.r_[0, hit.cumsum() / hit.sum()], np.r_[0, (1 - hit).cumsum() / max((1 - hit).sum(), 1)]
    precision, step = hit.cumsum() / np.arange(1, len(hit) + 1), max(1, len(hit) // 150)
    roc = {"x": [*fpr[::step].round(4).tolist(), 1.0], "y": [*tpr[::step].round(4).tolist(), 1.0]}
    pr = {"x": tpr[1:][::step].round(4).tolist(), "y": precision[::step].round(4).tolist(), "chance": [float(hit.mean())]}
    return roc, pr, float(np.trapezoid(tpr, fpr))


def of_class(name: str, k: int, counts: np.ndarray, area: float | None) -> Rows:
    """The scores of one class from the confusion counts."""
    n, own, called, hits = int(counts.sum()), int(counts[k].sum()), int(counts[:, k].sum()), int(counts[k, k])
    found = [proportion("sensitivity", hits, own, name), proportion("specificity", n - own - called + hits, n - own, name)]
    found.append(proportion("ppv", hits, called, name))
    if area is None:
        why = f"no case of {name} in the truth"
        return [*found, score("f1", None, n, name, undefined=why), score("auc", None, n, name, undefined=why, method="")]
    return [*found, score("f1", 2 * hits / (own + called), n, name, half=0.05), score("auc", area, n, name, half=0.022, method="delong")]


def classes_run(run: Path, classes: list[str], sizes: list[int], skill: list[float], told: Told, *, pictures: int = 1) -> Path:
    """A classification run with everything in it."""
    rows = answers(classes, sizes, skill, told)
    table(run, "evaluation/test/predictions.csv", rows)
    truth, answer = (np.array([classes.index(r[key]) for r in rows]) for key in ("truth", "predicted"))
    p = np.array([[float(r[f"p:{c}"]) for c in classes] for r in rows])
    n, k = len(rows), len(classes)
    counts = np.zeros((k, k), int)
    np.add.at(counts, (truth, answer), 1)
    spoken = [told.positive] if k == 2 and told.positive else classes
    drawn = {
        c: curve((truth[np.argsort(-p[:, i], kind="stable")] == i).astype(float)) for i, c in enumerate(classes) if sizes[i] and c in spoken
    }
    bins = [0.35, 0.55, 0.75, 0.95]
    before, after = {"x": bins, "y": [0.28, 0.43, 0.6, 0.86]}, {"x": bins, "y": [0.33, 0.54, 0.77, 0.94]}
    after |= {"low": [0.2, 0.44, 0.7, 0.9], "high": [0.47, 0.64, 0.83, 0.97], "n": [30, 90, 140, 340]}
    reliability = {c: {"before": before, "after": after} for c in drawn}
    areas = {c: d[2] for c, d in drawn.items()}
    curves = {"roc": {c: d[0] for c, d in drawn.items()}, "pr": {c: d[1] for c, d in drawn.items()}, "reliability": reliability}
    write(run, "evaluation/test/curves.json", curves)

    balanced = float(np.mean([counts[i, i] / sizes[i] for i in range(k) if sizes[i]]))
    scores = [proportion("accuracy", int(np.trace(counts)), n), score("balanced_accuracy", balanced, n, half=0.031)]
    scores += [score("kappa", 0.72, n), score("mcc", 0.73, n), score("log_loss", 0.61, n, half=0.08, higher_is_better=False)]
    scores += [score("auc", float(np.mean(list(areas.values()))), n, half=0.015)] if k > 2 else []
    scores += [s for i, c in enumerate(classes) if c in spoken for s in of_class(c, i, counts, areas.get(c))]
    big = int(np.argmax(sizes))
    chance = [score("accuracy", sizes[big] / n, n), score("balanced_accuracy", 1 / k, n), score("auc", 0.5, n)]
    chance += [s for i, c in enumerate(classes) for s in (score("auc", 0.5, n, c), score("sensitivity", float(i == big), n, c))]
    groups = ("female", n // 2, 0.83), ("male", n // 2 - 14, 0.79), ("", 14, 0.6)
    subgroups = [{"column": "sex", "value": v, "n": m, "scores": [proportion("accuracy", int(m * a), m)]} for v, m, a in groups]
    scores_json(
        run,
        scores,
        n=n,
        positive=told.positive,
        touched=told.touched,
        baselines=[{"name": "majority", "sentence": f"every case is {classes[big]}, the most frequent class", "scores": chance}],
        patient_scores=[proportion("accuracy", int(np.trace(counts)) // 3, n // 3)] if told.groups else [],
        patient_rule="mean probability",
        confusion={"classes": classes, "counts": counts.tolist()},
        calibration=calibration(classes),
        operating_point=operating_point(classes, told.positive),
        subgroups=subgroups,
    )
    common(run, classes, sizes, told)
    gallery(run, rows, told.positive or classes[0], pictures)
    return run


def calibration(classes: list[str]) -> dict[str, Any]:
    same = {"kind": "temperature", "classes": classes, "slope": [1 / 1.31] * len(classes), "shift": [0.0] * len(classes), "n": 240}
    return {**same, "reasons": {}, "before": {"ece": 0.093, "log_loss": 0.71}, "after": {"ece": 0.031, "log_loss": 0.62}}


def operating_point(classes: list[str], positive: str | None) -> dict[str, Any]:
    if positive is None:
        note = "no positive class is named, so the answer is the most probable class"
        return {"classes": classes, "exclusive": True, "rule": "argmax", "wanted": None, "thresholds": [], "note": note}
    fitted = {"label": positive, "value": 0.37, "sensitivity": 0.957, "specificity": 0.81, "n_with": 94, "n_without": 101, "note": ""}
    band = {"least_sure": 0.12, "error_wanted": 0.05, "abstained": 0.09, "error_left": 0.04}
    scores = [proportion("sensitivity", 93, 98, positive), proportion("specificity", 84, 105, positive), score("auc", 0.9, 203)]
    same = {"classes": classes, "exclusive": True, "rule": "sensitivity", "wanted": 0.95, "note": ""}
    return {**same, **band, "thresholds": [fitted], "positive": positive, "threshold": 0.37, "scores": scores}


def oct_run(run: Path, pictures: int = 1) -> Path:
    """Four classes, patients known, one leak allowed."""
    classes, skill = ["CNV", "DME", "DRUSEN", "NORMAL"], [3.2, 2.9, 1.8, 3.6]
    return classes_run(run, classes, [110, 96, 88, 120], skill, Told(leak=True), pictures=pictures)


def covid_run(run: Path, pictures: int = 1) -> Path:
    """Two classes, one positive, nothing against it."""
    return classes_run(run, ["NonCOVID", "COVID"], [105, 98], [1.6, 1.5], Told(positive="COVID"), pictures=pictures)


def many_run(run: Path, pictures: int = 1) -> Path:
    """Twenty classes with long, Chinese and hostile names, one without a test case; no patient known; scored three times."""
    names = ["脉络膜新生血管形成,湿性年龄相关性黄斑变性", "糖尿病性黄斑水肿", "玻璃膜疣", "正常", "<script>alert(1)</script>"]
    names += ["A&B \"quoted\" 'name'", "adenocarcinoma_of_the_lung_lepidic_predominant_non_mucinous_type"]
    names += ["Squamous cell carcinoma, keratinising, poorly differentiated", *(f"class {i:02d}" for i in range(9, 21))]
    sizes = [40, 35, 30, 60, 12, 22, 31, 0, *(20 + 3 * i for i in range(12))]
    return classes_run(run, names, sizes, [2.6] * 20, Told(groups=False, touched=3), pictures=pictures)


def age_run(run: Path) -> Path:
    """One measured value."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(20, 90, 160)
    guess = truth + rng.normal(1.5, 6, 160)
    same = [{"case": f"s{i:03d}", "group": f"s{i:03d}", "split": "test"} for i in range(160)]
    table(
        run,
        "evaluation/test/predictions.csv",
        [{**s, "truth": f"{t:.1f}", "predicted": f"{a:.2f}"} for s, t, a in zip(same, truth, guess, strict=True)],
    )
    years = {"unit": "years", "higher_is_better": False}
    scores = [score("r2", 0.91, 160, half=0.03), score("mae", 5.1, 160, half=0.6, **years), score("rmse", 6.4, 160, half=0.7, **years)]
    base = [score("r2", 0.0, 160), score("mae", 17.4, 160, half=1.2, **years), score("rmse", 20.2, 160, half=1.2, **years)]
    scores.append(score("bias", -1.5, 160, half=1.0, unit="years"))
    scores_json(run, scores, n=160, baselines=[{"name": "always the mean", "scores": base}])
    common(run, ["age"], [160], Told(), task="regression", metric="mae")
    manifest_json(run, ["age"], unit="years")
    return run


def brain_run(run: Path) -> Path:
    """Masks of three classes, a case a row; one case without a structure."""
    rng = np.random.default_rng(5)
    rows: Rows = [{"case": f"IBSR_{i:02d}", "group": f"IBSR_{i:02d}", "split": "test"} for i in range(18)]
    scores = [score("dice", 0.881, 18, half=0.02, convention="background is left out")]
    for name, mean in (("CSF", 0.84), ("GM", 0.92), ("WM", 0.9)):
        values = np.clip(mean + rng.normal(0, 0.04, 18) - (rng.random(18) < 0.1) * 0.3, 0, 1)
        far = 4.2 * (1 - values) + 0.2
        for i, row in enumerate(rows):
            gone = name == "CSF" and i == 4
            row[f"dice:{name}"] = "absent in the truth" if gone else f"{values[i]:.4f}"
            row[f"assd:{name}"] = "absent in the truth" if gone else f"{far[i]:.3f}"
            size = {"CSF": 210.0, "GM": 740.0, "WM": 520.0}[name] * (1 + 0.01 * i)
            row[f"true_volume:{name}"], row[f"found_volume:{name}"] = f"{0 if gone else size:.1f}", f"{size * (0.7 + 0.3 * values[i]):.1f}"
        scores.append(score("dice", float(values.mean()), 18, name, half=0.025))
        scores.append(score("assd", float(far.mean()), 18, name, half=0.14, unit="mm", higher_is_better=False))
    table(run, "evaluation/test/predictions.csv", rows)
    scores_json(run, scores, n=18, volume_unit="ml")
    lesions = [
        {"case": f"IBSR_{i % 18:02d}", "class": "WM", "volume": f"{1.14**i:.4g}", "found": "yes" if i % 7 > 3 - i // 9 else "no"}
        for i in range(36)
    ]
    table(run, "evaluation/test/pieces.csv", lesions)
    common(run, ["background", "CSF", "GM", "WM"], [18] * 4, Told(axes=3), task="segmentation", metric="dice")
    i, j, k = np.mgrid[:40, :48, :30]
    ball = ((i - 20) / 15) ** 2 + ((j - 24) / 18) ** 2 + ((k - 15) / 11) ** 2
    volume = (rng.normal(40, 10, ball.shape) + 90 * (ball < 1) + 40 * (ball < 0.4)).astype(np.float32)[None]
    moved = ((i - 21) / 15) ** 2 + ((j - 24) / 18) ** 2 + ((k - 16) / 11) ** 2
    masks, spacing = {"#ffffff": ball < 0.4, "#e69f00": moved < 0.43}, (1.0, 1.0, 1.5)
    write(run, "explanation/test/a.png", galleries.thumbnail(volume, size_px=512, spacing=spacing))
    write(run, "explanation/test/a_cam.png", galleries.outlines(volume, masks, spacing=spacing))
    item = {"case": "IBSR_07", "group": "IBSR_07", "truth": None, "predicted": None, "p": None, "kind": "worst"}
    legend = {"#ffffff": "truth", "#e69f00": "answer"}
    write(run, "explanation/test/index.json", {"items": [{**item, "picture": "a.png", "overlay": "a_cam.png"}], "legend": legend})
    return run


def table_run(run: Path) -> Path:
    """A table whose model cannot be told from guessing; no pictures."""
    classes_run(run, ["M", "R"], [22, 20], [0.35, 0.3], Told(positive="M"), pictures=0)
    columns = {f"c{i}": float(v) for i, v in enumerate(np.random.default_rng(1).normal(0, 0.1, 60).round(3))}
    items = [{"case": "t1", "truth": "M", "predicted": "R", "kind": "FN", "p": 0.7, "columns": columns}]
    write(run, "explanation/test/index.json", {"items": items, "method": "integrated_gradients"})
    return run


def bare_run(run: Path) -> Path:
    """Trained for one epoch, never evaluated or audited."""
    common(run, ["a", "b"], [20, 20], Told())
    (run / "audit.json").unlink()
    training(run, "auc", epochs=1)
    return run


RUNS = {f.__name__.removesuffix("_run"): f for f in (oct_run, covid_run, many_run, age_run, brain_run, table_run, bare_run)}

if __name__ == "__main__":
    from sagittal.report.render import render

    for name, make in RUNS.items():
        render(make(Path(sys.argv[1]) / name, *([6] if make in {oct_run, covid_run, many_run} else [])))
