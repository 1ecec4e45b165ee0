"""Functions of texts and of times: name, parameters, doc, examples; see names_of_numbers."""

from __future__ import annotations

from typing import Final

Row = tuple[str, ...]

TEXTS: Final[tuple[Row, ...]] = (
    ("lower", "x:text", "In lower case, as Python's str.lower.", "xp.strings.lower(s)"),
    ("upper", "x:text", "In upper case, as Python's str.upper.", "xp.strings.upper(s)"),
    (
        "strip",
        "x:text, characters:str=None, side:str='both'",
        "Without blanks, or the characters given, at both ends, or at side='left' or 'right'.",
        "xp.strings.strip(s); xp.strings.strip(s, 'ab'); xp.strings.strip(s, side='left'); xp.strings.strip(s, '-', 'right')",
    ),
    ("length", "x:text", "Number of characters, as float64.", "xp.strings.length(s)"),
    (
        "contains",
        "x:text, text:str",
        "Whether the text occurs in x; False where missing.",
        "xp.strings.contains(s, 'a'); xp.strings.contains(s, '.')",
    ),
    (
        "startswith",
        "x:text, text:words",
        "Whether x begins with the text, or with one of several; False where missing.",
        "xp.strings.startswith(s, 'a'); xp.strings.startswith(s, ['b', ' '])",
    ),
    (
        "endswith",
        "x:text, text:words",
        "Whether x ends with the text, or with one of several; False where missing.",
        "xp.strings.endswith(s, 'b'); xp.strings.endswith(s, ['b', '9'])",
    ),
    (
        "matches",
        "x:text, pattern:str",
        "Whether all of x matches the regular expression (re.fullmatch); False where missing.",
        "xp.strings.matches(s, r'[a-z-]+'); xp.strings.matches(s, r'\\d*')",
    ),
    (
        "search",
        "x:text, pattern:str",
        "Whether the regular expression is found in x (re.search); False where missing.",
        "xp.strings.search(s, r'[0-9]-|b$')",
    ),
    (
        "count",
        "x:text, pattern:str",
        "How often the regular expression is found in x, as float64.",
        "xp.strings.count(s, 'a'); xp.strings.count(s, r'[ab]+')",
    ),
    (
        "find",
        "x:text, text:str",
        "The place of the text in x, -1 where it does not occur, as float64.",
        "xp.strings.find(s, 'b')",
    ),
    (
        "replace",
        "x:text, old:str, new:str",
        "With every `old` replaced by `new`.",
        "xp.strings.replace(s, 'a', 'xy'); xp.strings.replace(s, '.', '\\\\1')",
    ),
    (
        "replace_pattern",
        "x:text, pattern:str, new:str",
        "With every match of the regular expression replaced (re.sub).",
        "xp.strings.replace_pattern(s, r'[0-9]+', '#'); xp.strings.replace_pattern(s, r'(a)(b)', r'\\2\\1')",
    ),
    (
        "extract",
        "x:text, pattern:str, group:int=1",
        "A group of the first match of the regular expression; missing where there is none.",
        "xp.strings.extract(s, r'([0-9]+)'); xp.strings.extract(s, r'(\\w)-(\\w)', 2)",
    ),
    (
        "slice",
        "x:text, start:int=None, stop:int=None",
        "`x[start:stop]`, by characters.",
        "xp.strings.slice(s, 0, 2); xp.strings.slice(s, -2); xp.strings.slice(s, 1); xp.strings.slice(s, 0, -1)",
    ),
    (
        "get",
        "x:text, position:int",
        "One character; missing where x is too short.",
        "xp.strings.get(s, 0); xp.strings.get(s, -1)",
    ),
    (
        "split_get",
        "x:text, separator:str, position:int",
        "One part of x split at a separator; missing where there are fewer.",
        "xp.strings.split_get(s, '-', 0); xp.strings.split_get(s, '-', 1); xp.strings.split_get(s, '-', -1)",
    ),
    ("removeprefix", "x:text, text:str", "Without the text at its beginning.", "xp.strings.removeprefix(s, 'a')"),
    ("removesuffix", "x:text, text:str", "Without the text at its end.", "xp.strings.removesuffix(s, 'b')"),
    (
        "pad",
        "x:text, width:int, side:str='left', fill:str=' '",
        "Filled up to a width, at side='left', 'right' or 'both'.",
        "xp.strings.pad(s, 4); xp.strings.pad(s, 5, 'right', '.'); xp.strings.pad(s, 4, side='both')",
    ),
    ("zfill", "x:text, width:int", "Filled with zeros behind its sign, up to a width.", "xp.strings.zfill(s, 4)"),
    ("repeat", "x:text, times:int", "Several times in a row.", "xp.strings.repeat(s, 2)"),
    (
        "concat",
        "*parts:text, separator:str=''",
        "The parts joined; missing where one is. Of whole numbers take xp.astype(n, 'string') first.",
        "xp.strings.concat(s, u); xp.strings.concat(s, '/', u); xp.strings.concat(s, u, 'z', separator='-')",
    ),
    (
        "to_number",
        "x:text",
        "The number that a text says in decimal notation, as float64; missing where it says none.",
        "xp.strings.to_number(u)",
    ),
    ("isdigit", "x:text", "As str.isdigit; False where missing.", "xp.strings.isdigit(u)"),
    ("isalpha", "x:text", "As str.isalpha; False where missing.", "xp.strings.isalpha(u)"),
    ("isalnum", "x:text", "As str.isalnum; False where missing.", "xp.strings.isalnum(u)"),
    ("isspace", "x:text", "As str.isspace; False where missing.", "xp.strings.isspace(s)"),
    ("islower", "x:text", "As str.islower; False where missing.", "xp.strings.islower(s)"),
    ("isupper", "x:text", "As str.isupper; False where missing.", "xp.strings.isupper(s)"),
)

_PART = "as float64"
TIMES: Final[tuple[Row, ...]] = (
    ("year", "x:time", f"The year, {_PART}.", "xp.dates.year(t)"),
    ("month", "x:time", f"The month, 1 to 12, {_PART}.", "xp.dates.month(t)"),
    ("day", "x:time", f"The day of the month, {_PART}.", "xp.dates.day(t)"),
    ("hour", "x:time", f"The hour, 0 to 23, {_PART}.", "xp.dates.hour(t)"),
    ("minute", "x:time", f"The minute, {_PART}.", "xp.dates.minute(t)"),
    ("second", "x:time", f"The second, {_PART}.", "xp.dates.second(t)"),
    ("microsecond", "x:time", f"Microseconds of the second, {_PART}.", "xp.dates.microsecond(t)"),
    ("dayofweek", "x:time", f"The day of the week, Monday is 0, {_PART}.", "xp.dates.dayofweek(t)"),
    ("dayofyear", "x:time", f"The day of the year, from 1, {_PART}.", "xp.dates.dayofyear(t)"),
    ("week", "x:time", f"The week of ISO 8601, {_PART}.", "xp.dates.week(t)"),
    ("quarter", "x:time", f"The quarter, 1 to 4, {_PART}.", "xp.dates.quarter(t)"),
    ("days_in_month", "x:time", f"Days that the month has, {_PART}.", "xp.dates.days_in_month(t)"),
    ("is_weekend", "x:time", "Whether it is a Saturday or a Sunday; False where missing.", "xp.dates.is_weekend(t)"),
    ("is_leap_year", "x:time", "Whether the year has a February 29; False where missing.", "xp.dates.is_leap_year(t)"),
    ("is_month_start", "x:time", "Whether it is the first day of a month; False where missing.", "xp.dates.is_month_start(t)"),
    ("is_month_end", "x:time", "Whether it is the last day of a month; False where missing.", "xp.dates.is_month_end(t)"),
    (
        "floor",
        "x:instant, unit:str",
        "Rounded down to whole days, hours, minutes, seconds or milliseconds.",
        "xp.dates.floor(t, 'hour'); xp.dates.floor(d, 'day'); xp.dates.floor(t, 'day')",
    ),
    ("ceil", "x:instant, unit:str", "Rounded up to whole units, see floor.", "xp.dates.ceil(t, 'minute')"),
    (
        "round",
        "x:instant, unit:str",
        "Rounded to whole units, halves to the even one.",
        "xp.dates.round(t, 'second'); xp.dates.round(d, 'hour')",
    ),
    (
        "total_seconds",
        "x:span",
        "A timedelta in seconds, as float64.",
        "xp.dates.total_seconds(d); xp.dates.total_seconds(t - v)",
    ),
    (
        "timedelta",
        "x:number, unit:str",
        "A number of days, hours, minutes, seconds, milliseconds or microseconds, rounded half to even to"
        " microseconds; missing for NaN and where it does not fit.",
        "xp.dates.timedelta(x, 'seconds'); xp.dates.timedelta(n % 1000, 'days'); xp.dates.timedelta(n, 'microseconds')",
    ),
    ("parse", "x:text", "An ISO 8601 text as a timestamp in UTC; missing where it is none.", "xp.dates.parse(u)"),
)
