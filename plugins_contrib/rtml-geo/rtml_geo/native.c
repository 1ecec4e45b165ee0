/* The operators of rtml_geo in C. Each says what one row's answer is, with the very arithmetic of formulas.py. */
#include "rtml_custom_op.h"

#define EARTH_RADIUS_KM 6371.0088 /* IUGG mean radius R1 */
#define RADIAN (3.141592653589793 / 180.0)

/* Latitudes from -90 to 90; longitudes from -180 to 360, as both ways to count them are in use. NaN is no place. */
static int is_place(double lat, double lon) {
    return lat >= -90.0 && lat <= 90.0 && lon >= -180.0 && lon <= 360.0;
}

/* (lat1, lon1, lat2, lon2) in degrees -> kilometres; missing where one is no place */
static void haversine(rtml_row *row) {
    double lat1 = rtml_float64(row, 0), lon1 = rtml_float64(row, 1), lat2 = rtml_float64(row, 2), lon2 = rtml_float64(row, 3);
    double across, apart, beyond, east;
    if (!is_place(lat1, lon1) || !is_place(lat2, lon2)) {
        rtml_give_missing(row, 0);
        return;
    }
    across = cos(lat1 * RADIAN) * cos(lat2 * RADIAN);
    apart = sin((lat2 - lat1) * (RADIAN / 2.0));
    beyond = sin((lat2 + lat1) * (RADIAN / 2.0));
    east = (lon2 - lon1) * (RADIAN / 2.0);
    apart = apart * apart + across * (sin(east) * sin(east));
    beyond = beyond * beyond + across * (cos(east) * cos(east));
    rtml_give_float64(row, 0, 2.0 * EARTH_RADIUS_KM * atan(sqrt(apart / beyond)));
}

/* The number of the cell that holds the value, of 2^bits that divide a range; the last one has its upper end too. The border
 * nearest to the value is its lower or its upper one; borders are exact in doubles. */
static int64_t cell(double value, double low, double range, int bits) {
    double cells = (double)((int64_t)1 << bits), step = range / cells;
    double border = floor((value - low) / step + 0.5);
    double number = value < border * step + low ? border - 1.0 : border;
    return (int64_t)(number < cells ? number : cells - 1.0);
}

/* (lat, lon) in degrees, precision -> geohash of so many characters; missing where it is no place */
static void geohash(rtml_row *row) {
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    double lat = rtml_float64(row, 0), lon = rtml_float64(row, 1);
    int precision = (int)row->arguments[0].integer, bits = 5 * precision, i;
    int64_t turns[2]; /* bits are taken from both in turn, east first */
    char text[12];
    if (!is_place(lat, lon)) {
        rtml_give_missing(row, 0);
        return;
    }
    turns[0] = cell(lon > 180.0 ? lon - 360.0 : lon, -180.0, 360.0, bits - bits / 2);
    turns[1] = cell(lat, -90.0, 180.0, bits / 2);
    for (i = 0; i < precision; i++) {
        int digit = 0, at;
        for (at = 5 * i; at < 5 * i + 5; at++) {
            int left = (at % 2 == 0 ? bits - bits / 2 : bits / 2) - 1 - at / 2;
            digit = 2 * digit + (int)(turns[at % 2] >> left & 1);
        }
        text[i] = letters[digit];
    }
    rtml_give_string(row, 0, text, (size_t)precision);
}

static const char *geohash_prepare(const rtml_value *arguments, void **prepared) {
    (void)prepared;
    return arguments[0].integer < 1 || arguments[0].integer > 12 ? "its precision must be from 1 to 12" : NULL;
}

typedef struct {
    double low, high, start, slope; /* latitudes, longitude at the lower end, change of it by degree */
} edge;

typedef struct {
    size_t count;
    double west;
    edge edges[];
} polygon;

/* The edges of [[lat, lon], ...], closed, without those that go along a parallel: no ray to the east crosses them. */
static const char *polygon_prepare(const rtml_value *arguments, void **prepared) {
    long count = rtml_numbers(arguments[0].text, NULL, 0);
    size_t points = count < 0 ? 0 : (size_t)count / 2, i;
    double *numbers;
    polygon *made;
    if (count < 6 || count % 2 != 0) return "its polygon must be a list of three points [lat, lon] or more";
    numbers = (double *)malloc((size_t)count * sizeof *numbers);
    made = (polygon *)malloc(sizeof *made + points * sizeof *made->edges);
    if (numbers == NULL || made == NULL) {
        free(numbers);
        free(made);
        return "there is no memory for its polygon";
    }
    rtml_numbers(arguments[0].text, numbers, (size_t)count);
    made->count = 0;
    made->west = numbers[1];
    for (i = 0; i < points; i++) {
        const double *from = numbers + 2 * i, *to = numbers + 2 * ((i + 1) % points), *lower = from[0] < to[0] ? from : to;
        edge *next = &made->edges[made->count];
        if (from[1] < made->west) made->west = from[1];
        if (from[0] == to[0]) continue;
        next->low = lower[0];
        next->start = lower[1];
        next->high = lower == from ? to[0] : from[0];
        next->slope = ((lower == from ? to[1] : from[1]) - lower[1]) / (next->high - next->low);
        made->count++;
    }
    free(numbers);
    *prepared = made;
    return NULL;
}

/* (lat, lon) in degrees, polygon -> whether the point is in it; a missing one, or no place, is not */
static void in_polygon(rtml_row *row) {
    const polygon *zone = (const polygon *)row->prepared;
    double lat = rtml_float64(row, 0), lon = rtml_float64(row, 1);
    int inside = 0;
    size_t i;
    if (is_place(lat, lon)) {
        if (lon < zone->west) lon += 360.0;
        else if (lon >= zone->west + 360.0) lon -= 360.0;
        for (i = 0; i < zone->count; i++) {
            const edge *side = &zone->edges[i];
            if (side->low <= lat && lat < side->high && lon < side->start + (lat - side->low) * side->slope) inside = !inside;
        }
    }
    rtml_give_bool(row, 0, inside);
}

static const rtml_operator OPERATORS[] = {
    {RTML_OPERATOR("geo.native", "haversine", 1), .row = haversine,
     .inputs = {RTML_FLOAT64, RTML_FLOAT64, RTML_FLOAT64, RTML_FLOAT64}, .outputs = {RTML_FLOAT64}},
    {RTML_OPERATOR("geo.native", "geohash", 1), .row = geohash, .inputs = {RTML_FLOAT64, RTML_FLOAT64},
     .outputs = {RTML_STRING}, .arguments = {{"precision", RTML_INT}}, .prepare = geohash_prepare},
    {RTML_OPERATOR("geo.native", "in_polygon", 1), .row = in_polygon, .inputs = {RTML_FLOAT64, RTML_FLOAT64},
     .outputs = {RTML_BOOL}, .arguments = {{"polygon", RTML_LIST}}, .sees_missing = 1, .prepare = polygon_prepare,
     .release = free},
};
RTML_EXPORT(OPERATORS)

#ifdef _WIN32 /* whose linker is told that an extension of Python is being built, and wants what one has */
RTML_PUBLIC void *PyInit__native(void) { return NULL; }
#endif
