"""`orchestrator init`: asks for task, data, teacher and student, and writes a recipe and a machine file."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs import AsJson, explained, out

RecipeOut = Annotated[Path, typer.Option("--recipe", help="The recipe to write; a file that is there is left alone.")]
MachineOut = Annotated[Path, typer.Option("--machine", help="The machine file to write.")]


@explained
def init(
    task: Annotated[str | None, typer.Option(help="What the student is to learn, in a sentence.")] = None,
    data: Annotated[str | None, typer.Option(help="File of questions with answers: .jsonl, .csv, .parquet.")] = None,
    question: Annotated[str | None, typer.Option(help="Column of the question; default: what looks like it.")] = None,
    answer: Annotated[str | None, typer.Option(help="Column of the answer; default: what looks like it.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible endpoint.")] = None,
    model: Annotated[str | None, typer.Option(help="The teacher's model, as the endpoint calls it.")] = None,
    key_env: Annotated[str | None, typer.Option(help="NAME of the environment variable that holds the key.")] = None,
    student: Annotated[str | None, typer.Option(help="`embedded`, or the folder of a base model.")] = None,
    recipe: RecipeOut = Path("recipe.yaml"),
    machine: MachineOut = Path("machine.yaml"),
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not said keeps its default.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a recipe and a machine file for data, a teacher and a student of your own. Overwrites nothing."""
    from orchestrator.beginning import CannotBegin, Wishes, begin, check_endpoint, guessed, refuse_to_overwrite

    def asked(said: str | None, words: str, default: str = "") -> str:
        if said is not None or yes or as_json:
            return default if said is None else said
        return typer.prompt(words, default=default, show_default=bool(default)).strip()

    refuse_to_overwrite(recipe, machine)
    about = asked(task, "What is the student to learn", "Answers with their reasons, taught by a larger model.")
    file = asked(data, "File of questions with answers (nothing: questions that a program makes up)")
    likely = guessed(file) if file else ("", "")
    columns = ["", ""]
    if file:
        columns = [
            asked(question, "Column of the question", likely[0]),
            asked(answer, "Column of the answer", likely[1]),
        ]
        if "" in columns:
            raise CannotBegin(f"no column of {file} looks like {'--answer' if columns[0] else '--question'}; name it")
    url = asked(teacher, "Teacher, an OpenAI-compatible base URL (nothing: a program that rehearses)")
    named = asked(model, "Model of the teacher") if url else ""
    variable = asked(key_env, "Environment variable that holds the key (nothing: no key)") if url else ""
    check_endpoint(url, named, variable)
    base = asked(student, "Student: embedded, or the folder of a base model", "embedded")
    wishes = Wishes(about, file, columns[0], columns[1], url, named, variable, base)
    parts = begin(wishes, recipe, machine)
    following = f"orchestrator plan {shlex.quote(str(recipe))} --machine {shlex.quote(str(machine))}"
    if as_json:
        print(json.dumps({"recipe": str(recipe), "machine": str(machine), "questions": parts, "next": following}))
        return
    told = f", of {parts['train']:,} questions to learn from" if parts else ""
    out.print(f"wrote {recipe}{told}, and {machine}", markup=False, soft_wrap=True)
    if variable:
        out.print(f"next: export {variable}=…", markup=False)
    out.print(f"next: {following}", markup=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    app.command()(init)
