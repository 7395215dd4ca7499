"""The pages' templates, which lie beside this file."""

from pathlib import Path

import jinja2


def page_templates() -> jinja2.Environment:
    """Templates that escape what they show and refuse names they are not given."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
