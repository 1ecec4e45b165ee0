"""Taxi trip duration: haversine, bearing, the parts of the pick-up time, rides to the airport."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "trip_duration"


def haversine_array(lat1, lng1, lat2, lng2):
    lat1, lng1, lat2, lng2 = map(np.radians, (lat1, lng1, lat2, lng2))
    AVG_EARTH_RADIUS = 6371  # in km
    lat = lat2 - lat1
    lng = lng2 - lng1
    d = np.sin(lat * 0.5) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin(lng * 0.5) ** 2
    h = 2 * AVG_EARTH_RADIUS * np.arcsin(np.sqrt(d))
    return h


def bearing_array(lat1, lng1, lat2, lng2):
    lng_delta_rad = np.radians(lng2 - lng1)
    lat1, lng1, lat2, lng2 = map(np.radians, (lat1, lng1, lat2, lng2))
    y = np.sin(lng_delta_rad) * np.cos(lat2)
    x = np.cos(lat1) * np.sin(lat2) - np.sin(lat1) * np.cos(lat2) * np.cos(lng_delta_rad)
    return np.degrees(np.arctan2(y, x))


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "vendor_id": [2, 1, 2, 2, 1, 1],
            "pickup_datetime": [
                "2016-03-14 17:24:55",
                "2016-06-12 00:43:35",
                "2016-01-19 11:35:24",
                "2016-04-06 19:32:31",
                "2016-03-26 13:30:55",
                "2016-05-27 23:12:23",
            ],
            "passenger_count": [1, 1, 0, 6, 2, 9],
            "pickup_longitude": [-73.982155, -73.980415, -73.979027, -74.01004, -73.7822, -73.9692],
            "pickup_latitude": [40.767937, 40.738564, 40.763939, 40.719971, 40.6448, 40.7578],
            "dropoff_longitude": [-73.96463, -73.999481, -74.005333, -74.012268, -73.9729, -73.7781],
            "dropoff_latitude": [40.765602, 40.731152, 40.710087, 40.706718, 40.7821, 40.6413],
            "store_and_fwd_flag": ["N", "N", "N", "Y", "N", "N"],
            "trip_duration": [455, 663, 2124, 429, 2900, 2411],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["pickup_datetime"] = pd.to_datetime(t["pickup_datetime"])
    t["month"] = t["pickup_datetime"].dt.month
    t["hour"] = t["pickup_datetime"].dt.hour
    t["weekday"] = t["pickup_datetime"].dt.weekday
    t["is_weekend"] = t["weekday"].isin([5, 6]).astype(int)
    t["week_hour"] = t["weekday"] * 24 + t["hour"]
    t["hour_sin"] = np.sin(2 * np.pi * t["hour"] / 24)
    t["hour_cos"] = np.cos(2 * np.pi * t["hour"] / 24)

    points = t["pickup_latitude"], t["pickup_longitude"], t["dropoff_latitude"], t["dropoff_longitude"]
    t["distance"] = haversine_array(*points)
    t["direction"] = bearing_array(*points)
    to_jfk = haversine_array(t["dropoff_latitude"], t["dropoff_longitude"], 40.6413, -73.7781)
    t["to_airport"] = np.where(to_jfk < 2, 1, 0)
    t["passenger_count"] = t["passenger_count"].clip(1, 6)
    t["store_and_fwd_flag"] = 1 * (t.store_and_fwd_flag == "Y")
    t["log_distance"] = np.log1p(t.distance)
    return t.drop(columns=["pickup_datetime"])
