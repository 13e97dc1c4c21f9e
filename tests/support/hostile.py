"""Names that somebody may give a connection to harm whoever sees or completes them."""

CANARY = "canary"
"""The file that a name makes in the working folder, if anything ever runs it."""
_RUN = f"touch {CANARY}"

HOSTILE = (
    rf"evil\$({_RUN})",
    rf"evil\\$({_RUN})",
    f"evil$({_RUN})",
    f"evil`{_RUN}`",
    rf"evil\`{_RUN}\`",
    f'evil";{_RUN};"',
    f"evil';{_RUN};'",
    f"evil))';{_RUN};: '((",
    f"evil\n{_RUN}\n",
    f"evil; {_RUN}",
    f"evil | {_RUN}",
    f"evil & {_RUN} &",
    f"evil <({_RUN})",
    f"evil=({_RUN})",
    f"${{(e):-evil\\$({_RUN})}}",
    "evil*",
    "e?il",
    "{evil,other}",
    "~root",
    "!!",
    "-evil",
    "--help",
    "\tevil",
    "evil:colon",
    "[bold]evil[/nothing]",
    "evil  blanks",
    "\x1b]0;evil title\x07",
    "\x9b31mevil",
    "\u202elive",
    "evil\u2028line",
    "evil" * 700,
)
