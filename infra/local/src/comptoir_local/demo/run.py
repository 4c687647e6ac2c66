"""Plays all scenes against a platform that runs."""

from __future__ import annotations

import httpx

from comptoir_local.demo.cast import Stage
from comptoir_local.demo.journey import SCENES
from comptoir_local.demo.play import Play
from comptoir_local.demo.provider import Provider
from comptoir_local.demo.story import Story

# Longer than any deadline inside: the demo sees the platform's answer, not its own impatience.
_TIMEOUT_SECONDS = 30


async def play_all(stage: Stage, story: Story) -> None:
    """Plays the journey from the first scene to the last; raises what a scene raises."""
    async with (
        httpx.AsyncClient(base_url=stage.gateway, timeout=_TIMEOUT_SECONDS) as http,
        httpx.AsyncClient(base_url=stage.provider, timeout=_TIMEOUT_SECONDS) as provider,
    ):
        play = Play(stage, http, Provider(provider))
        for title, scene in SCENES:
            async with story.step(title) as step:
                await scene(play, step)
