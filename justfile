# Shorthand for maintainers; everything here is a plain command that works without `just` too.

_:
    @just --list --unsorted

# start Talka here
up *ARGS:
    ./talka up {{ARGS}}

# the tests, on SQLite and on a temporary PostgreSQL
test *ARGS:
    ./talka test {{ARGS}}

# the tests once, on SQLite, with as many generated examples as patience allows
test-long *ARGS:
    .venv/bin/python -m pytest --hypothesis-profile long {{ARGS}}

# 10,000 generated questions to every engine beside the judge: some ten minutes; `--seed` asks the same again
agree *ARGS:
    PYTHONPATH=src .venv/bin/python -m tests.generative.agree {{ARGS}}

# style, types, walls between rooms, what may not be committed
check:
    ./talka check

# put the code into its layout and mend what can be mended by machine
format:
    .venv/bin/python -m ruff check --fix
    .venv/bin/python -m ruff format

# the data node beside PostgreSQL, DuckDB and ATLAS on the same data, kept in DIR; fill it first with `--prepare`
bench-node DIR *ARGS:
    .venv/bin/python -m benchmarks.node_questions --persons 2000000 20000000 --keep {{DIR}} {{ARGS}}

# pin the dependencies of pyproject.toml anew; needs uv. `just lock --upgrade` takes newer versions
lock *ARGS:
    uv lock {{ARGS}}
    uv export -q --locked --format requirements-txt --no-emit-project --no-annotate --no-header --no-dev -o requirements.lock
    uv export -q --locked --format requirements-txt --no-emit-project --no-annotate --no-header --extra tables --group dev -o requirements-dev.lock
    uv export -q --locked --format requirements-txt --no-emit-project --no-annotate --no-header --no-dev --extra spark | sed -n -E '/^(py4j|pyspark)==/,/[^\\]$/p' > requirements-spark.lock

# what a change must pass before it lands
ci:
    bash .ci/run
