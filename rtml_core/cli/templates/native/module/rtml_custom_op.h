/* plugins_contrib/rtml-geo/rtml_geo/rtml_custom_op.h: row-wise custom operators for ONNX Runtime, in C, without its headers.
 *
 * Write what one row's answer is, name the operator, and export it; this is a whole library:
 *
 *     #include "rtml_custom_op.h"
 *
 *     static void tax(rtml_row *row) {
 *         rtml_give_float64(row, 0, rtml_float64(row, 0) * row->arguments[0].real);
 *     }
 *
 *     static const rtml_operator OPERATORS[] = {
 *         {RTML_OPERATOR("shop", "tax", 1), .row = tax, .inputs = {RTML_FLOAT64}, .outputs = {RTML_FLOAT64},
 *          .arguments = {{"rate", RTML_FLOAT}}},
 *     };
 *     RTML_EXPORT(OPERATORS)
 *
 * The operator is the node type `tax` of the ONNX domain `shop.tax.v1`, as rtml names a CustomOp of kind "native". Inputs are
 * tensors of one shape, each output has that shape, and the function is called once for each element. A row in which an input is
 * missing (NaN, the text U+FDD0, a time of INT64_MIN) is answered as missing without a call, unless .sees_missing = 1; a whole
 * number or a boolean, which has no missing value, is then 0. What goes wrong (shapes that differ, an attribute that is not
 * there, an input read as what it isn't, an answer that is not given, rtml_fail) fails the run with a sentence that names the
 * operator. There is no state but what .prepare made for a node, so that runs on many threads do not meet.
 *
 * C99; include it before other headers. ONNX Runtime 1.16 (API 16) and later. An operator has at most 16 inputs, outputs and arguments. */
#ifndef RTML_CUSTOM_OP_H
#define RTML_CUSTOM_OP_H

#if !defined(_GNU_SOURCE) && !defined(_WIN32) && !defined(__APPLE__)
#define _GNU_SOURCE /* for newlocale; so include this header first */
#endif
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#ifdef __FAST_MATH__
#error "a missing number is NaN, which -ffast-math takes away"
#endif

#ifdef _WIN32
#define RTML_CALL __stdcall
#define RTML_PUBLIC __declspec(dllexport)
#else
#define RTML_CALL
#define RTML_PUBLIC __attribute__((visibility("default")))
#endif
#ifdef __GNUC__
#define RTML_UNUSED __attribute__((unused))
#else
#define RTML_UNUSED
#endif

#define RTML_MOST 16

/* types of ONNX Runtime that we only hand on */
struct OrtApi;
struct OrtStatus;
struct OrtValue;
struct OrtKernelInfo;
struct OrtKernelContext;
struct OrtSessionOptions;
struct OrtCustomOpDomain;
struct OrtTensorTypeAndShapeInfo;

/* ---- what an author writes ------------------------------------------------------------------------------------------------ */

/* dtypes of columns; a timestamp or a timedelta is a number of microseconds */
typedef enum {
    RTML_NONE = 0, RTML_FLOAT64, RTML_FLOAT32, RTML_INT64, RTML_BOOL, RTML_STRING, RTML_TIMESTAMP, RTML_TIMEDELTA
} rtml_dtype;

/* types of arguments, which are attributes of the node: INT and BOOL are read into .integer, FLOAT into .real (rtml writes a
 * float as a text, as ONNX has 32 bits for it), TEXT, LIST and OBJECT (as JSON) into .text; with RTML_OR_NULL it may be absent */
typedef enum { RTML_INT = 1, RTML_TRUTH, RTML_FLOAT, RTML_TEXT, RTML_LIST, RTML_OBJECT, RTML_OR_NULL = 16 } rtml_argument_type;

typedef struct {
    const char *name;
    int type;
} rtml_argument;

typedef struct {
    int given;       /* 0: null */
    int64_t integer; /* of an int; 0 or 1 of a bool */
    double real;     /* of a float, and of an int */
    char *text;      /* UTF-8, ending in a NUL */
    size_t length;   /* of the text, in bytes */
} rtml_value;

typedef struct rtml_row rtml_row;
typedef struct rtml_operator rtml_operator;

/* bytes of UTF-8, without a NUL at the end */
typedef struct {
    const char *bytes;
    size_t length;
} rtml_text;

/* What ONNX Runtime calls: its struct OrtCustomOp as of API 16, in which the order of the fields is all that counts. */
typedef struct rtml_table {
    uint32_t version;
    void *(RTML_CALL *create_1)(const struct rtml_table *, const struct OrtApi *, const struct OrtKernelInfo *);
    const char *(RTML_CALL *name)(const struct rtml_table *);
    const char *(RTML_CALL *provider)(const struct rtml_table *);
    int(RTML_CALL *input_type)(const struct rtml_table *, size_t);
    size_t(RTML_CALL *input_count)(const struct rtml_table *);
    int(RTML_CALL *output_type)(const struct rtml_table *, size_t);
    size_t(RTML_CALL *output_count)(const struct rtml_table *);
    void(RTML_CALL *compute_1)(void *, struct OrtKernelContext *);
    void(RTML_CALL *destroy)(void *);
    int(RTML_CALL *input_kind)(const struct rtml_table *, size_t);
    int(RTML_CALL *output_kind)(const struct rtml_table *, size_t);
    int(RTML_CALL *input_memory)(const struct rtml_table *, size_t);
    int(RTML_CALL *variadic[4])(const struct rtml_table *);
    struct OrtStatus *(RTML_CALL *create)(const struct rtml_table *, const struct OrtApi *, const struct OrtKernelInfo *, void **);
    struct OrtStatus *(RTML_CALL *compute)(void *, struct OrtKernelContext *);
    void (*later[7])(void); /* what later versions read; they look at .version first */
} rtml_table;

struct rtml_operator {
    rtml_table table; /* filled in by RTML_OPERATOR, as are the next three */
    const char *domain;
    const char *name;
    int version;
    void (*row)(rtml_row *row);          /* the answer for one row */
    rtml_dtype inputs[RTML_MOST + 1];
    rtml_dtype outputs[RTML_MOST + 1];
    rtml_argument arguments[RTML_MOST + 1];
    int sees_missing;                    /* 1: rows with missing inputs reach the function, which asks rtml_missing */
    /* Optional: what a node needs that is made of its arguments, once. NULL, or what is wrong with them. It may run on
     * several threads at once for several nodes; release frees what it made. */
    const char *(*prepare)(const rtml_value *arguments, void **prepared);
    void (*release)(void *prepared);
};

struct rtml_row {
    const rtml_value *arguments;   /* in the order of their declaration */
    const void *prepared;          /* what .prepare made */
    /* the rest is for the functions below */
    const rtml_operator *op;
    const struct OrtApi *api;
    size_t index;
    unsigned given;
    const char *error;
    struct OrtStatus *status;
    const void *inputs[RTML_MOST]; /* numbers; of texts, all bytes one after the other */
    size_t *starts[RTML_MOST];     /* of texts: where each begins, and the end */
    void *outputs[RTML_MOST];      /* numbers; of texts, the tensor */
};

/* ---- ONNX Runtime's C API: a table of functions, of which we call those at these places -------------------------------------- */

enum {
    RTML_CREATE_STATUS = 0, RTML_CREATE_DOMAIN = 26, RTML_DOMAIN_ADD = 27, RTML_ADD_DOMAIN = 28, RTML_TENSOR_DATA = 51,
    RTML_STRING_LENGTH = 53, RTML_STRING_CONTENT = 54, RTML_RANK = 61, RTML_DIMENSIONS = 62, RTML_SHAPE = 65,
    RTML_ATTRIBUTE_FLOAT = 85, RTML_ATTRIBUTE_INT = 86, RTML_ATTRIBUTE_STRING = 87, RTML_GET_INPUT = 90, RTML_GET_OUTPUT = 91,
    RTML_RELEASE_STATUS = 93, RTML_RELEASE_SHAPE = 99, RTML_RELEASE_DOMAIN = 101, RTML_STRING_BUFFER = 252
};

#define RTML_API_VERSION 16
#define RTML_ORT_VOID(api, place, types) ((void(RTML_CALL *) types)(((void (*const *)(void))(const void *)(api))[place]))
#define RTML_ORT(api, place, types) ((struct OrtStatus * (RTML_CALL *) types)(((void (*const *)(void))(const void *)(api))[place]))

struct rtml_api_base {
    const struct OrtApi *(RTML_CALL *get)(uint32_t);
    const char *(RTML_CALL *version)(void);
};

typedef struct {
    const struct OrtApi *api;
    const rtml_operator *op;
    rtml_value arguments[RTML_MOST];
    void *prepared;
} rtml_kernel;

static const char RTML_MISSING_TEXT[] = "\xEF\xB7\x90"; /* U+FDD0 */

static struct OrtStatus *rtml_status(const struct OrtApi *api, const char *message) {
    return RTML_ORT(api, RTML_CREATE_STATUS, (int, const char *))(1, message); /* 1: it failed */
}

static int rtml_is_text(const char *bytes, size_t length);

/* How many bytes of a text, so many at most, are whole characters. */
static int rtml_cut(const char *text, int most) {
    int length = 0;
    while (length < most && text[length] != 0) length++;
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--;
    return length;
}

/* ONNX Runtime hands the sentence on as UTF-8: where it is none, its caller would see nothing but that. */
static struct OrtStatus *rtml_error(const struct OrtApi *api, const rtml_operator *op, const char *before, const char *name,
                                    const char *after) {
    char text[640], *at;
    snprintf(text, sizeof text, "the native operator %.100s:%.100s %d: %.*s%.*s%.40s", op->domain, op->name, op->version,
             rtml_cut(before, 200), before, rtml_cut(name, 60), name, after);
    for (at = rtml_is_text(text, strlen(text)) ? text + strlen(text) : text; *at != 0; at++)
        if ((unsigned char)*at >= 0x80) *at = '?';
    return rtml_status(api, text);
}

static void rtml_forget(const struct OrtApi *api, struct OrtStatus *status) {
    if (status != NULL) RTML_ORT_VOID(api, RTML_RELEASE_STATUS, (struct OrtStatus *))(status);
}

/* ---- reading and answering a row -------------------------------------------------------------------------------------------- */

/* The run fails with this sentence, which must live on (a literal does). The first one of a row counts. */
static RTML_UNUSED void rtml_fail(rtml_row *row, const char *why) {
    if (row->error == NULL) row->error = why;
}

static RTML_UNUSED int rtml_is(rtml_row *row, const rtml_dtype *types, size_t which, rtml_dtype dtype, rtml_dtype or_dtype,
                               const char *why) {
    if (which < RTML_MOST && (types[which] == dtype || types[which] == or_dtype)) return 1;
    rtml_fail(row, why);
    return 0;
}

#define RTML_READS(name, type, dtype)                                                                                 \
    static RTML_UNUSED type rtml_##name(rtml_row *row, size_t which) {                                                \
        if (!rtml_is(row, row->op->inputs, which, dtype, dtype, "its code reads " #name " where it declares something else")) \
            return 0;                                                                                                 \
        return ((const type *)row->inputs[which])[row->index];                                                        \
    }
#define RTML_GIVES(name, type, dtype)                                                                                    \
    static RTML_UNUSED void rtml_give_##name(rtml_row *row, size_t which, type value) {                                  \
        if (!rtml_is(row, row->op->outputs, which, dtype, dtype, "its code gives " #name " where it declares something else"))   \
            return;                                                                                                      \
        ((type *)row->outputs[which])[row->index] = value;                                                               \
        row->given |= 1u << which;                                                                                       \
    }

RTML_READS(float64, double, RTML_FLOAT64)
RTML_READS(float32, float, RTML_FLOAT32)
RTML_READS(int64, int64_t, RTML_INT64)
RTML_GIVES(float64, double, RTML_FLOAT64)
RTML_GIVES(float32, float, RTML_FLOAT32)
RTML_GIVES(int64, int64_t, RTML_INT64)

static RTML_UNUSED int rtml_bool(rtml_row *row, size_t which) {
    if (!rtml_is(row, row->op->inputs, which, RTML_BOOL, RTML_BOOL, "its code reads a bool where it declares something else")) return 0;
    return ((const unsigned char *)row->inputs[which])[row->index] != 0;
}

static RTML_UNUSED void rtml_give_bool(rtml_row *row, size_t which, int value) {
    if (!rtml_is(row, row->op->outputs, which, RTML_BOOL, RTML_BOOL, "its code gives a bool where it declares something else")) return;
    ((unsigned char *)row->outputs[which])[row->index] = value != 0;
    row->given |= 1u << which;
}

/* A timestamp or a timedelta, in microseconds. */
static RTML_UNUSED int64_t rtml_time(rtml_row *row, size_t which) {
    if (!rtml_is(row, row->op->inputs, which, RTML_TIMESTAMP, RTML_TIMEDELTA, "its code reads a time where it declares something else"))
        return 0;
    return ((const int64_t *)row->inputs[which])[row->index];
}

static RTML_UNUSED void rtml_give_time(rtml_row *row, size_t which, int64_t value) {
    if (!rtml_is(row, row->op->outputs, which, RTML_TIMESTAMP, RTML_TIMEDELTA, "its code gives a time where it declares something else"))
        return;
    ((int64_t *)row->outputs[which])[row->index] = value;
    row->given |= 1u << which;
}

static RTML_UNUSED rtml_text rtml_string(rtml_row *row, size_t which) {
    rtml_text text = {"", 0};
    if (!rtml_is(row, row->op->inputs, which, RTML_STRING, RTML_STRING, "its code reads a string where it declares something else"))
        return text;
    text.bytes = (const char *)row->inputs[which] + row->starts[which][row->index];
    text.length = row->starts[which][row->index + 1] - row->starts[which][row->index];
    return text;
}

/* Whether bytes are UTF-8 (RFC 3629: no longer form than needed, no surrogates, nothing above U+10FFFF), without U+0000. */
static RTML_UNUSED int rtml_is_text(const char *bytes, size_t length) {
    const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
    while (at < end) {
        unsigned char first = *at++, low = 0x80, high = 0xBF;
        int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
        if (first != 0 && first < 0x80) continue;
        if (first < 0xC2 || first > 0xF4) return 0;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
        for (; more > 0; more--, low = 0x80, high = 0xBF)
            if (at == end || *at < low || *at++ > high) return 0;
    }
    return 1;
}

/* A text of so many bytes of UTF-8, which are copied. */
static RTML_UNUSED void rtml_give_string(rtml_row *row, size_t which, const char *bytes, size_t length) {
    char *buffer = NULL;
    if (!rtml_is(row, row->op->outputs, which, RTML_STRING, RTML_STRING, "its code gives a string where it declares something else"))
        return;
    if (!rtml_is_text(bytes, length)) {
        rtml_fail(row, "its answer is no text: it is not UTF-8, or holds a U+0000, which would cut it");
        return;
    }
    row->given |= 1u << which;
    if (row->status != NULL) return;
    row->status = RTML_ORT(row->api, RTML_STRING_BUFFER, (struct OrtValue *, size_t, size_t, char **))(
        (struct OrtValue *)row->outputs[which], row->index, length, &buffer);
    if (row->status == NULL && length != 0) memcpy(buffer, bytes, length);
}

/* Whether an input is missing here. Only an operator that sees_missing needs to ask. */
static RTML_UNUSED int rtml_missing(rtml_row *row, size_t which) {
    switch (which < RTML_MOST ? row->op->inputs[which] : RTML_NONE) {
    case RTML_FLOAT64: {
        double value = ((const double *)row->inputs[which])[row->index];
        return value != value;
    }
    case RTML_FLOAT32: {
        float value = ((const float *)row->inputs[which])[row->index];
        return value != value;
    }
    case RTML_TIMESTAMP:
    case RTML_TIMEDELTA: return ((const int64_t *)row->inputs[which])[row->index] == INT64_MIN;
    case RTML_STRING: {
        const size_t *start = row->starts[which] + row->index;
        return start[1] - start[0] == 3 && memcmp((const char *)row->inputs[which] + start[0], RTML_MISSING_TEXT, 3) == 0;
    }
    default: return 0;
    }
}

/* A missing answer; a whole number or a boolean has none, and the run fails. */
static RTML_UNUSED void rtml_give_missing(rtml_row *row, size_t which) {
    switch (which < RTML_MOST ? row->op->outputs[which] : RTML_NONE) {
    case RTML_FLOAT64: rtml_give_float64(row, which, (double)NAN); break;
    case RTML_FLOAT32: rtml_give_float32(row, which, NAN); break;
    case RTML_TIMESTAMP:
    case RTML_TIMEDELTA: rtml_give_time(row, which, INT64_MIN); break;
    case RTML_STRING: rtml_give_string(row, which, RTML_MISSING_TEXT, 3); break;
    default: rtml_fail(row, "its code gives a missing value where none can be"); break;
    }
}

/* ---- numbers in texts --------------------------------------------------------------------------------------------------------- */

/* The number that a text begins with, whatever the locale of the process is; *end is behind it, or the text if there is none. */
static RTML_UNUSED double rtml_number(const char *text, char **end) {
#ifdef _WIN32
    _locale_t plain = _create_locale(LC_ALL, "C");
    double value = _strtod_l(text, end, plain);
    _free_locale(plain);
#else
    double value;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
    value = strtod(text, end);
    uselocale(before);
    freelocale(plain);
#endif
    return value;
}

/* The numbers of a JSON list of numbers, or of lists of lists of them, in their order: how many there are, of which as many as
 * there is room for are put into `into`; -1 for anything else. Call it with no room to learn how much is needed. */
static RTML_UNUSED long rtml_numbers(const char *json, double *into, size_t room) {
    size_t count = 0;
    while (*json != 0) {
        char *end = NULL;
        double value;
        if (strchr("[], \n\t\r", *json) != NULL) {
            json++;
            continue;
        }
        if (strchr("-0123456789", *json) == NULL) return -1;
        value = rtml_number(json, &end);
        if (end == json) return -1;
        if (count < room) into[count] = value;
        count++;
        json = end;
    }
    return count > LONG_MAX ? -1 : (long)count;
}

/* ---- one call -------------------------------------------------------------------------------------------------------------------- */

#define RTML_MOST_DIMENSIONS 8

typedef struct {
    size_t rank;
    int64_t sizes[RTML_MOST_DIMENSIONS];
} rtml_shape;

static struct OrtStatus *rtml_shape_of(const struct OrtApi *api, const rtml_operator *op, const struct OrtValue *value,
                                       rtml_shape *shape) {
    struct OrtTensorTypeAndShapeInfo *info = NULL;
    struct OrtStatus *status =
        RTML_ORT(api, RTML_SHAPE, (const struct OrtValue *, struct OrtTensorTypeAndShapeInfo **))(value, &info);
    if (status != NULL) return status;
    status = RTML_ORT(api, RTML_RANK, (const struct OrtTensorTypeAndShapeInfo *, size_t *))(info, &shape->rank);
    if (status == NULL && shape->rank > RTML_MOST_DIMENSIONS)
        status = rtml_error(api, op, "its input has more than 8 dimensions", "", "");
    if (status == NULL)
        status = RTML_ORT(api, RTML_DIMENSIONS, (const struct OrtTensorTypeAndShapeInfo *, int64_t *, size_t))(
            info, shape->sizes, shape->rank);
    RTML_ORT_VOID(api, RTML_RELEASE_SHAPE, (struct OrtTensorTypeAndShapeInfo *))(info);
    return status;
}

static struct OrtStatus *rtml_read_strings(rtml_row *row, size_t which, const struct OrtValue *value, size_t count) {
    size_t bytes = 0;
    struct OrtStatus *status;
    if (count == 0) return NULL;
    status = RTML_ORT(row->api, RTML_STRING_LENGTH, (const struct OrtValue *, size_t *))(value, &bytes);
    if (status != NULL) return status;
    row->starts[which] = (size_t *)malloc((count + 1) * sizeof(size_t) + bytes + 1);
    if (row->starts[which] == NULL) return rtml_error(row->api, row->op, "there is no memory for its texts", "", "");
    row->inputs[which] = row->starts[which] + count + 1;
    row->starts[which][count] = bytes;
    return RTML_ORT(row->api, RTML_STRING_CONTENT, (const struct OrtValue *, void *, size_t, size_t *, size_t))(
        value, row->starts[which] + count + 1, bytes, row->starts[which], count);
}

static struct OrtStatus *rtml_bind(rtml_row *row, struct OrtKernelContext *context, size_t *count) {
    rtml_shape shape = {0, {0}}, other = {0, {0}};
    struct OrtStatus *status = NULL;
    size_t i;
    *count = 1;
    for (i = 0; row->op->inputs[i] != RTML_NONE && status == NULL; i++) {
        const struct OrtValue *value = NULL;
        status = RTML_ORT(row->api, RTML_GET_INPUT, (const struct OrtKernelContext *, size_t, const struct OrtValue **))(
            context, i, &value);
        if (status == NULL && value == NULL) status = rtml_error(row->api, row->op, "an input is not there", "", "");
        if (status == NULL) status = rtml_shape_of(row->api, row->op, value, i == 0 ? &shape : &other);
        if (status != NULL) break;
        if (i == 0) {
            size_t k;
            for (k = 0; k < shape.rank; k++) *count *= (size_t)shape.sizes[k];
        } else if (other.rank != shape.rank || memcmp(other.sizes, shape.sizes, shape.rank * sizeof(int64_t)) != 0) {
            return rtml_error(row->api, row->op, "its inputs differ in shape", "", "");
        }
        if (row->op->inputs[i] == RTML_STRING) {
            status = rtml_read_strings(row, i, value, *count);
        } else {
            void *data = NULL;
            status = RTML_ORT(row->api, RTML_TENSOR_DATA, (struct OrtValue *, void **))((struct OrtValue *)value, &data);
            row->inputs[i] = data;
        }
    }
    for (i = 0; row->op->outputs[i] != RTML_NONE && status == NULL; i++) {
        struct OrtValue *value = NULL;
        status = RTML_ORT(row->api, RTML_GET_OUTPUT,
                          (struct OrtKernelContext *, size_t, const int64_t *, size_t, struct OrtValue **))(
            context, i, shape.sizes, shape.rank, &value);
        if (status == NULL && value == NULL) status = rtml_error(row->api, row->op, "an output is not there", "", "");
        row->outputs[i] = value;
        if (status == NULL && row->op->outputs[i] != RTML_STRING)
            status = RTML_ORT(row->api, RTML_TENSOR_DATA, (struct OrtValue *, void **))(value, &row->outputs[i]);
    }
    return status;
}

/* Missing answers where an input is missing and the function does not want to see it: 1 if it is not to be called. */
static int rtml_skips(rtml_row *row) {
    const rtml_operator *op = row->op;
    size_t i, k;
    for (i = 0; !op->sees_missing && op->inputs[i] != RTML_NONE; i++) {
        if (!rtml_missing(row, i)) continue;
        for (k = 0; op->outputs[k] != RTML_NONE; k++) {
            if (op->outputs[k] == RTML_INT64) rtml_give_int64(row, k, 0);
            else if (op->outputs[k] == RTML_BOOL) rtml_give_bool(row, k, 0);
            else rtml_give_missing(row, k);
        }
        return 1;
    }
    return 0;
}

static struct OrtStatus *RTML_CALL rtml_compute(void *state, struct OrtKernelContext *context) {
    const rtml_kernel *kernel = (const rtml_kernel *)state;
    const rtml_operator *op = kernel->op;
    size_t count = 0, outputs = 0, i;
    rtml_row row;
    memset(&row, 0, sizeof row);
    row.arguments = kernel->arguments;
    row.prepared = kernel->prepared;
    row.op = op;
    row.api = kernel->api;
    while (op->outputs[outputs] != RTML_NONE) outputs++;
    row.status = rtml_bind(&row, context, &count);
    for (row.index = 0; row.status == NULL && row.error == NULL && row.index < count; row.index++) {
        row.given = 0;
        if (!rtml_skips(&row)) op->row(&row);
        if (row.error == NULL && row.given != (1u << outputs) - 1u) row.error = "its code gave no answer for a row";
    }
    for (i = 0; i < RTML_MOST; i++) free(row.starts[i]);
    if (row.error != NULL) {
        rtml_forget(row.api, row.status);
        return rtml_error(row.api, op, row.error, "", "");
    }
    return row.status;
}

/* ---- one node ------------------------------------------------------------------------------------------------------------------- */

static void RTML_CALL rtml_destroy(void *state) {
    rtml_kernel *kernel = (rtml_kernel *)state;
    size_t i;
    if (kernel == NULL) return;
    if (kernel->prepared != NULL && kernel->op->release != NULL) kernel->op->release(kernel->prepared);
    for (i = 0; i < RTML_MOST; i++) free(kernel->arguments[i].text);
    free(kernel);
}

/* 1 and the value if the node has the attribute as a text, which it keeps; as a whole number; as a float */
static int rtml_text_attribute(const struct OrtApi *api, const struct OrtKernelInfo *info, const char *name, rtml_value *into) {
    size_t size = 0;
    struct OrtStatus *status =
        RTML_ORT(api, RTML_ATTRIBUTE_STRING, (const struct OrtKernelInfo *, const char *, char *, size_t *))(info, name, NULL, &size);
    if (status == NULL && (into->text = (char *)calloc(size + 1, 1)) != NULL) {
        status = RTML_ORT(api, RTML_ATTRIBUTE_STRING, (const struct OrtKernelInfo *, const char *, char *, size_t *))(
            info, name, into->text, &size);
        into->length = strlen(into->text);
    }
    rtml_forget(api, status);
    return status == NULL && into->text != NULL;
}

static int rtml_int_attribute(const struct OrtApi *api, const struct OrtKernelInfo *info, const char *name, rtml_value *into) {
    struct OrtStatus *status =
        RTML_ORT(api, RTML_ATTRIBUTE_INT, (const struct OrtKernelInfo *, const char *, int64_t *))(info, name, &into->integer);
    rtml_forget(api, status);
    into->real = (double)into->integer;
    return status == NULL;
}

static int rtml_float_attribute(const struct OrtApi *api, const struct OrtKernelInfo *info, const char *name) {
    float value = 0;
    struct OrtStatus *status =
        RTML_ORT(api, RTML_ATTRIBUTE_FLOAT, (const struct OrtKernelInfo *, const char *, float *))(info, name, &value);
    rtml_forget(api, status);
    return status == NULL;
}

/* NULL, or what is wrong with the argument */
static const char *rtml_read_argument(const struct OrtApi *api, const struct OrtKernelInfo *info, const rtml_argument *argument,
                                      rtml_value *into) {
    int type = argument->type & ~RTML_OR_NULL, is_number = type == RTML_INT || type == RTML_TRUTH;
    char *end = NULL;
    into->given = is_number ? rtml_int_attribute(api, info, argument->name, into)
                            : rtml_text_attribute(api, info, argument->name, into);
    if (!into->given) {
        rtml_value other = {0, 0, 0, NULL, 0};
        int wrong = rtml_float_attribute(api, info, argument->name) ||
                    (is_number ? rtml_text_attribute(api, info, argument->name, &other)
                               : rtml_int_attribute(api, info, argument->name, &other));
        free(other.text);
        if (wrong) return is_number ? "' must be an int" : "' must be a text";
        return argument->type & RTML_OR_NULL ? NULL : "' is missing";
    }
    if (type == RTML_TRUTH && (into->integer < 0 || into->integer > 1)) return "' must be 0 or 1";
    if (type != RTML_FLOAT) return NULL;
    into->real = rtml_number(into->text, &end);
    return end == into->text || *end != 0 ? "' must be the text of a number" : NULL;
}

static struct OrtStatus *RTML_CALL rtml_create(const rtml_table *table, const struct OrtApi *api, const struct OrtKernelInfo *info,
                                               void **state) {
    const rtml_operator *op = (const rtml_operator *)(const void *)table;
    rtml_kernel *kernel = (rtml_kernel *)calloc(1, sizeof *kernel);
    const char *wrong = NULL;
    size_t i;
    *state = NULL;
    if (kernel == NULL) return rtml_error(api, op, "there is no memory for it", "", "");
    kernel->api = api;
    kernel->op = op;
    for (i = 0; op->arguments[i].name != NULL; i++) {
        wrong = rtml_read_argument(api, info, &op->arguments[i], &kernel->arguments[i]);
        if (wrong != NULL) {
            rtml_destroy(kernel);
            return rtml_error(api, op, "its argument '", op->arguments[i].name, wrong);
        }
    }
    if (op->prepare != NULL) wrong = op->prepare(kernel->arguments, &kernel->prepared);
    if (wrong != NULL) {
        rtml_destroy(kernel);
        return rtml_error(api, op, wrong, "", "");
    }
    *state = kernel;
    return NULL;
}

/* ---- what ONNX Runtime asks about an operator ------------------------------------------------------------------------------------- */

/* numbers of its enumeration of types of elements */
static int rtml_element(rtml_dtype dtype) {
    switch (dtype) {
    case RTML_FLOAT32: return 1;
    case RTML_STRING: return 8;
    case RTML_BOOL: return 9;
    case RTML_FLOAT64: return 11;
    case RTML_NONE: return 0;
    default: return 7; /* int64 */
    }
}

static const rtml_operator *rtml_op(const rtml_table *table) { return (const rtml_operator *)(const void *)table; }
static const char *RTML_CALL rtml_name(const rtml_table *table) { return rtml_op(table)->name; }
static const char *RTML_CALL rtml_provider(const rtml_table *table) { return (void)table, (const char *)NULL; }
static int RTML_CALL rtml_input_type(const rtml_table *table, size_t i) { return rtml_element(rtml_op(table)->inputs[i]); }
static int RTML_CALL rtml_output_type(const rtml_table *table, size_t i) { return rtml_element(rtml_op(table)->outputs[i]); }
static int RTML_CALL rtml_plain(const rtml_table *table, size_t i) { return (void)table, (void)i, 0; }
static int RTML_CALL rtml_not_variadic(const rtml_table *table) { return (void)table, 0; }

static size_t RTML_CALL rtml_input_count(const rtml_table *table) {
    size_t count = 0;
    while (rtml_op(table)->inputs[count] != RTML_NONE) count++;
    return count;
}

static size_t RTML_CALL rtml_output_count(const rtml_table *table) {
    size_t count = 0;
    while (rtml_op(table)->outputs[count] != RTML_NONE) count++;
    return count;
}

#define RTML_OPERATOR(domain_, name_, version_)                                                                      \
    .table = {RTML_API_VERSION, NULL, rtml_name, rtml_provider, rtml_input_type, rtml_input_count, rtml_output_type, \
              rtml_output_count, NULL, rtml_destroy, rtml_plain, rtml_plain, rtml_plain,                             \
              {rtml_not_variadic, rtml_not_variadic, rtml_not_variadic, rtml_not_variadic}, rtml_create,             \
              rtml_compute, {NULL}},                                                                                 \
    .domain = domain_, .name = name_, .version = version_

/* ONNX Runtime leaves a domain to who made it and does not say when the last session that reads it is gone, so the hundred bytes
 * of each stay with every call: one for each operator and opened session. */
static struct OrtStatus *rtml_register(struct OrtSessionOptions *options, const struct rtml_api_base *base,
                                       const rtml_operator *operators, size_t count) {
    const struct OrtApi *api = base->get(RTML_API_VERSION);
    size_t i;
    if (api == NULL) {
        api = base->get(1); /* what makes a status has always been there */
        return api == NULL ? NULL : rtml_status(api, "native operators of rtml need ONNX Runtime 1.16 or later");
    }
    for (i = 0; i < count; i++) {
        const rtml_operator *op = &operators[i];
        struct OrtCustomOpDomain *made = NULL;
        struct OrtStatus *status;
        char domain[256];
        int size = snprintf(domain, sizeof domain, "%s.%s.v%d", op->domain, op->name, op->version);
        if (size < 0 || (size_t)size >= sizeof domain) return rtml_error(api, op, "its domain is too long", "", "");
        if (op->row == NULL || op->inputs[0] == RTML_NONE || op->outputs[0] == RTML_NONE)
            return rtml_error(api, op, "it needs a function, an input and an output", "", "");
        if (op->inputs[RTML_MOST] != RTML_NONE || op->outputs[RTML_MOST] != RTML_NONE || op->arguments[RTML_MOST].name != NULL)
            return rtml_error(api, op, "it has more than 16 inputs, outputs or arguments", "", "");
        status = RTML_ORT(api, RTML_CREATE_DOMAIN, (const char *, struct OrtCustomOpDomain **))(domain, &made);
        if (status == NULL)
            status = RTML_ORT(api, RTML_DOMAIN_ADD, (struct OrtCustomOpDomain *, const rtml_table *))(made, &op->table);
        if (status == NULL)
            status = RTML_ORT(api, RTML_ADD_DOMAIN, (struct OrtSessionOptions *, struct OrtCustomOpDomain *))(options, made);
        if (status != NULL) {
            if (made != NULL) RTML_ORT_VOID(api, RTML_RELEASE_DOMAIN, (struct OrtCustomOpDomain *))(made);
            return status;
        }
    }
    return NULL;
}

/* The one function that the library exports; `operators` is an array. */
#define RTML_EXPORT(operators)                                                                                          \
    RTML_PUBLIC struct OrtStatus *RTML_CALL RegisterCustomOps(struct OrtSessionOptions *options,                        \
                                                              const struct rtml_api_base *base);                        \
    RTML_PUBLIC struct OrtStatus *RTML_CALL RegisterCustomOps(struct OrtSessionOptions *options,                        \
                                                              const struct rtml_api_base *base) {                       \
        return rtml_register(options, base, operators, sizeof(operators) / sizeof(*(operators)));                       \
    }

#endif
