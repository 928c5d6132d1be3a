"""Data from files: read into memory, or left where they are and streamed."""

from jgd.data.files import read as read
from jgd.data.streams import stream as stream

__all__ = ["read", "stream"]
