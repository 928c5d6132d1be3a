"""Commands of `jgd` in this process."""

import pytest
from click.testing import CliRunner

from jgd.cli.app import cli


@pytest.fixture
def invoke():
    """A command's exit code and output."""

    def tell(*arguments):
        result = CliRunner().invoke(cli, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return tell
