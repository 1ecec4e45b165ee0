/* Operators with one of everything that rtml_custom_op.h has, for test_header.py. */
#include "rtml_custom_op.h"

#define TEN "\xC3\xA4\xE2\x82\xAC\xC3\xA4\xF0\x9F\x98\x80" "abc"
static const char SENTENCE[] = TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN;

/* (float64, float32, int64, bool, timestamp, string) -> the same, each changed; some texts make it misbehave */
static void change(rtml_row *row) {
    rtml_text text = rtml_string(row, 5);
    char turned[64];
    size_t i, length = text.length < sizeof turned ? text.length : sizeof turned;
    rtml_give_float64(row, 0, rtml_float64(row, 0) * row->arguments[1].real);
    rtml_give_float32(row, 1, rtml_float32(row, 1) + 1);
    rtml_give_int64(row, 2, rtml_int64(row, 2) * row->arguments[0].integer);
    rtml_give_bool(row, 3, rtml_bool(row, 3) == (int)row->arguments[2].integer);
    rtml_give_time(row, 4, rtml_time(row, 4) + 1);
    for (i = 0; i < length; i++) turned[i] = text.bytes[length - 1 - i];
    if (length == 4 && memcmp(text.bytes, "gone", 4) == 0) rtml_give_missing(row, 5);
    else if (length == 4 && memcmp(text.bytes, "fail", 4) == 0) rtml_fail(row, "told to fail");
    else if (length == 4 && memcmp(text.bytes, "long", 4) == 0) rtml_fail(row, SENTENCE);
    else if (length == 4 && memcmp(text.bytes, "odd ", 4) == 0) rtml_fail(row, &SENTENCE[2]);
    else if (length == 4 && memcmp(text.bytes, "half", 4) == 0) rtml_fail(row, "w\xC3rd");
    else if (length == 4 && memcmp(text.bytes, "zero", 4) == 0) rtml_give_string(row, 5, "a\0b", 3);
    else if (length == 4 && memcmp(text.bytes, "read", 4) == 0) rtml_float64(row, 5);
    else if (length == 4 && memcmp(text.bytes, "give", 4) == 0) rtml_give_int64(row, 0, 1);
    else if (length == 4 && memcmp(text.bytes, "both", 4) == 0) rtml_give_missing(row, 2);
    else if (length == 4 && memcmp(text.bytes, "none", 4) == 0) rtml_float64(row, 16);
    else if (length != 4 || memcmp(text.bytes, "skip", 4) != 0) rtml_give_string(row, 5, turned, length);
}

/* string -> what it sees of it and of its arguments */
static void seen(rtml_row *row) {
    const double *numbers = (const double *)row->prepared;
    rtml_give_int64(row, 0, rtml_missing(row, 0) ? -1 : (int64_t)rtml_string(row, 0).length);
    rtml_give_float64(row, 1, numbers == NULL ? -1.0 : numbers[0] + numbers[1]);
    if (row->arguments[1].given) rtml_give_string(row, 2, row->arguments[1].text, row->arguments[1].length);
    else rtml_give_missing(row, 2);
}

/* string -> the bytes that it names in hexadecimal digits */
static void bytes(rtml_row *row) {
    rtml_text text = rtml_string(row, 0);
    char made[32], digits[3] = {0, 0, 0};
    size_t i, length = text.length / 2 < sizeof made ? text.length / 2 : sizeof made;
    for (i = 0; i < length; i++) {
        memcpy(digits, text.bytes + 2 * i, 2);
        made[i] = (char)strtol(digits, NULL, 16);
    }
    rtml_give_string(row, 0, made, length);
}

static const char *first_two(const rtml_value *arguments, void **prepared) {
    double *made;
    if (!arguments[0].given) return NULL;
    if (rtml_numbers(arguments[0].text, NULL, 0) < 2) return "it needs a list of two numbers or more";
    made = (double *)malloc(2 * sizeof *made);
    if (made == NULL) return "there is no memory";
    rtml_numbers(arguments[0].text, made, 2);
    *prepared = made;
    return NULL;
}

static const rtml_operator OPERATORS[] = {
    {RTML_OPERATOR("every", "change", 1), .row = change,
     .inputs = {RTML_FLOAT64, RTML_FLOAT32, RTML_INT64, RTML_BOOL, RTML_TIMESTAMP, RTML_STRING},
     .outputs = {RTML_FLOAT64, RTML_FLOAT32, RTML_INT64, RTML_BOOL, RTML_TIMESTAMP, RTML_STRING},
     .arguments = {{"times", RTML_INT}, {"rate", RTML_FLOAT}, {"same", RTML_TRUTH}}},
    {RTML_OPERATOR("every", "seen", 2), .row = seen, .inputs = {RTML_STRING}, .outputs = {RTML_INT64, RTML_FLOAT64, RTML_STRING},
     .sees_missing = 1, .arguments = {{"numbers", RTML_LIST | RTML_OR_NULL}, {"word", RTML_TEXT | RTML_OR_NULL}},
     .prepare = first_two, .release = free},
    {RTML_OPERATOR("every", "bytes", 1), .row = bytes, .inputs = {RTML_STRING}, .outputs = {RTML_STRING}},
#ifdef NOTHING
    {RTML_OPERATOR("every", "nothing", 1), .inputs = {RTML_BOOL}, .outputs = {RTML_BOOL}, .row = NULL},
#endif
#ifdef LONG
    {RTML_OPERATOR("every", "long", 1), .row = bytes, .outputs = {RTML_STRING}, .inputs = {
        RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL,
        RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL, RTML_BOOL}},
#endif
};
RTML_EXPORT(OPERATORS)
