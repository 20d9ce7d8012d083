# Copyright 2026 The modeling_ast_va authors. Licensed under the Apache License, Version 2.0.
"""Plugin of beets: valence, arousal and quadrant of the songs of a library, for queries such as `valence:6..`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from beets.dbcore import types
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, UserError

from modeling_ast_va.collection.tagging import tag_file, tags_of
from modeling_ast_va.hub.files import check_model
from modeling_ast_va.processes import num_cores
from modeling_ast_va.released import RELEASED_MODEL

if TYPE_CHECKING:
    from beets.library import Item

    from modeling_ast_va.prediction.loading import Rater

FIELDS = ("valence", "arousal", "quadrant")


class ASTVAPlugin(BeetsPlugin):
    """
    Rates songs on import and by `beet ast-va [QUERY]`.

    The section `ast_va` of the configuration has `auto`, whether to rate songs on import; `write`, whether to write the
    ratings into files as `ast-va tag` does; and `model`, a folder or Hub id (by default the released model).
    """

    item_types = {"valence": types.Float(2), "arousal": types.Float(2), "quadrant": types.STRING}

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"auto": True, "write": False, "model": str(RELEASED_MODEL)})
        if self.config["auto"].get(bool):
            # After files are copied or moved to the library, so that those of the source are never written.
            self.register_listener("import_task_files", self.rate_imported)

    def commands(self) -> list[Subcommand]:
        command = Subcommand("ast-va", help="rate valence and arousal of songs")
        command.parser.add_option("-f", "--force", action="store_true", default=False, help="rate rated songs again")
        command.func = lambda library, options, query: self.rate(library.items(query), force=options.force)
        return [command]

    def rate_imported(self, session: Any, task: Any) -> None:
        """Rate the songs of a task of an import."""
        self.rate(task.imported_items())

    def rate(self, items: Iterable[Item], *, force: bool = False) -> None:
        """Rate songs that have no rating, or all with `force`, and write tags if that is configured."""
        item_of = {os.fsdecode(item.path): item for item in items}
        waiting = [path for path, item in item_of.items() if force or not _is_rated(item)]
        num_errors = sum(not self._store(item_of[song["path"]], song) for song in self._predict(waiting))
        if waiting:
            self._log.info("rated {} songs, {} errors", len(waiting) - num_errors, num_errors)
        if self.config["write"].get(bool):
            for path, item in item_of.items():
                if _is_rated(item):
                    self._write(path, item)

    @cached_property
    def rater(self) -> Rater:
        """The model, which is loaded for the first song."""
        from modeling_ast_va.prediction.loading import load_rater

        model = self.config["model"].as_str()
        try:
            check_model(model)
            return load_rater(model)
        except (ValueError, ImportError, OSError) as error:
            raise UserError(f"ast_va: {error}") from error

    def _predict(self, paths: list[str]) -> Iterable[dict[str, Any]]:
        """Predict songs, in the order in which they are finished."""
        if not paths:
            return []
        from modeling_ast_va.prediction.songs import predict_song
        from modeling_ast_va.prediction.threads import map_in_threads

        predict = partial(predict_song, self.rater)
        return map_in_threads([predict], paths, num_cores())

    def _store(self, item: Item, song: dict[str, Any]) -> bool:
        """Store the rating of a song; an error is logged, and False returned."""
        if song["error"]:
            self._log.warning("not rated: {}", song["error"])
            return False
        item.update({field: song[field] for field in FIELDS})
        item.store()
        return True

    def _write(self, path: str, item: Item) -> None:
        try:
            tag_file(path, tags_of(item.valence, item.arousal, item.quadrant))
        except (ValueError, OSError) as error:
            self._log.warning("not tagged: {}: {}", path, error)
        else:
            item.mtime = item.current_mtime()  # otherwise `beet update` takes the file for a changed one
            item.store()


def _is_rated(item: Item) -> bool:
    return all(field in item for field in FIELDS)
