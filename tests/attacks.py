"""A hundred strings that try to become markup, script, style or a request."""

from __future__ import annotations

_MARKUP = (
    "<script>hit()</script>",
    "<img src=x onerror=hit()>",
    "<svg onload=hit()>",
    "<svg><script>hit()</script></svg>",
    "<iframe srcdoc='<script>parent.hit()</script>'></iframe>",
    "<body onload=hit()>",
    "<details open ontoggle=hit()>",
    "<input autofocus onfocus=hit()>",
    "<video><source onerror=hit()></video>",
    "<math href='javascript:hit()'>x</math>",
    "<a href='javascript:hit()'>x</a>",
    "<style>@import 'http://attacker.invalid/x.css';</style>",
    "<link rel=stylesheet href=http://attacker.invalid/x.css>",
    "<base href=http://attacker.invalid/>",
    "<meta http-equiv=refresh content='0;url=http://attacker.invalid/'>",
    "<object data=http://attacker.invalid/x></object>",
    "<embed src=http://attacker.invalid/x>",
    "<form action=http://attacker.invalid/><button>x</button></form>",
    "<img src=http://attacker.invalid/x.png>",
    "{{ 7 * 7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
)
# What could end the place a value stands in: text, attribute, style, script, comment, JSON.
_ESCAPES = ("{}", '">{}', "'>{}", "</title></style></script>{}", '--></textarea>\\",{}\u2028')

ATTACKS = tuple(escape.replace("{}", markup) for escape in _ESCAPES for markup in _MARKUP)
