"""URLs made to be read as one host by people, or by one program, and as another by the next."""

from __future__ import annotations

GOOD = "hooks.acme.example"

USERINFO = (
    f"https://{GOOD}@evil.example/", f"https://{GOOD}:443@evil.example/", f"https://{GOOD}:@evil.example",
    f"https://{GOOD}%40evil.example/", f"https://{GOOD}%2540evil.example/", f"https://@{GOOD}/", f"https://:@{GOOD}/",
    f"https://:pw@{GOOD}/", f"https://evil.example@{GOOD}/", f"https://evil.example:443@{GOOD}:443/",
    f"https://a@b@{GOOD}/", f"https://{GOOD}@evil.example@{GOOD}/", f"https://{GOOD}/@@evil.example\t",
    f"https://{GOOD}%20@evil.example/", f"https://{GOOD}&@evil.example/", f"https://{GOOD};@evil.example/",
    f"https://{GOOD}=@evil.example/", f"https://{GOOD}+@evil.example/", f"https://{GOOD}$@evil.example/",
    f"https://{GOOD},@evil.example/", f"https://{GOOD}!@evil.example/", f"https://{GOOD}*@evil.example/",
    f"https://{GOOD}'@evil.example/", f"https://{GOOD}(@evil.example/", f"https://{GOOD}~@evil.example/",
    f"https://{GOOD}_@evil.example/", f"https://{GOOD}[@evil.example/", f"https://{GOOD}]@evil.example/",
    f"https://{GOOD}^@evil.example/", f"https://{GOOD}|@evil.example/", f"https://{GOOD}`@evil.example/",
    f"https://{GOOD}{{@evil.example/", f"https://{GOOD}<@evil.example/", f'https://{GOOD}"@evil.example/',
    f"https://{GOOD}#@evil.example/", f"https://{GOOD}:8443#@evil.example:8443/", f"https://u:p@h@{GOOD}:8443/x",
)  # fmt: skip
SLASHES = (
    f"https:\\\\{GOOD}/", f"https:/\\{GOOD}/", f"https:\\/{GOOD}/", f"https:{GOOD}/", f"https:/{GOOD}/",
    f"https:///{GOOD}/", f"https:////{GOOD}/", f"https://///////{GOOD}/", f"https://\\{GOOD}/", f"//{GOOD}/",
    f"///{GOOD}/", f"\\\\{GOOD}\\", f"/\\{GOOD}/", f"{GOOD}", f"{GOOD}:443", f"{GOOD}/popup", "/popup", "?x=1", "#x",
    f"https://{GOOD}\\@evil.example/", f"https://evil.example\\@{GOOD}/", f"https://{GOOD}\\.evil.example/",
    f"https://{GOOD}\\evil.example/", f"https://evil.example\\.{GOOD}/", f"https://evil.example\\{GOOD}/",
    f"https://{GOOD}/\\evil.example", f"https://{GOOD}/..\\evil.example", f"https://evil.example/{GOOD}",
    f"https://evil.example/https://{GOOD}/", f"https://evil.example?{GOOD}", f"https://evil.example#{GOOD}",
    f"https://evil.example?@{GOOD}/", f"https://evil.example#@{GOOD}/", f"https://evil.example/@{GOOD}/",
    f"https://evil.example;{GOOD}/", f"https://evil.example&{GOOD}/", f"https://evil.example,{GOOD}/",
    f"https://{GOOD};evil.example/", f"https://{GOOD}&evil.example/", f"https://{GOOD},evil.example/",
    f"https://{GOOD}|evil.example/", f"https://{GOOD} evil.example/", f"https://{GOOD}%20evil.example/",
    f"https://{GOOD}%09evil.example/", f"https://{GOOD}%0aevil.example/", f"https://{GOOD}%00evil.example/",
    f"https://{GOOD}%2fevil.example/", f"https://{GOOD}%5cevil.example/", f"https://{GOOD}%23evil.example/",
    f"https://{GOOD}%3fevil.example/", f"https://{GOOD}%2f@evil.example/", f"https://{GOOD}%5c@evil.example/",
    f"https://{GOOD}%23@evil.example/", f"https://{GOOD}%3f@evil.example/", f"https://{GOOD}%3a443@evil.example/",
)  # fmt: skip
CONTROLS = (
    f" https://{GOOD}/", f"https://{GOOD}/ ", f"\thttps://{GOOD}/", f"\nhttps://{GOOD}/", f"https://{GOOD}/\n",
    f"https://{GOOD}/\r\nHost: evil.example", f"ht\ttps://{GOOD}/", f"ht\ntps://{GOOD}/", f"https:\t//{GOOD}/",
    f"https:/\n/{GOOD}/", "https://hooks.acme\t.example/", "https://hooks.acme\n.example/", f"https://{GOOD}\t/",
    f"https://{GOOD}\r@evil.example/", f"https://{GOOD}\n@evil.example/", f"https://{GOOD}\t@evil.example/",
    f"https://{GOOD}\x00.evil.example/", f"https://{GOOD}\x00@evil.example/", f"https://\x00{GOOD}/",
    f"https://evil.example\x00{GOOD}/", f"https://{GOOD}\x0b.evil.example/", f"https://{GOOD}\x0c.evil.example/",
    f"https://{GOOD}\x1f.evil.example/", f"https://{GOOD}\x7f.evil.example/", f"https://{GOOD}\x85.evil.example/",
    f"https://{GOOD}\xa0.evil.example/", f"https://{GOOD}\xad/", "https://hooks\xad.acme.example/",
    f"https://{GOOD}\u2028.evil.example/", f"https://{GOOD}\u2029/", f"\ufeffhttps://{GOOD}/",
    f"https://\u200b{GOOD}/", "https://hooks.ac\u200dme.example/", "https://hooks.ac\u2060me.example/",
    f"https://{GOOD}/\u202egpj.exe", "https://\u202eelpmaxe.live/", f"\x01https://{GOOD}/", f"\x08https://{GOOD}/",
    f"https://{GOOD}:\t8443/", f"https://{GOOD}:84\n43/", f"https://{GOOD}:8443 /", f"https:// {GOOD}/",
)  # fmt: skip
LOOKALIKES = (
    "https://hooks\u3002acme\u3002example/", "https://hooks\uff0eacme.example/", "https://hooks.acme\uff61example/",
    "https://hooks\u2024acme.example/", "https://\uff48ooks.acme.example/", "https://hook\u017f.acme.example/",
    "https://hoo\u212as.acme.example/", "https://hooks.acme.e\u00d7ample/", "https://hooks.\u0430cme.example/",
    "https://h\u043e\u043eks.acme.example/", "https://hooks.acm\u0435.example/", "https://hooks.acme.\u0435xample/",
    "https://\u24d7ooks.acme.example/", "https://hooks.acme.ex\u00e4mple/", "https://hooks.acme.xn--example/",
    "https://xn--hooks-.acme.example/", "https://xn--hoks-5ve.acme.example/", "https://XN--hooks.acme.example/",
    "https://hooks.xn--acme-.example/", f"https://{GOOD}\uff0fevil.example/", f"https://{GOOD}\uff0f@evil.example/",
    f"https://evil.example\uff0f.{GOOD}/", f"https://evil.example\uff1f.{GOOD}/", f"https://evil.example\uff03.{GOOD}/",
    f"https://evil.example\u2044.{GOOD}/", f"https://evil.example\u2215.{GOOD}/", f"https://evil.example\u29f8.{GOOD}/",
    f"https://evil.example\u2105.{GOOD}/", f"https://evil.example\u2100.{GOOD}/", f"https://{GOOD}\uff20evil.example/",
    f"https://{GOOD}\ufe6bevil.example/", f"https://{GOOD}\uff1a443@evil.example/", f"https\uff1a//{GOOD}/",
    f"https:\uff0f\uff0f{GOOD}/", "https://hooks.acme.exam\ufb02e/", "https://hooks.acme.example\u0300/",
    "https://\U0001d4f1ooks.acme.example/", "https://hooks.acme.\u2147xample/", "https://ho\u043eks.acme.example:8443/",
    "https://fa\u00df.example/", "https://\u03c2.example/", "https://hooks.acme.exampl\u1eb9/",
)  # fmt: skip
HOSTS = (
    "https://hooks.acme.example./", "https://hooks.acme.example../", "https://.hooks.acme.example/",
    "https://hooks..acme.example/", "https://hooks.acme.example.evil.example/", "https://evilhooks.acme.example/",
    "https://sub.hooks.acme.example/", "https://acme.example/", "https://example/", "https://hooks-acme.example/",
    "https://hooks.acme.example-evil.example/", "https://hooks.acme.exampleevil/", "https://hooks.acme.exampl/",
    "https://hooks.acme.example.com/", "https://hooks%2eacme.example/", "https://hooks%2Eacme%2Eexample/",
    "https://%68ooks.acme.example/", "https://hooks.acme.exampl%65/", "https://hooks.acme.example%2e/",
    "https://hooks.acme.example%00/", "https://hooks.acme.example%/", "https://%/", "https://%00/", "https://./",
    "https://../", "https://-hooks.acme.example/", "https://hooks_.acme.example/", "https://*.acme.example/",
    "https://hooks.acme.example:0/", "https://hooks.acme.example:80/", "https://hooks.acme.example:/",
    "https://hooks.acme.example::/", "https://hooks.acme.example:443:80/", "https://hooks.acme.example:0443/",
    "https://hooks.acme.example:00443/", "https://hooks.acme.example:65979/", "https://hooks.acme.example:-1/",
    "https://hooks.acme.example:+443/", "https://hooks.acme.example:4 43/", "https://hooks.acme.example:4_4_3/",
    "https://hooks.acme.example:443a/", "https://hooks.acme.example:a443/", "https://hooks.acme.example:0x1bb/",
    "https://hooks.acme.example:\uff14\uff14\uff13/", "https://hooks.acme.example:\u0664\u0664\u0663/",
    "https://hooks.acme.example:\u00b2/", "https://hooks.acme.example:443@evil.example:443/",
    "https://hooks.acme.example:443.evil.example/", "https://hooks.acme.example:8443:/", "https://:443/",
    "https://[hooks.acme.example]/", "https://[hooks.acme.example/", "https://hooks.acme.example]/",
    "https://[]/", "https://[/", "https://]/", "https://[v1.hooks]/", "https://hooks.acme.example[/",
)  # fmt: skip
ADDRESSES = (
    "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/", "https://0.0.0.0/", "https://2130706433/",
    "https://0x7f000001/", "https://0x7f.1/", "https://0X7F.0.0.1/", "https://0177.0.0.1/", "https://017700000001/",
    "https://0x/", "https://0x.0x/", "https://127.0.0.1./", "https://127.0.0.0x1/", "https://1.2.3.4.5/",
    "https://256.256.256.256/", "https://4294967296/", "https://999999999999/", "https://169.254.169.254/",
    "https://2852039166/", "https://0251.0376.0251.0376/", "https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/",
    "https://[::1]:443/", "https://[::1]evil.example/", "https://[::1].evil.example/", "https://[::127.0.0.1]/",
    "https://\u2460\u2461\u2466.0.0.1/", "https://\uff11\uff12\uff17.0.0.1/", "https://127\u30020\u30020\u30021/",
    "https://evil.1/", "https://evil.0x1/", "https://hooks.acme.123/", "https://hooks.acme.0xe/", "https://%31/",
)  # fmt: skip
SCHEMES = (
    f"http://{GOOD}/", f"HTTP://{GOOD}/", f"HTTPS://{GOOD}/", f"httpS://{GOOD}/", f"ftp://{GOOD}/", f"ws://{GOOD}/",
    f"wsss://{GOOD}/", f"httpss://{GOOD}/", f"https+unix://{GOOD}/", f"file://{GOOD}/etc/passwd", "file:///etc/passwd",
    "javascript:alert(1)", f"javascript://{GOOD}/%0aalert(1)", f"data:text/html,https://{GOOD}/", "mailto:a@b.example",
    f"blob:https://{GOOD}/x", f"view-source:https://{GOOD}/", f"https:https://{GOOD}/", f"https://https://{GOOD}/",
    f"https://http:{GOOD}/", f"url:https://{GOOD}/", f"//https://{GOOD}/", f"://{GOOD}/", f"+https://{GOOD}/",
    f"1https://{GOOD}/", f"ht%74ps://{GOOD}/", f"https%3a//{GOOD}/", f"https&#58;//{GOOD}/", f"gopher://{GOOD}/",
    f"sip:{GOOD}", f"sips://{GOOD}/", f"jar:https://{GOOD}!/x", f"https\u017f://{GOOD}/", "https", "https:", "https:/",
    "https://", "https:///", "https://?", "https://#", "", " ", "\x00", "about:blank",
)  # fmt: skip
REST = (
    f"https://{GOOD}/#", f"https://{GOOD}/#x", f"https://{GOOD}?#", f"https://{GOOD}/a b", f"https://{GOOD}/<script>",
    f'https://{GOOD}/"', f"https://{GOOD}/%", f"https://{GOOD}/%4", f"https://{GOOD}/%zz", f"https://{GOOD}/%u0041",
    f"https://{GOOD}/{{app}}", f"https://{GOOD}/[x]", f"https://{GOOD}/a|b", f"https://{GOOD}/a^b", f"https://{GOOD}/`",
    f"https://{GOOD}?x=\u00e9", f"https://{GOOD}/\ud800", f"https://{GOOD}/\U0001f600", f"https://{GOOD}/\x1b[31m",
    f"https://{GOOD}/" + "a" * 2048, "https://" + "a" * 64 + ".example/", "https://" + "a." * 127 + "example/",
)  # fmt: skip

REFUSED = (*USERINFO, *SLASHES, *CONTROLS, *LOOKALIKES, *HOSTS, *ADDRESSES, *SCHEMES, *REST)
"""None of them may come in force where only `GOOD` and `GOOD:8443` are allowed."""

HARMLESS = (
    f"https://{GOOD}", f"https://{GOOD}/@evil.example", f"https://{GOOD}?@evil.example", f"https://{GOOD}/?@evil.example/",
    f"https://{GOOD}//evil.example/", f"https://{GOOD}/https://evil.example/", f"https://{GOOD}/;@evil.example",
    f"https://{GOOD}/%40evil.example", f"https://{GOOD}/%5c@evil.example", f"https://{GOOD}/%2f%2fevil.example",
    f"https://{GOOD}/:443@evil.example", f"https://{GOOD}?u=https://evil.example/?@", f"https://{GOOD}/..//evil.example",
    f"https://{GOOD}/%2e%2e/evil.example", f"https://{GOOD}/.evil.example", f"https://{GOOD}:443/@evil.example",
    f"https://{GOOD}:8443/@evil.example", f"https://{GOOD}:8443?evil.example", f"https://{GOOD.upper()}/evil.example",
    f"https://{GOOD}/%00", f"https://{GOOD}/%0d%0aHost:%20evil.example", f"https://{GOOD}/~!$&'()*+,;=:@", f"https://{GOOD}??",
)  # fmt: skip
"""They look no better, and lead to the right host."""
