"""The styles of what a notebook shows, which travel with it.

A notebook is one page with many outputs, of this release of rtml and of others. So every rule is about one class, whose name is
made of the rules themselves: outputs with the same styles share them, and others are not touched. Colours are those of
JupyterLab's theme where there is one, else ours; light and dark by the theme where it says so, else by what the reader prefers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

#: name -> (light, dark); s1 to s8: of plugins, told apart by people who are colour-blind (Okabe-Ito), as in the gallery
_COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "page": ("var(--jp-layout-color0, #fff)", "var(--jp-layout-color0, #10151b)"),
    "raised": ("var(--jp-layout-color2, #eef1f5)", "var(--jp-layout-color2, #212b37)"),
    "line": ("var(--jp-border-color1, #c9d0d9)", "var(--jp-border-color1, #3c4a59)"),
    "text": ("var(--jp-content-font-color0, #16202c)", "var(--jp-content-font-color0, #e8edf3)"),
    "soft": ("#52606f", "#a9b5c2"),
    "good": ("#17703a", "#6fd594"),
    "warn": ("#875a00", "#f0c261"),
    "bad": ("#b3261e", "#ff9b92"),
    "warn-soft": ("#fdf1d6", "#3a2e12"),
    "bad-soft": ("#fbe6e4", "#43201d"),
    "s1": ("#0072b2", "#56b4e9"),
    "s2": ("#d55e00", "#ff9d5c"),
    "s3": ("#009e73", "#3ec79d"),
    "s4": ("#b0588f", "#e39ac4"),
    "s5": ("#8a6d00", "#e6cf4d"),
    "s6": ("#3f8fc0", "#8cc8f0"),
    "s7": ("#6b6b6b", "#b5b5b5"),
    "s8": ("#7a4fb5", "#b797ec"),
}
#: where a page says which theme it has: JupyterLab, Visual Studio Code, Colab, Sphinx themes
_DARK: Final = (
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    "body.vscode-high-contrast",
    "html[theme=dark]",
    "body[data-theme=dark]",
)
_LIGHT: Final = ('body[data-jp-theme-light="true"]', "body.vscode-light", "body[data-theme=light]")

#: of pictures; & is the class
_PICTURE: Final = """
& text{font-size:12px;fill:var(--soft)}
& .label{font-size:14px;font-weight:600;fill:var(--text)}
& .small{font-size:11px}
& .mark{text-anchor:end}& .mark.good{fill:var(--good)}& .mark.warn{fill:var(--warn)}& .mark.bad{fill:var(--bad)}
& .mark.warn,& .mark.bad{font-weight:600}
& .box{fill:var(--page);stroke:var(--line);stroke-width:1.5}
& .end .box{fill:var(--raised)}
& .warn .box{stroke:var(--warn);stroke-dasharray:6 4}
& .bad .box{fill:var(--bad-soft);stroke:var(--bad)}
& .edge{fill:none;stroke:var(--soft);stroke-width:1.5}& .tip{fill:var(--soft)}
& .edge.bad{stroke:var(--bad);stroke-width:2.5;stroke-dasharray:6 4}& .tip.bad{fill:var(--bad)}
"""
_SERIES: Final = "".join(f"& .s{number}{{fill:var(--s{number})}}" for number in range(1, 9))
_PAGE: Final = """
&{font:14px/1.45 var(--jp-content-font-family, system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif);
color:var(--text);background:var(--page);padding:2px 0}
& .plain{display:none}
& p,& ul,& h4,& figure{margin:0 0 8px;padding:0}
& h4{font-size:15px;font-weight:600;line-height:1.3}
& h5{font-size:13px;font-weight:600;margin:12px 0 4px;color:var(--soft)}
& code,& pre{font-family:var(--jp-code-font-family, ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace);font-size:12px;
background:none;color:inherit;padding:0}
& .soft{color:var(--soft)}& .good{color:var(--good)}& .warn{color:var(--warn)}& .bad{color:var(--bad)}
& .badge{display:inline-block;padding:0 8px;border-radius:10px;font-size:12px;line-height:20px;background:var(--raised);
white-space:nowrap;margin:0 4px 0 0}
& ul.notes{list-style:none}
& ul.notes li{margin:0 0 4px;padding:4px 10px;border-left:4px solid var(--warn);background:var(--warn-soft);
overflow-wrap:anywhere}
& ul.notes li.bad{border-color:var(--bad);background:var(--bad-soft);color:var(--text)}
& .scroll{overflow:auto;max-width:100%}
& .picture{border:1px solid var(--line);border-radius:6px;max-height:75rem;background:var(--page)}
& .scroll:focus-visible,& summary:focus-visible{outline:2px solid var(--s1);outline-offset:1px}
& svg.graph{display:block;margin:0 auto;max-width:none}
& figcaption{display:flex;flex-wrap:wrap;align-items:center;gap:2px 14px;margin-top:6px;font-size:13px;color:var(--soft)}
& ul.legend{display:inline-flex;flex-wrap:wrap;gap:2px 14px;list-style:none;margin:0}
& ul.legend li{display:inline-flex;align-items:center;gap:5px;margin:0}
& table{border-collapse:collapse;border:0;margin:0 0 8px;font-size:13px;table-layout:auto;color:inherit}
& tbody tr,& thead tr,& tbody tr:hover{background:none}
& th,& td{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border:0;border-bottom:1px solid var(--line);
white-space:normal;min-width:4rem;max-width:34rem;overflow-wrap:normal;font-weight:400}
& .long{overflow-wrap:anywhere;min-width:10rem}
& thead th{color:var(--soft);font-weight:600;white-space:nowrap}
& tbody th{font-weight:600}
& td.n,& th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
& td.default,& td.default *{color:var(--soft)}
& td table{margin:2px 0;font-size:12px}& td table tr:last-child>*{border-bottom:0}
& summary{cursor:pointer;display:list-item}& summary.short{white-space:nowrap}
& details{margin:0 0 6px}& td details{margin:0}
& details>:not(summary){margin-left:14px}
& details pre{white-space:pre-wrap;overflow-wrap:anywhere;max-height:20rem;overflow:auto;margin:4px 0}
& details pre.code{white-space:pre;overflow-wrap:normal}
@media print{& .picture{max-height:none}}
"""


def _rules() -> str:
    light, dark = ("".join(f"--{name}:{pair[side]};" for name, pair in _COLOURS.items()) for side in (0, 1))
    return "".join(
        (
            f"&{{{light}}}@media (prefers-color-scheme:dark){{&{{{dark}}}}}",
            f"{','.join(f'{page} &' for page in _LIGHT)}{{{light}}}",
            f"{','.join(f'{page} &' for page in _DARK)}{{{dark}}}",
            _PICTURE.replace("\n", ""),
            _SERIES,
        )
    )


#: the name of the class, which changes with the styles
SCOPE: Final = "rtml-" + hashlib.sha256((_rules() + _PAGE).encode()).hexdigest()[:8]
# twice: a rule has to win over those of JupyterLab for all tables
_CLASS: Final = f".{SCOPE}.{SCOPE}"
#: of a picture alone, and of everything
PICTURE_STYLES: Final = Markup(_rules().replace("&", _CLASS))
STYLES: Final = Markup((_rules() + _PAGE.replace("\n", "")).replace("&", _CLASS))

_WRAPPED: Final = Markup('<div class="{}"><style>{}</style>{}</div>')


def wrapped(body: Markup) -> Markup:
    """What a notebook shows: a body with its styles."""
    return _WRAPPED.format(SCOPE, STYLES, body)
