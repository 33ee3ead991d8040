"""Downloads from a server on this machine: good ones are kept, everything else leaves nothing behind."""

import gzip
import hashlib
import os
import socket
import time

import numpy as np
import pytest

from nnstatmech.datasets import download
from nnstatmech.datasets.errors import DataError
from nnstatmech.datasets.load import load
from nnstatmech.datasets.sources import CifarBinary, Idx

from .data_files import tar_bytes

FIRST = "train-images-idx3-ubyte"


@pytest.fixture
def hashes(idx_contents):
    return {name: hashlib.sha256(content).hexdigest() for name, content in idx_contents.items()}


@pytest.fixture
def packed(idx_contents):
    return {f"/{name}.gz": gzip.compress(content) for name, content in idx_contents.items()}


def source_at(*urls, hashes):
    return Idx(folder="mnist", urls=list(urls), sha256=hashes)


def refusal(source, data_dir, name="mnist"):
    """The message of a download that fails, after checking that it left nothing behind."""
    with pytest.raises(DataError) as caught:
        load(name, source, data_dir)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{name}: cannot download ")
    assert list(data_dir.iterdir()) == []
    return message


def test_missing_files_are_downloaded_once(server, tmp_path, idx_arrays, packed, hashes):
    server.answers = packed
    source = source_at(server.url, hashes=hashes)
    data = load("mnist", source, tmp_path)
    np.testing.assert_array_equal(data.train_images[..., 0], idx_arrays["train_images"])
    assert sorted(server.asked) == sorted(packed)
    again = load("mnist", source, tmp_path, download=False)
    np.testing.assert_array_equal(again.test_labels, idx_arrays["test_labels"])
    assert len(server.asked) == 4
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mnist", *sorted(name[1:] for name in packed)]


def test_only_what_is_missing_is_downloaded(server, idx_folder, packed, hashes):
    server.answers = packed
    (idx_folder / "own" / f"{FIRST}.gz").unlink()
    load("mnist", Idx(folder="own", urls=[server.url], sha256=hashes), idx_folder)
    assert server.asked == [f"/{FIRST}.gz"]


def test_content_that_the_transport_unpacks_is_as_good(server, tmp_path, packed, hashes, idx_arrays):
    """Some servers declare a .gz file as a compressed transfer: what arrives is then the content itself."""

    def declared(content):
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        return answer

    server.answers = {path: declared(content) for path, content in packed.items()}
    data = load("mnist", source_at(server.url, hashes=hashes), tmp_path)
    np.testing.assert_array_equal(data.train_labels, idx_arrays["train_labels"])


def test_wrong_content_is_removed_and_named_with_both_hashes(server, tmp_path, packed, hashes, idx_contents):
    wrong = bytearray(idx_contents[FIRST])
    wrong[100] ^= 1
    server.answers = packed | {f"/{FIRST}.gz": gzip.compress(wrong)}
    message = refusal(source_at(server.url, hashes=hashes), tmp_path)
    for piece in (f"/{FIRST}.gz", hashes[FIRST], hashlib.sha256(wrong).hexdigest(), "was removed"):
        assert piece in message


def test_wrong_content_without_a_known_hash_is_removed_too(server, tmp_path, packed):
    server.answers = packed | {f"/{FIRST}.gz": b"<html>Sign in to the network</html>"}
    assert "is no idx file" in refusal(source_at(server.url, hashes={}), tmp_path)


def test_the_next_address_is_tried(server, tmp_path, packed, hashes):
    wrong = {f"/wrong{name}": b"<html>" for name in packed}
    server.answers = wrong | {f"/good{name}": content for name, content in packed.items()}
    urls = [f"{server.url}/gone", f"{server.url}/wrong/", f"{server.url}/good/"]
    assert len(load("mnist", source_at(*urls, hashes=hashes), tmp_path).train_images) == 12


def breaking_off(content, declared):
    """Send half of ``content`` after announcing all of it (or nothing) and close the connection."""

    def answer(handler):
        handler.send_response(200)
        if declared:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.close_connection = True

    return answer


@pytest.mark.parametrize("declared", [True, False])
def test_interrupted_downloads_leave_nothing(server, tmp_path, packed, hashes, declared):
    name = f"/{FIRST}.gz"
    server.answers = packed | {name: breaking_off(packed[name], declared)}
    message = refusal(source_at(server.url, hashes=hashes), tmp_path)
    assert ("broke off" if declared else "damaged gzip") in message
    assert server.asked.count(name) == download.ROUNDS


def test_an_interruption_that_does_not_repeat_is_survived(server, tmp_path, packed, hashes):
    name = f"/{FIRST}.gz"

    def once(handler):
        server.answers[name] = packed[name]
        breaking_off(packed[name], declared=True)(handler)

    server.answers = packed | {name: once}
    assert len(load("mnist", source_at(server.url, hashes=hashes), tmp_path).train_images) == 12


def test_offline_says_at_once_which_files_to_put_where(tmp_path, hashes, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        start = time.monotonic()
        message = refusal(source_at(f"http://127.0.0.1:{closed.getsockname()[1]}", hashes=hashes), tmp_path)
        assert time.monotonic() - start < download.TIMEOUTS[0]
    files = (
        "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
    )
    assert "no network?" in message
    assert f"put {files} into {tmp_path}/mnist/ or use --config data=bundled" in message


def test_a_silent_server_is_given_up(server, tmp_path, hashes, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUTS", (1, 0.1))
    server.answers = {f"/{FIRST}.gz": lambda handler: time.sleep(0.3)}
    assert "does not answer" in refusal(source_at(server.url, hashes=hashes), tmp_path)


def test_a_missing_file_on_the_server_is_named(server, tmp_path, hashes):
    assert f"{server.url}/{FIRST}.gz answers 404" in refusal(source_at(server.url, hashes=hashes), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path, packed, hashes):
    server.answers = packed
    (tmp_path / "mnist").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=f"cannot download {FIRST}.gz .{tmp_path}/mnist: File exists"):
        load("mnist", source_at(server.url, hashes=hashes), tmp_path)


def test_a_full_disk_is_named(server, tmp_path, packed, hashes, monkeypatch):
    server.answers = packed

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    assert "No space left on device" in refusal(source_at(server.url, hashes=hashes), tmp_path)


def test_the_remains_of_killed_downloads_are_removed(server, idx_folder, packed, hashes):
    server.answers = packed
    (idx_folder / "own" / f"{FIRST}.gz").unlink()
    old, young = (idx_folder / "own" / f".download-{age}" for age in ("old", "young"))
    for remains in (old, young):
        remains.mkdir()
    os.utime(old, (0, 0))
    load("mnist", Idx(folder="own", urls=[server.url], sha256=hashes), idx_folder)
    assert not old.exists()
    assert young.exists()


def test_the_archive_of_cifar10_is_downloaded_and_checked(server, tmp_path, cifar_contents):
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in cifar_contents.items()}
    server.answers = {"/cifar.tar.gz": tar_bytes(cifar_contents)}
    source = CifarBinary(urls=[f"{server.url}/cifar.tar.gz"], sha256=hashes)
    assert load("cifar10", source, tmp_path).train_images.shape == (10, 32, 32, 3)
    (tmp_path / "cifar-10-binary.tar.gz").unlink()
    message = refusal(source.model_copy(update={"sha256": {}, "release": "cifar10"}), tmp_path, "cifar10")
    assert "data_batch_1.bin that has SHA-256" in message
    assert f"put cifar-10-binary.tar.gz into {tmp_path}/" in message
    server.answers["/cifar.tar.gz"] = tar_bytes(cifar_contents)[:3000]
    assert "damaged archive" in refusal(source, tmp_path, "cifar10")
