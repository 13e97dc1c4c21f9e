"""Connection names that attack a terminal or a shell: commands, escape sequences, controls."""

import re

CANARY = "canary"
"""The file that a name creates in the working folder if a shell runs it."""
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

EVIL = (
    "evil\x1b]0;TITLE\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1b[35mPINK\x1b[7m\x1b[2J\x1b[5A"
    "\x1b[?1049h\x1b[?25l\x9b5A\x9d0;T\x9c\x85\u2028\u202eRTL\u2066\u200b\ufeff\r\n\tEOL\x08\x07\x1bc"
    "\x1b]52;c;Y2FuYXJ5\x07\x1b[6n\x7f"
)
"""Escape sequences: colours, cursor, title, links, clipboard, queries, text direction."""
EVIL_WORD = "evil\x1b]0;T\x07\x1b[35m\x1b[2J\x9b5A\u202eRTL"
"""The same without blanks."""

STRAY = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that must not be in an output line."""
