/* The formulas of kinds.py in C, with the very same steps. */
#include "rtml_custom_op.h"

#define RADIAN (3.141592653589793 / 180.0)

static void scaled(rtml_row *row) {
    rtml_give_float64(row, 0, rtml_float64(row, 0) * rtml_float64(row, 1) + rtml_float64(row, 2));
}

static void distance(rtml_row *row) {
    double lat = rtml_float64(row, 0), lon = rtml_float64(row, 1), to_lat = rtml_float64(row, 2), to_lon = rtml_float64(row, 3);
    double north = sin((to_lat - lat) * (RADIAN / 2.0)), east = sin((to_lon - lon) * (RADIAN / 2.0));
    double part = north * north + cos(lat * RADIAN) * cos(to_lat * RADIAN) * (east * east);
    rtml_give_float64(row, 0, 12742.0176 * asin(sqrt(part < 1.0 ? part : 1.0)));
}

static const rtml_operator OPERATORS[] = {
    {RTML_OPERATOR("bench.native", "scaled", 1), .row = scaled,
     .inputs = {RTML_FLOAT64, RTML_FLOAT64, RTML_FLOAT64}, .outputs = {RTML_FLOAT64}},
    {RTML_OPERATOR("bench.native", "distance", 1), .row = distance,
     .inputs = {RTML_FLOAT64, RTML_FLOAT64, RTML_FLOAT64, RTML_FLOAT64}, .outputs = {RTML_FLOAT64}},
};
RTML_EXPORT(OPERATORS)
