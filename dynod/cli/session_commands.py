"""``dynod session``: the commands about sessions; each imports what it needs."""

from typing import Annotated

import typer

from dynod.cli.options import DEFAULT_CONFIG, Config, Json
from dynod.model.clinical import InvolvedSide

app = typer.Typer(help="Begin and end a session, as the record system would.")


@app.command("list")
def session_list(
    config: Config = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    *,
    json: Json = False,
) -> None:
    """List the sessions of this station, newest first, and which have no patient yet."""
    from dynod.cli.session import run_list

    run_list(config, limit, as_json=json)


@app.command("assign")
def session_assign(
    session_id: Annotated[
        str, typer.Argument(help="From `dynod session list`: its beginning, or the code.")
    ],
    patient: Annotated[str, typer.Option(help="SYSTEM|ID, as the record system names them.")],
    sex: Annotated[str | None, typer.Option(help="male, female, other or unknown.")] = None,
    birth_year: Annotated[int | None, typer.Option(help="For norms by age.")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say whose session it is; one that is published already moves to the new patient."""
    from dynod.cli.session import run_assign

    details: dict[str, object] = {"patient": patient, "sex": sex, "birth_year": birth_year}
    run_assign(config, session_id, details, as_json=json)


@app.command("start")
def session_start(
    patient: Annotated[
        str | None, typer.Option(help="SYSTEM|ID, as the record system names the patient.")
    ] = None,
    body_mass_kg: Annotated[float | None, typer.Option(help="Body mass in kg.")] = None,
    involved_side: Annotated[InvolvedSide | None, typer.Option(help="The side at issue.")] = None,
    battery: Annotated[str | None, typer.Option(help="Which battery of tests.")] = None,
    lever_arm: Annotated[
        list[str] | None, typer.Option(help="MOVEMENT:SIDE=METRES; may be repeated.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    json: Json = False,
) -> None:
    """Begin a session; prints the code that the display must show."""
    from dynod.cli.session import run_start

    run_start(
        config,
        {
            "patient": patient,
            "body_mass_kg": body_mass_kg,
            "involved_side": involved_side,
            "battery": battery,
        },
        lever_arm or [],
        as_json=json,
    )


@app.command("end")
def session_end(config: Config = DEFAULT_CONFIG, *, json: Json = False) -> None:
    """End the session; its results are published."""
    from dynod.cli.session import run_end

    run_end(config, as_json=json)
