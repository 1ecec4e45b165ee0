/* What the tests of native operators run: each dtype, each type of argument, a failure. */
#include "rtml_custom_op.h"

/* x * factor, plus offset when there is one, times sign */
static void scaled(rtml_row *row) {
    double value = rtml_float64(row, 0) * row->arguments[0].real;
    if (row->arguments[1].given) value += (double)row->arguments[1].integer;
    rtml_give_float64(row, 0, row->arguments[2].integer ? -value : value);
}

/* the text behind a mark, and how many bytes both have */
static void marked(rtml_row *row) {
    char text[1024];
    rtml_text given = rtml_string(row, 0);
    size_t length = row->arguments[0].length;
    if (length + given.length > sizeof text) {
        rtml_fail(row, "its text is too long");
        return;
    }
    if (length) memcpy(text, row->arguments[0].text, length);
    if (given.length) memcpy(text + length, given.bytes, given.length);
    rtml_give_string(row, 0, text, length + given.length);
    rtml_give_int64(row, 1, (int64_t)(length + given.length));
}

/* a day later, and whether that is after 1970 */
static void later(rtml_row *row) {
    int64_t time = rtml_time(row, 0) + INT64_C(86400000000);
    rtml_give_time(row, 0, time);
    rtml_give_bool(row, 1, time > 0);
}

/* whether the value is missing */
static void absent(rtml_row *row) { rtml_give_bool(row, 0, rtml_missing(row, 0)); }

/* the root of x, and no answer below 0 but a failure */
static void rooted(rtml_row *row) {
    double value = rtml_float64(row, 0);
    if (value < 0) rtml_fail(row, "no root of a negative number");
    else rtml_give_float64(row, 0, sqrt(value));
}

static const rtml_operator OPERATORS[] = {
    {RTML_OPERATOR("tally", "scaled", 1), .row = scaled, .inputs = {RTML_FLOAT64}, .outputs = {RTML_FLOAT64},
     .arguments = {{"factor", RTML_FLOAT}, {"offset", RTML_INT | RTML_OR_NULL}, {"negate", RTML_TRUTH}, {"domain", RTML_LIST}}},
    {RTML_OPERATOR("tally", "marked", 1), .row = marked, .inputs = {RTML_STRING}, .outputs = {RTML_STRING, RTML_INT64},
     .arguments = {{"mark", RTML_TEXT}}},
    {RTML_OPERATOR("tally", "later", 2), .row = later, .inputs = {RTML_TIMESTAMP}, .outputs = {RTML_TIMESTAMP, RTML_BOOL}},
    {RTML_OPERATOR("tally", "absent", 1), .row = absent, .inputs = {RTML_STRING}, .outputs = {RTML_BOOL}, .sees_missing = 1},
    {RTML_OPERATOR("tally", "rooted", 1), .row = rooted, .inputs = {RTML_FLOAT64}, .outputs = {RTML_FLOAT64}},
};
RTML_EXPORT(OPERATORS)
