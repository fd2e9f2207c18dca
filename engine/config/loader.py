"""photostat.toml becomes a Config, or one clear error that names the key and the nearest right one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, structs

from engine.config.model import ClusterSettings, Config, JpegSettings, ManifestSettings
from engine.config.values import Form, Hidden, NoneAs, bare_type, check_batch_name, refuse_unknown
from engine.failures import UserError, nearest, one_line

SectionT = TypeVar("SectionT", bound=msgspec.Struct)


def load(path: Path) -> Config:
    """The settings of a photostat.toml; raises UserError with one line."""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path.name}: line {line} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        end = f"at line {len(text.splitlines())}, the end"
        message = str(error).replace("at end of document", end)
        raise UserError(f"{path.name}: {one_line(message)}") from error
    try:
        return _read_document(document)
    except ValueError as error:
        raise UserError(f"{path.name}: {error}") from error


@cache
def sections() -> dict[str, structs.FieldInfo]:
    """The sections of the file, in its order."""
    return {field.name: field for field in structs.fields(Config) if field.name != "batch_jpeg"}


def keys(section: type[msgspec.Struct]) -> dict[str, structs.FieldInfo]:
    """The keys of a section by their names in the file, in its order."""
    return {field.encode_name: field for field in structs.fields(section)}


@cache
def _homes() -> dict[str, str]:
    """Every key's section."""
    return {key: name for name, default in _defaults().items() for key in keys(type(default))}


def _defaults() -> dict[str, msgspec.Struct]:
    return {name: field.default for name, field in sections().items()}


def _read_document(document: Mapping[str, Any]) -> Config:
    refuse_unknown("", document, {*sections(), "batch"}, "section", _homes())
    given = {name: _read_section(name, document.get(name, {}), of) for name, of in _defaults().items()}
    config = structs.replace(Config(), **given)
    _check_header(config.manifest)
    _check_converts(config.cluster)
    batches = _table("batch", document.get("batch", {}))
    overrides = {name: _read_batch(name, content, config.jpeg) for name, content in batches.items()}
    return structs.replace(config, batch_jpeg=overrides)


def _check_header(manifest: ManifestSettings) -> None:
    names = [key for key in manifest.columns.values() if isinstance(key, str)]
    if names and manifest.header is False:
        raise ValueError(
            f"[manifest] header = false: columns names {json.dumps(names[0])}, so there is a header"
        )


def _check_converts(cluster: ClusterSettings) -> None:
    if cluster.listen and cluster.scheduler:
        raise ValueError(
            "[cluster] has listen and scheduler: hosts meet the engine in one place, leave one of them out"
        )
    if cluster.scheduler and not cluster.tls.ca:
        raise ValueError(
            "[cluster] scheduler needs tls: the files with which that Dask cluster lets this engine in, as in "
            'tls = { ca = "ca.pem", cert = "photostat.pem", key = "photostat-key.pem" }'
        )
    if cluster.tls.ca and not cluster.scheduler:
        raise ValueError(
            "[cluster] tls is for scheduler, which is not set; listen has certificates of its own"
        )
    if cluster.hosts and not cluster.lets_others_join:
        raise ValueError(
            "[cluster] hosts: they have nowhere to connect to: set listen as well, as in "
            'listen = "tls://0.0.0.0:8786"'
        )
    if not cluster.here and not cluster.lets_others_join:
        raise ValueError(
            "[cluster] here = false: nothing would be converted, for no other machine can join: set listen as well"
        )


def _read_batch(name: str, content: Any, jpeg: JpegSettings) -> JpegSettings:
    try:
        check_batch_name(name)
    except ValueError as error:
        raise ValueError(f"[batch.{json.dumps(name, ensure_ascii=False)}]: {error}") from error
    section = f"batch.{name}"
    refuse_unknown(f"[{section}] ", _table(section, content), {"jpeg"}, "section", _homes())
    return _read_section(f"{section}.jpeg", content.get("jpeg", {}), jpeg)


def _read_section(name: str, content: Any, defaults: SectionT) -> SectionT:
    """What the file gives, over these defaults."""
    known = keys(type(defaults))
    refuse_unknown(f"[{name}] ", _table(name, content), known, "key", _homes())
    given = {}
    for key, value in content.items():
        try:
            given[known[key].name] = _read_value(known[key].type, value)
        except ValueError as error:
            is_hidden = any(isinstance(mark, Hidden) for mark in bare_type(known[key].type)[1])
            shown = "" if is_hidden or isinstance(value, dict | list) else f" = {_shown(value)}"
            raise ValueError(f"[{name}] {key}{shown}: {error}") from error
    return structs.replace(defaults, **given)


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is a section: write [{name}] and its keys below")
    return value


def _read_value(kind: Any, value: Any) -> Any:
    """The value as this type of the model; raises ValueError that says what it must be instead."""
    bare, marks = bare_type(kind)
    word = next((mark.word for mark in marks if isinstance(mark, NoneAs)), None)
    if word is not None:
        if value == word:
            return None
        (present,) = (member for member in get_args(bare) if member is not NoneType)
        try:
            return _read_value(present, value)
        except ValueError as error:
            raise ValueError(f"{error}, or {json.dumps(word)}") from error
    for mark in marks:
        if isinstance(mark, Form):
            return mark.read(value)
    if get_origin(bare) is tuple:
        if not isinstance(value, list):
            raise ValueError("must be a list in square brackets")
        return tuple(_read_value(get_args(bare)[0], item) for item in value)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"must be {_alternatives(bare, marks)}{_meant(bare, value)}") from error


def _alternatives(bare: Any, marks: tuple[Any, ...]) -> str:
    """The values of a type, in words."""
    if bare is bool:
        return "true or false, without quotes"
    if bare is int:
        limits = next(mark for mark in marks if isinstance(mark, Meta))
        return f"a whole number from {limits.ge} to {limits.le}"
    if get_origin(bare) is Literal:
        return " or ".join(map(json.dumps, get_args(bare)))
    if get_origin(bare) in (Union, UnionType):
        return ", or ".join(_alternatives(*bare_type(member)) for member in get_args(bare))
    raise NotImplementedError(f"no words for the type {bare} yet")


def _meant(bare: Any, value: Any) -> str:
    """The option that was probably meant."""
    if get_origin(bare) is not Literal or not isinstance(value, str):
        return ""
    meant = nearest(value, get_args(bare))
    return f"; did you mean {json.dumps(meant)}?" if meant else ""


def _shown(value: Any) -> str:
    shown = one_line(json.dumps(value, ensure_ascii=False, default=str))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
