"""The JSON schema of the result: `python -m airbyte_sync_cli.output.schema`."""

import json
import sys

from airbyte_sync_cli.sync.result import Report


def schema() -> str:
    """Generate the schema from the models."""
    content = Report.model_json_schema(mode="serialization")
    content["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    content["title"] = "airbyte-sync result"
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
