"""Clicks on ads: the hour in one number, rare sites together, how often a device was seen, the rate of each position."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "click"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "click": [0, 0, 1, 0, 1, 0, 0, 1, 0, 0],
            "hour": [14102100, 14102113, 14102209, 14102217, 14102223, 14102300, 14102503, 14102612, 14103018, 14103023],
            "banner_pos": [0, 0, 1, 0, 1, 7, 0, 1, 0, 2],
            "site_id": [
                "1fbe01fe",
                "1fbe01fe",
                "85f751fd",
                "1fbe01fe",
                "85f751fd",
                "d9750ee7",
                "1fbe01fe",
                "85f751fd",
                "5b08c53b",
                "c",
            ],
            "site_category": [
                "28905ebd",
                "28905ebd",
                "50e219e0",
                "28905ebd",
                "50e219e0",
                "f028772b",
                None,
                "50e219e0",
                "f028772b",
                "",
            ],
            "device_type": [1, 1, 0, 1, 4, 1, 1, 0, 1, 5],
            "device_ip": ["ddd2926e", "96809ac8", "b3cf8def", "ddd2926e", "ddd2926e", "6c1c0a4e", "96809ac8", "aa", "bb", "cc"],
            "C15": [320, 320, 300, 320, 300, 728, 320, 300, 216, 320],
            "C16": [50, 50, 250, 50, 250, 90, 50, 250, 36, 50],
        }
    )


def features(data: pd.DataFrame) -> pd.DataFrame:
    data["hour"] = pd.to_datetime(data["hour"].astype(str), format="%y%m%d%H")
    data["hour_of_day"] = data["hour"].dt.hour
    data["day_name"] = data["hour"].dt.day_name()
    data["weekend"] = data["hour"].dt.dayofweek >= 5
    data["size"] = data["C15"].astype(str) + "x" + data["C16"].astype(str)
    data["area"] = np.log(data["C15"] * data["C16"])

    top_sites = data["site_id"].value_counts().head(2).index.tolist()
    data["site_id"] = data["site_id"].apply(lambda s: s if s in top_sites else "other")
    counts = data["device_ip"].value_counts()
    data["ip_count"] = data["device_ip"].map(counts).fillna(0)
    ctr = data.groupby("banner_pos")["click"].mean()
    data["pos_ctr"] = data["banner_pos"].map(ctr).fillna(data["click"].mean())
    data["device"] = data["device_type"].map({0: "tablet", 1: "phone"}).fillna("other")
    data["site_category"] = data["site_category"].fillna("").replace("", "none")
    data["device_x_pos"] = data["device"] + "_" + data["banner_pos"].astype(str)
    return data.drop(columns=["hour", "device_ip", "device_type", "C15", "C16"])
