"""Where a key stands in the admin's files, for what is said of a loaded playbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crmsync.model.rules import Playbook
from crmsync.playbook.yamlfile import YamlFile


def spots_of(files: Iterable[YamlFile]) -> Mapping[tuple[str, ...], str]:
    """(name of the file, key, key within it ...) -> `file:line`, keys in lower case; keys within lists are left out."""
    return {
        (file.name, *(str(key).strip().lower() for key in path)): file.where(path)
        for file in files
        for path in file.keys
        if all(isinstance(key, str) for key in path)
    }


def spot(playbook: Playbook, file: str, *keys: str) -> str:
    """`file:line` of the innermost of these keys that the file has; the name of the file where it has none of them."""
    path = tuple(key.strip().lower() for key in keys)
    return next((at for end in range(len(path), 0, -1) if (at := playbook.where.get((file, *path[:end])))), file)
